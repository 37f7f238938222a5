#!/usr/bin/env python3
"""Measures comfywarden from outside, with the standard library alone. See benches/README.md.

  bench.py BINARY start            start until the answer to `initialize`, idle memory, size of the binary
  bench.py BINARY calls            comfyui_get_queue over stdio against a direct GET, and CPU per call
  bench.py BINARY delivery         ComfyUI's last event until the tool's answer, against `BINARY sim`
  bench.py BINARY load             tools/list, many callers over both transports, memory over 100,000 calls
  bench.py BINARY data             CPU time and peak memory for a workflow of 5.4 MB and an upload of 43 MB
  bench.py BINARY all
"""

import asyncio
import base64
import json
import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIG = os.path.join(HERE, "bench.yaml")
TICKS = os.sysconf("SC_CLK_TCK")
PICTURE = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "bench"}},
}


def median(values):
    return round(statistics.median(values), 3)


def memory_mb(pid):
    with open(f"/proc/{pid}/status") as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return round(int(line.split()[1]) / 1024, 1)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Mcp:
    """A client on the server's standard input and output."""

    async def start(self, binary, url):
        self.next_id = 0
        command = [binary, "--config", CONFIG, "--comfyui-url", url, "serve"]
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=1 << 26)
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
        await self.ask("initialize", hello)
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    def send(self, message):
        self.process.stdin.write(json.dumps(message).encode() + b"\n")

    async def ask(self, method, params):
        self.next_id += 1
        self.send({"jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params})
        while True:
            line = await self.process.stdout.readline()
            if not line:
                raise SystemExit("the server went away")
            answer = json.loads(line)
            if answer.get("id") == self.next_id and ("result" in answer or "error" in answer):
                return answer

    async def call(self, tool, arguments):
        answer = await self.ask("tools/call", {"name": tool, "arguments": arguments})
        if "error" in answer or answer["result"].get("isError"):
            raise SystemExit(f"a call failed: {answer}")
        return answer["result"]

    async def stop(self):
        self.process.stdin.close()
        await asyncio.wait_for(self.process.wait(), 5)


async def queue_stub():
    """Answers every request as an idle ComfyUI answers GET /queue."""
    body = b'{"queue_running": [], "queue_pending": []}'
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    async def serve(reader, writer):
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(head + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


async def start(binary):
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        client = await Mcp().start(binary, "http://127.0.0.1:9")
        times.append((time.perf_counter() - begun) * 1e3)
        await client.stop()
    client = await Mcp().start(binary, "http://127.0.0.1:9")
    await asyncio.sleep(1)
    memory = memory_mb(client.process.pid)
    await client.stop()
    size = round(os.path.getsize(binary) / 1e6, 1)
    print(f"start to initialize   median {median(times)} ms, best {round(min(times), 3)} ms   (goal 30 ms)")
    print(f"idle memory           {memory} MB   (goal 25 MB)")
    print(f"binary                {size} MB   (goal 20 MB)")


async def calls(binary, rounds=2000):
    server, port = await queue_stub()
    client = await Mcp().start(binary, f"http://127.0.0.1:{port}")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    direct, through = [], []

    async def get():
        writer.write(b"GET /queue HTTP/1.1\r\nHost: stub\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(42)

    for _ in range(100):
        await client.call("comfyui_get_queue", {})
    before = cpu_seconds(client.process.pid)
    for _ in range(rounds):
        begun = time.perf_counter()
        await client.call("comfyui_get_queue", {})
        through.append((time.perf_counter() - begun) * 1e3)
    cpu = (cpu_seconds(client.process.pid) - before) * 1e3 / rounds
    for _ in range(rounds):
        begun = time.perf_counter()
        await get()
        direct.append((time.perf_counter() - begun) * 1e3)
    memory = memory_mb(client.process.pid)
    writer.close()
    await client.stop()
    server.close()
    added = round(median(through) - median(direct), 3)
    print(f"comfyui_get_queue     median {median(through)} ms, direct GET {median(direct)} ms: {added} ms added   (goal 0.5 ms)")
    print(f"CPU per call          {round(cpu, 3)} ms   (goal 0.4 ms)")
    print(f"memory after {rounds} calls  {memory} MB")


class Socket:
    """ComfyUI's event socket, read until the queue is empty again."""

    async def open(self, port):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        key = base64.b64encode(os.urandom(16)).decode()
        self.writer.write(
            f"GET /ws?clientId=bench HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        await self.reader.readuntil(b"\r\n\r\n")
        return self

    async def frame(self):
        first, second = await self.reader.readexactly(2)
        length = second & 0x7F
        if length == 126:
            length = int.from_bytes(await self.reader.readexactly(2), "big")
        elif length == 127:
            length = int.from_bytes(await self.reader.readexactly(8), "big")
        payload = await self.reader.readexactly(length)
        return json.loads(payload) if first & 0x0F == 1 else {}

    async def drained(self):
        """When the queue, once filled, was reported empty."""
        filled = False
        while True:
            frame = await self.frame()
            if frame.get("type") != "status":
                continue
            remaining = frame["data"]["status"]["exec_info"]["queue_remaining"]
            filled = filled or remaining > 0
            if filled and remaining == 0:
                return time.perf_counter()


async def delivery(binary, rounds=50):
    pipe = asyncio.subprocess.PIPE
    sim = await asyncio.create_subprocess_exec(binary, "sim", "--listen", "127.0.0.1:0", stdout=pipe)
    line = (await sim.stdout.readline()).decode()
    port = int(line.split("127.0.0.1:")[1].split()[0].strip("/"))
    socket = await Socket().open(port)
    client = await Mcp().start(binary, f"http://127.0.0.1:{port}")
    waits = []
    for turn in range(rounds):
        graph = json.loads(json.dumps(PICTURE))
        graph["1"]["inputs"]["color"] = turn
        drained = asyncio.create_task(socket.drained())
        await client.call("comfyui_run_workflow", {"workflow": graph, "wait": True})
        answered = time.perf_counter()
        waits.append((answered - await drained) * 1e3)
    await client.stop()
    sim.terminate()
    await sim.wait()
    print(f"delivery              median {median(waits)} ms, worst {round(max(waits), 3)} ms after the last event   (goal 20 ms)")


async def main():
    from data import data
    from load import load

    if len(sys.argv) != 3 or sys.argv[2] not in ("start", "calls", "delivery", "load", "data", "all"):
        raise SystemExit(__doc__)
    binary = os.path.abspath(sys.argv[1])
    parts = {"start": start, "calls": calls, "delivery": delivery, "load": load, "data": data}
    for name, part in parts.items():
        if sys.argv[2] in (name, "all"):
            await part(binary)


if __name__ == "__main__":
    asyncio.run(main())
