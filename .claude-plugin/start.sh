#!/bin/sh
# Starts an installed comfywarden on standard input and output, or says in one line how to get it.

found=${COMFYWARDEN_BIN:-}
if [ -z "$found" ]; then
    found=$(command -v comfywarden 2>/dev/null) || found=
fi
if [ -z "$found" ]; then
    # Programs that a desktop starts often have a shorter PATH than a terminal.
    root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
    for place in "$HOME/.local/bin" "$HOME/.cargo/bin" /usr/local/bin /opt/homebrew/bin "$root/target/release"; do
        if [ -x "$place/comfywarden" ]; then
            found=$place/comfywarden
            break
        fi
    done
fi
if [ -z "$found" ] || [ ! -x "$found" ]; then
    echo "comfywarden is not installed: put the program for your system from https://github.com/comfywarden/comfywarden/releases into ~/.local/bin (or name it in COMFYWARDEN_BIN), then reconnect with /mcp" >&2
    exit 127
fi
exec "$found" serve "$@"
