"""The load part of bench.py: lists, many callers over both transports, and memory over many calls."""

import asyncio
import json
import os
import re
import sys
import time

from bench import CONFIG, Mcp, median, memory_mb, queue_stub

CALLERS = 10
HEADERS = "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
}


async def serve_http(binary, url):
    command = [binary, "--config", CONFIG, "--comfyui-url", url, "serve", "--http", "127.0.0.1:0"]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    while True:
        line = (await process.stderr.readline()).decode()
        if found := re.search(r"MCP over HTTP: http://127\.0\.0\.1:(\d+)/mcp", line):
            return process, int(found[1])
        if not line:
            raise SystemExit("the server did not start")


class Connection:
    """One kept connection that asks in the era without handshake."""

    async def open(self, port):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        return self

    async def call(self, tool):
        params = {"name": tool, "arguments": {}, "_meta": META}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
        head = (
            f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n{HEADERS}MCP-Protocol-Version: 2026-07-28\r\n"
            f"Mcp-Method: tools/call\r\nMcp-Name: {tool}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        if found := re.search(rb"content-length: (\d+)", answer, re.I):
            content = await self.reader.readexactly(int(found[1]))
        else:
            content = b""
            while size := int((await self.reader.readline()) or b"0", 16):
                content += await self.reader.readexactly(size)
                await self.reader.readline()
            await self.reader.readline()
        return b" 200 " in answer.split(b"\r\n", 1)[0] and b'"isError":true' not in content and b'"result"' in content


async def many(callers, rounds):
    """Calls over these connections until `rounds` are done; how many failed."""
    left, failed = rounds, 0

    async def one(caller):
        nonlocal left, failed
        while left > 0:
            left -= 1
            failed += not await caller.call("comfyui_get_queue")

    await asyncio.gather(*(one(caller) for caller in callers))
    return failed


async def load(binary):
    server, port = await queue_stub()
    client = await Mcp().start(binary, f"http://127.0.0.1:{port}")
    times = []
    for _ in range(200):
        begun = time.perf_counter()
        listed = await client.ask("tools/list", {})
        times.append((time.perf_counter() - begun) * 1e3)
    tools = listed["result"]["tools"]
    size = sum(len(json.dumps(tool, separators=(",", ":"))) for tool in tools)
    print(f"tools/list            median {median(times)} ms for {len(tools)} tools, {size} bytes   (goal 2 ms, 70000)")
    begun = time.perf_counter()
    answered = await pipelined(client, 5000)
    rate = round(answered / (time.perf_counter() - begun))
    print(f"stdio                 {rate} calls/s with {CALLERS} in flight   (goal 2000)")
    await client.stop()
    process, at = await serve_http(binary, f"http://127.0.0.1:{port}")
    callers = [await Connection().open(at) for _ in range(CALLERS)]
    begun = time.perf_counter()
    failed = await many(callers, 2000)
    rate = round(2000 / (time.perf_counter() - begun))
    print(f"HTTP                  {rate} calls/s with {CALLERS} callers, {failed} of 2000 failed   (goal 1000, none)")
    early = memory_mb(process.pid)
    rounds = int(os.environ.get("BENCH_CALLS", "100000"))
    failed = await many(callers, rounds)
    late = memory_mb(process.pid)
    print(f"memory                {early} MB after 2000 calls, {late} MB after {rounds}, {failed} failed   (goal +10 MB)")
    process.terminate()
    await process.wait()
    server.close()
    if failed:
        sys.exit(1)


async def pipelined(client, rounds):
    """Keeps several calls in flight on one pipe; the answers come in any order."""
    sent = got = 0
    while got < rounds:
        while sent < rounds and sent - got < CALLERS:
            client.next_id += 1
            params = {"name": "comfyui_get_queue", "arguments": {}}
            client.send({"jsonrpc": "2.0", "id": client.next_id, "method": "tools/call", "params": params})
            sent += 1
        answer = json.loads(await client.process.stdout.readline())
        if answer.get("id") is None:
            continue
        if "error" in answer or answer["result"].get("isError"):
            raise SystemExit(f"a call failed: {answer}")
        got += 1
    return got
