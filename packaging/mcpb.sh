#!/bin/sh
# Packs a bundle for Claude Desktop: mcpb.sh PROGRAM OUT.mcpb. Needs `mcpb` (npm: @anthropic-ai/mcpb) on the PATH or in MCPB.
set -eu
program=$1
out=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

mkdir "$folder/server"
case $program in
    *.exe) cp "$program" "$folder/server/comfywarden.exe" ;;
    *) cp "$program" "$folder/server/comfywarden" && chmod 755 "$folder/server/comfywarden" ;;
esac
cp "$here/manifest.json" "$folder/manifest.json"
cp "$here/../.claude-plugin/icon.png" "$folder/icon.png"
cp "$here/../LICENSE-MIT" "$here/../LICENSE-APACHE" "$folder/"
"${MCPB:-mcpb}" validate "$folder/manifest.json"
"${MCPB:-mcpb}" pack "$folder" "$out"
