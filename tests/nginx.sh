#!/usr/bin/env bash
# docs/nginx.conf, with its addresses replaced, in front of a real server: TLS, a token, both eras, and a stream.
#
#   tests/nginx.sh BINARY
#
# Needs nginx, openssl and curl; says so and ends with 0 when one is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
binary="$(realpath "${1:-target/debug/comfywarden}")"
for tool in nginx openssl curl; do
    command -v "$tool" >/dev/null || { echo "SKIPPED: there is no $tool here"; exit 0; }
done
place="$(mktemp -d)"
started=()
tidy() {
    for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
    rm -rf "$place"
}
trap tidy EXIT
port=$((20000 + RANDOM % 10000))
token=a-token-that-is-long-enough

openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=mcp.example.com -keyout "$place/key.pem" -out "$place/cert.pem" 2>/dev/null
cat >"$place/config.yaml" <<YAML
logging: {audit_file: $place/audit.jsonl}
transport: {remote: {allowed_hosts: [mcp.example.com], tokens: [$token]}}
YAML
"$binary" sim --listen 127.0.0.1:0 >"$place/sim.log" 2>&1 &
started+=($!)
"$binary" --config "$place/config.yaml" serve --http "127.0.0.1:$port" >"$place/server.log" 2>&1 &
started+=($!)
sed -e "s|127.0.0.1:8080|127.0.0.1:$port|; s|listen 443 ssl|listen 127.0.0.1:$((port + 1)) ssl|" \
    -e "s|/etc/ssl/certs/mcp.example.com.pem|$place/cert.pem|; s|/etc/ssl/private/mcp.example.com.key|$place/key.pem|" \
    docs/nginx.conf >"$place/site.conf"
printf 'daemon off; pid %s/pid; error_log %s/error.log; events {}\nhttp { access_log off; client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path %s/s; include %s/site.conf; }\n' \
    "$place" "$place" "$place" "$place" "$place" "$place" "$place" "$place" >"$place/nginx.conf"
nginx -c "$place/nginx.conf" -e "$place/error.log" &
started+=($!)

ask() { # ask TOKEN BODY [CURL OPTIONS]: status, then the answer
    local bearer="$1" body="$2"
    shift 2
    curl -sS --cacert "$place/cert.pem" --resolve "mcp.example.com:$((port + 1)):127.0.0.1" --max-time 20 \
        -w '\nstatus %{http_code}\n' -H "Authorization: Bearer $bearer" -H 'Content-Type: application/json' \
        -H 'Accept: application/json, text/event-stream' -d "$body" "$@" "https://mcp.example.com:$((port + 1))/mcp"
}
expect() { # expect NAME PATTERN, of what comes in
    local answer
    answer="$(cat)"
    if grep -q "$2" <<<"$answer"; then echo "ok: $1"; else
        echo "FAILED: $1: $answer"
        exit 1
    fi
}
for _ in $(seq 50); do
    curl -fsk -o /dev/null "https://127.0.0.1:$((port + 1))/healthz" && break
    sleep 0.1
done

meta='"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"}}'
modern=(-H 'MCP-Protocol-Version: 2026-07-28')
hello='{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}'
ask wrong "$hello" | expect "a wrong token is refused" 'status 401'
ask "$token" "$hello" | expect "handshake" '"serverInfo"'
ask "$token" "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\",\"params\":{$meta}}" "${modern[@]}" \
    -H 'Mcp-Method: tools/list' | expect "tools without a handshake" 'comfyui_generate_image'
{ ask "$token" "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"subscriptions/listen\",\"params\":{\"notifications\":{\"toolsListChanged\":true},$meta}}" \
    "${modern[@]}" -H 'Mcp-Method: subscriptions/listen' --max-time 2 2>/dev/null || true; } | expect "a stream is passed on at once" 'acknowledged'
echo "everything passed"
