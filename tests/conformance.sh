#!/usr/bin/env bash
# Other people's judges on this server: the public conformance suite for both protocol revisions, the inspector's strict
# look at the schemas, and the Python client in both eras over both transports.
#
#   tests/conformance.sh [BINARY]      default: target/debug/comfywarden, built when missing
#
# Node, the suite, the inspector and the client are installed outside of the repository, in $COMFYWARDEN_CONFORMANCE
# (default ~/.cache/comfywarden-conformance). What cannot be installed is skipped, and said so in the last lines.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
place="${COMFYWARDEN_CONFORMANCE:-${XDG_CACHE_HOME:-$HOME/.cache}/comfywarden-conformance}"
binary="${1:-target/debug/comfywarden}"
mkdir -p "$place"
scratch="$(mktemp -d)"
started=()
skipped=()
failed=()

finish() {
    for process in "${started[@]}"; do kill "$process" 2>/dev/null; done
    rm -rf "$scratch"
}
trap finish EXIT

judge() { # judge NAME COMMAND…: runs it, keeps its verdict
    local name="$1"
    shift
    printf '\n== %s\n' "$name"
    if "$@"; then echo "ok: $name"; else
        echo "FAILED: $name"
        failed+=("$name")
    fi
}

address_of() { # the address that a program prints in FILE
    local file="$1"
    for _ in $(seq 100); do
        grep -oE 'http://127\.0\.0\.1:[0-9]+' "$file" && return 0
        sleep 0.1
    done
    echo "nothing listens: $(cat "$file")" >&2
    return 1
}

node="$place/node_modules/node/bin"
if [ ! -x "$node/node" ] || [ ! -d "$place/node_modules/@modelcontextprotocol/inspector" ]; then
    [ -f "$place/package.json" ] || echo '{"private":true}' >"$place/package.json"
    (cd "$place" && timeout 600 npm install --no-fund --no-audit node@22 @modelcontextprotocol/conformance@0.2.0-alpha.12 \
        @modelcontextprotocol/inspector@2.12.0 >npm.log 2>&1) ||
        skipped+=("conformance suite and inspector: npm cannot install them (log: $place/npm.log)")
fi
if [ ! -x "$place/venv/bin/python" ] || ! "$place/venv/bin/python" -c 'import mcp' 2>/dev/null; then
    { python3 -m venv "$place/venv" && timeout 300 "$place/venv/bin/pip" install -q mcp==2.3.0; } >"$place/pip.log" 2>&1 ||
        skipped+=("Python client: pip cannot install it (log: $place/pip.log)")
fi
export PATH="$node:$PATH"

[ -x "$binary" ] || cargo build --locked || exit 1
cargo build --locked --example conformance || exit 1
cat >"$scratch/config.yaml" <<YAML
rate_limits: {workflow: 1000000, generation: 1000000, file_ops: 1000000, read_only: 1000000, admin: 1000000}
logging: {audit_file: $scratch/audit.jsonl}
security: {mode: audit}
YAML

"$binary" sim --listen 127.0.0.1:0 >"$scratch/sim.log" 2>&1 &
started+=($!)
sim="$(address_of "$scratch/sim.log")" || exit 1
"$binary" --config "$scratch/config.yaml" --comfyui-url "$sim" serve --http 127.0.0.1:0 >"$scratch/product.log" 2>&1 &
started+=($!)
product="$(address_of "$scratch/product.log")" || exit 1
target/debug/examples/conformance 127.0.0.1:0 >"$scratch/fixture.log" 2>&1 &
started+=($!)
fixture="$(address_of "$scratch/fixture.log")" || exit 1

suite() { # suite URL REVISION [OPTIONS…]
    local url="$1" revision="$2"
    shift 2
    node "$place/node_modules/@modelcontextprotocol/conformance/dist/index.js" server --url "$url/mcp" \
        --requirements "$revision" -o "$scratch/results" "$@" >"$scratch/suite.log" 2>&1
    local verdict=$?
    sed -n '/=== SUMMARY/,$p' "$scratch/suite.log"
    return $verdict
}

if [ -x "$node/node" ] && [ -d "$place/node_modules/@modelcontextprotocol/conformance" ]; then
    for revision in 2026-07-28 2025-11-25; do
        judge "conformance build, $revision" suite "$fixture" "$revision"
        judge "product, $revision" suite "$product" "$revision" \
            --expected-failures "tests/conformance/needs-fixture-$revision.yml"
    done
    tasks() {
        local scenario verdict=0
        for scenario in lifecycle capability-negotiation wire-fields request-state-removal mrtr-input request-headers \
            dispatch-and-envelope status-notifications required-task-error mrtr-composition; do
            node "$place/node_modules/@modelcontextprotocol/conformance/dist/index.js" server --url "$fixture/mcp" \
                --scenario "tasks-$scenario" -o "$scratch/results" >"$scratch/tasks.log" 2>&1 || verdict=1
            grep -hE 'Passed:|^Test Results|passed' "$scratch/tasks.log" | tail -1 | sed "s/^/tasks-$scenario: /"
            [ $verdict = 0 ] || { tail -40 "$scratch/tasks.log"; return 1; }
        done
    }
    judge "conformance build, the tasks extension" tasks
    strict() {
        # The inspector takes --config for itself; the home keeps the audit log out of the user's.
        HOME="$scratch" "$place/node_modules/.bin/mcp-inspector" --cli "$binary" --comfyui-url "$sim" \
            --method tools/list --strict >"$scratch/strict.log" 2>&1
        local verdict=$?
        if grep -qE '[1-9][0-9]* (errors?|warnings?)' "$scratch/strict.log"; then verdict=1; fi
        [ $verdict = 0 ] || grep -E 'Tool|Path|Issue|errors|warnings' "$scratch/strict.log" | tail -40
        return $verdict
    }
    judge "inspector, strict" strict
fi
if "$place/venv/bin/python" -c 'import mcp' 2>/dev/null; then
    judge "Python client, both eras over both transports" \
        "$place/venv/bin/python" tests/conformance/matrix.py "$binary" "$sim" "$product/mcp"
fi

printf '\n== summary\n'
for what in "${skipped[@]}"; do echo "SKIPPED: $what"; done
for what in "${failed[@]}"; do echo "FAILED: $what"; done
[ ${#failed[@]} = 0 ] && echo "everything that ran passed"
[ ${#failed[@]} = 0 ]
