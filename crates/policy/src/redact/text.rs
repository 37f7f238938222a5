//! Finds secrets inside a piece of text.

use std::borrow::Cow;

use comfywarden_pattern::Pattern;
use regex::Captures;
use serde_json::Value;

use super::{
    MAX_NESTING, REDACTED,
    clues::Clues,
    disguise,
    keys::{is_secret_key, words},
    secret_patterns::{BOT, COOKIES, NAMED, OPTION, PAIR, SCHEME, SPOKEN, TOKEN, URL, is_credential},
    urls,
    value::redact_nested,
};

/// The fewest bytes of a name, a separator and a secret.
const SHORTEST: usize = 7;

/// Replaces every secret in `text`.
pub fn redact_text(text: &str) -> Cow<'_, str> {
    redact_at(text, 0)
}

pub(super) fn redact_at(text: &str, nesting: usize) -> Cow<'_, str> {
    if text.len() < SHORTEST || nesting > MAX_NESTING {
        return Cow::Borrowed(text);
    }
    if !disguise::can_undo() {
        return Cow::Owned(REDACTED.to_owned());
    }
    if let Some(json) = redact_json(text, nesting) {
        return Cow::Owned(json);
    }
    let shown = redact_as_written(text, nesting);
    // What a reader or a program would make of it must not tell more.
    for plain in disguise::undone(&shown) {
        if let Cow::Owned(redacted) = redact_as_written(&plain, nesting + 1) {
            return Cow::Owned(redacted);
        }
    }
    shown
}

fn redact_as_written(text: &str, nesting: usize) -> Cow<'_, str> {
    let clues = Clues::of(text);
    let text = replace(text.into(), clues.token.then_some(&TOKEN), |found| {
        let token = found.get(0)?.as_str();
        // Of an address the part that says whose it is stays.
        let prefix =
            ["hooks.slack.com/services/", "/api/webhooks/"].iter().find(|prefix| token.starts_with(**prefix));
        Some(format!("{}{REDACTED}", prefix.unwrap_or(&"")))
    });
    let text = replace(text, clues.bot.then_some(&BOT), |_| Some(REDACTED.to_owned()));
    let text = replace(text, clues.url.then_some(&URL), |found| {
        let url = found.get(0)?.as_str();
        urls::redact_url(url, nesting)
    });
    let text = replace(text, clues.pair.then_some(&COOKIES), |found| keep_name(found, true));
    let text = replace(text, clues.scheme.then_some(&SCHEME), keep_name_of_scheme);
    let text = replace(text, clues.pair.then_some(&PAIR), |found| {
        let name = found.name("name")?.as_str();
        let value = found.name("value")?.as_str();
        let decoded = if name.contains('%') { urls::percent_decoded(name) } else { name.to_owned() };
        let secret =
            (is_secret_key(&decoded) && !is_plain(&decoded, value, found)) || is_session(&decoded, value);
        keep_name(found, secret && !ends_path(found))
    });
    let text = replace(text, clues.named.then_some(&NAMED), |found| {
        keep_name(found, is_secret_key(found.name("name")?.as_str()))
    });
    let text = replace(text, clues.spoken.then_some(&SPOKEN), |found| {
        let value = found.name("value")?.as_str();
        let tagged = found.name("between")?.as_str() == ">";
        let spoken = value.bytes().any(|b| b.is_ascii_digit());
        keep_name(found, (tagged || spoken) && is_secret_key(found.name("name")?.as_str()))
    });
    replace(text, clues.option.then_some(&OPTION), |found| {
        let name = found.name("name")?.as_str().trim_start_matches('-');
        let value = found.name("value")?.as_str();
        keep_name(found, is_secret_key(name) && !is_denied(name) && !is_sentence(value))
    })
}

/// Lists the values under names of secrets in `text`: in headers, forms, JSON, connection strings and addresses.
pub(crate) fn named_values(text: &str) -> Vec<String> {
    if !URL.compiles() || !PAIR.compiles() {
        return vec![text.to_owned()];
    }
    let mut values = Vec::new();
    replace(text.into(), Some(&URL), |found| {
        values.extend(urls::secrets_in(found.get(0)?.as_str()));
        None
    });
    replace(text.into(), Some(&PAIR), |found| {
        let (name, value) = (found.name("name")?.as_str(), found.name("value")?.as_str());
        if is_secret_key(name) && !is_plain(name, value, found) {
            let bare = value.trim_matches(['"', '\'', '\\']);
            values.push(bare.split_once(' ').map_or(bare, |(_, credential)| credential).to_owned());
        }
        None
    });
    values
}

/// True for `/etc/passwd: …`: the end of a path in a sentence is no name of a secret.
fn ends_path(found: &Captures<'_>) -> bool {
    let between = found.name("between").map_or("", |between| between.as_str());
    found.name("path").is_some() && between.starts_with(": ")
}

/// True for an option such as `--no-auth`, which takes no value.
pub(super) fn is_denied(option: &str) -> bool {
    option.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("no-"))
}

/// True for a value that is no secret whatever its name.
fn is_plain(name: &str, value: &str, found: &Captures<'_>) -> bool {
    let between = found.name("between").map_or("", |between| between.as_str());
    let passes = || is_short_number(value) && words(name).last().is_some_and(|word| word == "pass");
    is_harmless(value)
        || (between.ends_with(' ') && (is_sentence(value) || (is_word(value) && !is_made_up(name))))
        || (between == ":" && is_weight(value))
        || passes()
}

/// True for `true`, `false`, `null` and redacted values, which are no secrets.
pub(super) fn is_harmless(value: &str) -> bool {
    const NOTHING: [&str; 9] =
        ["true", "false", "null", "none", "disabled", "enabled", "required", "optional", ""];
    NOTHING.iter().any(|word| value.eq_ignore_ascii_case(word)) || value.starts_with("[redacted")
}

/// True for a word with which a sentence about a secret goes on: `password: must not be empty`, `--token to log in`.
fn is_sentence(value: &str) -> bool {
    const WORDS: [&str; 32] = [
        "a", "an", "the", "is", "are", "was", "must", "may", "should", "can", "cannot", "field", "missing",
        "invalid", "expected", "to", "or", "and", "for", "not", "no", "of", "in", "on", "with", "this",
        "that", "if", "use", "see", "set", "give",
    ];
    WORDS.contains(&value)
}

/// True for a word of small letters, as in `api key: brass on a ring`: programs make no such credentials.
fn is_word(value: &str) -> bool {
    (3..=12).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// True for names of secrets that people make up, which may be any word.
fn is_made_up(name: &str) -> bool {
    words(name).last().is_none_or(|last| {
        last.starts_with("pass") || matches!(last.as_str(), "pwd" | "secret" | "secrets" | "pin" | "creds")
    })
}

/// True for `comfy_session=…`, which keeps somebody logged in.
fn is_session(name: &str, value: &str) -> bool {
    value.len() >= 8
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
        && name.len() > 7
        && words(name).last().is_some_and(|last| matches!(last.as_str(), "session" | "sess"))
}

/// True for the weight of a word in a prompt: `(token:1.2)`, `[token:coin:0.5]`, `<lora:token:1>`.
fn is_weight(value: &str) -> bool {
    let inner = value.trim_end_matches([')', ']', '}']);
    let number = inner.rsplit(':').next().unwrap_or_default();
    let closed = inner.len() < value.len();
    is_short_number(number) && (closed || number.contains('.') || number.len() < 3)
}

fn is_short_number(text: &str) -> bool {
    (1..=5).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

fn keep_name(found: &Captures<'_>, secret: bool) -> Option<String> {
    if !secret {
        return None;
    }
    let path = found.name("path").map_or("", |path| path.as_str());
    Some(format!("{path}{}{}{REDACTED}", found.name("name")?.as_str(), found.name("between")?.as_str()))
}

fn keep_name_of_scheme(found: &Captures<'_>) -> Option<String> {
    let value = found.name("value")?.as_str();
    is_credential(value).then(|| {
        let scheme = found.name("scheme").map_or("", |scheme| scheme.as_str());
        format!("{scheme} {REDACTED}")
    })
}

/// Replaces the matches that `change` returns a text for. Text without a change is not copied; without a pattern there
/// is nothing to look for.
fn replace<'t>(
    text: Cow<'t, str>,
    pattern: Option<&Pattern>,
    mut change: impl FnMut(&Captures<'_>) -> Option<String>,
) -> Cow<'t, str> {
    let Some(pattern) = pattern else { return text };
    // A pattern that did not compile would let secrets through: then nothing of the text is shown.
    let Some(pattern) = pattern.get() else { return Cow::Owned(REDACTED.to_owned()) };
    let mut result = String::new();
    let mut done = 0;
    let mut from = 0;
    while let Some(found) = pattern.captures_at(&text, from) {
        let Some(whole) = found.get(0) else { break };
        if let Some(replacement) = change(&found) {
            result.push_str(text.get(done..whole.start()).unwrap_or_default());
            result.push_str(&replacement);
            done = whole.end();
            from = whole.end();
        } else {
            // Something inside a rejected match may match: `note: token=x` begins with the harmless name `note`.
            from = found.name("value").map_or(whole.end(), |value| value.start()).max(whole.start() + 1);
            while !text.is_char_boundary(from) {
                from += 1;
            }
        }
    }
    if done == 0 {
        return text;
    }
    result.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(result)
}

/// Redacts JSON text as a value; `None` when that changes nothing.
fn redact_json(text: &str, nesting: usize) -> Option<String> {
    let trimmed = text.trim();
    if nesting >= MAX_NESTING || !(trimmed.starts_with(['{', '[']) && trimmed.ends_with(['}', ']'])) {
        return None;
    }
    let before: Value = serde_json::from_str(trimmed).ok()?;
    let mut after = before.clone();
    redact_nested(&mut after, nesting + 1);
    (after != before).then(|| after.to_string())
}
