#!/bin/sh
# Reads the event that Claude Code sends after a tool call and says in one line what comfywarden found.
#
# Only what the inspector itself says counts: the entries of `warnings` and `errors` in the answer and the numbers of
# the node audit, found by their place in the JSON. A prompt or a file name that repeats a warning stands elsewhere.
# Needs sh and awk, nothing else. Whatever happens, it exits with 0: a broken notice must not break the work.
#
# With `notice` as its argument the line is put into the envelope that Claude Code shows to the user at once.

LC_ALL=C awk -v envelope="${1:-line}" '
BEGIN { RS = "\"" }
{ event[NR] = $0 }
END {
    reading = "event"
    walk(event, NR)
    reading = "answer"
    for (one = 1; one <= answers; one++) {
        if (answer[one] ~ /^[ \t\r\n]*[{]/) { size = split(answer[one], pieces, "\""); walk(pieces, size) }
    }
    tell()
}

# Walks JSON that was cut at its quotation marks: every second piece is the inside of a text.
function walk(part, count,    at, inside, text, slashes, keep) {
    depth = 0; literal = ""; inside = 0
    for (at = 1; at <= count; at++) {
        if (!inside) {
            structure(part[at])
            inside = 1; text = ""; keep = wanted()
            continue
        }
        slashes = 0
        if (match(part[at], /\\+$/)) slashes = RLENGTH
        if (keep && length(text) < 400000) text = text part[at]
        if (slashes % 2) { if (keep) text = text "\""; continue }
        inside = 0
        if (is_key()) key[depth] = text
        else if (keep) found(place(), text)
    }
}

function structure(text,    at, letter) {
    for (at = 1; at <= length(text); at++) {
        letter = substr(text, at, 1)
        if (letter == "{" || letter == "[") {
            depth++; kind[depth] = letter; key[depth] = (letter == "[") ? "*" : ""; naming[depth] = (letter == "{")
        } else if (letter == "}" || letter == "]") { number(); depth-- }
        else if (letter == ",") { number(); naming[depth] = (kind[depth] == "{") }
        else if (letter == ":") { naming[depth] = 0; literal = "" }
        else if (letter ~ /[0-9]/) literal = literal letter
    }
}

function is_key() { return depth > 0 && kind[depth] == "{" && naming[depth] }

function wanted() {
    if (is_key()) return 1
    return reading == "event" ? (depth <= 1 || key[1] == "tool_response") : (depth <= 4)
}

function place(    at, path) {
    if (depth > 7) return "deep"
    path = key[1]
    for (at = 2; at <= depth; at++) path = path "." key[at]
    return path
}

function number() {
    if (literal != "" && depth <= 7) counted(place(), literal + 0)
    literal = ""
}

# A text at its place: of the event first, then of each answer in it.
function found(path, text) {
    if (reading == "event") {
        if (path == "tool_name") tool = plain(text)
        else if (path == "tool_response" || path ~ /^tool_response(\.content)?\.\*\.text$/) answer[++answers] = unescaped(text)
        else if (sub(/^tool_response\.structuredContent\./, "", path) || sub(/^tool_response\./, "", path)) judge(path, text)
    } else judge(path, text)
}

function counted(path, value) {
    sub(/^tool_response\.(structuredContent\.)?/, "", path)
    if (path ~ /^([a-z_]+\.)?dangerous\.count$/ && value > 0) hit(value " dangerous node " (value > 1 ? "classes are" : "class is") " installed")
}

function judge(path, text) {
    if (path ~ /^([a-z_]+\.)?warnings\.\*$/ && text ~ /^(Dangerous node type|Suspicious input in node|Suspicious class name)/) hit(text)
    if (path ~ /^errors\.\*$/ && text ~ /^Security: /) hit(substr(text, 11))
}

function hit(text) { if (!hits++) first = plain(text) }

# One escaping taken away; a sign that JSON cannot hold stands for a backslash meanwhile.
function unescaped(text,    count, parts, at, out) {
    gsub(/\\\\/, "\001", text)
    gsub(/\\"/, "\"", text)
    gsub(/\\\//, "/", text)
    gsub(/\\[nrtbf]/, " ", text)
    count = split(text, parts, "\001")
    out = parts[1]
    for (at = 2; at <= count; at++) out = out "\\" parts[at]
    return out
}

# What a terminal and a JSON text can hold; the rest is not obeyed and not shown.
function plain(text) {
    gsub(/\\\\/, "/", text)
    gsub(/\\u[0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F]/, "?", text)
    gsub(/\\"|"/, "\047", text)
    gsub(/\\/, "/", text)
    gsub(/[^ -~]/, "?", text)
    return length(text) > 200 ? substr(text, 1, 197) "..." : text
}

function tell(    line) {
    if (!hits) return
    sub(/^mcp__.*__/, "", tool)
    line = "SECURITY: " (tool == "" ? "comfywarden" : tool) ": " first
    if (hits > 1) line = line " (and " (hits - 1) " more)"
    print (envelope == "notice" ? "{\"systemMessage\":\"" line "\"}" : line)
}
' 2>/dev/null
exit 0
