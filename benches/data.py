"""The data part of bench.py: what a large workflow and a large upload cost the server, in CPU time and peak memory."""

import asyncio
import base64
import json
import os
import random

from bench import Mcp, cpu_seconds

NODES = 6000
WORKFLOW_BYTES = 5_400_000
UPLOAD_BYTES = 43_000_000
CLASSES = {
    "EmptyImage": {"required": {name: ["INT", {"min": 0, "max": 1 << 24}] for name in ("width", "height", "batch_size", "color")}},
    "ImageInvert": {"required": {"image": ["IMAGE"]}, "optional": {"note": ["STRING", {"multiline": True}]}},
    "SaveImage": {"required": {"images": ["IMAGE"], "filename_prefix": ["STRING", {}]}},
}
WORDS = "a quiet harbour at dawn with small boats soft light on wet stone gulls over the pier and long blue shadows".split()


def large_workflow():
    """A workflow of 6,000 nodes and 5.4 MB, the same at every run: chains of ten nodes, with long texts."""
    source = random.Random(13)
    graph, text = {}, WORKFLOW_BYTES // NODES - 120
    for number in range(1, NODES + 1):
        place, before = number % 10, str(number - 1)
        if place == 1:
            node = {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": number}}
        elif place == 0:
            node = {"class_type": "SaveImage", "inputs": {"images": [before, 0], "filename_prefix": f"bench/{number}"}}
        else:
            words = []
            while sum(map(len, words)) + len(words) < text * 10 // 8:
                words.append(source.choice(WORDS))
            node = {"class_type": "ImageInvert", "inputs": {"image": [before, 0], "note": " ".join(words)}}
        node["_meta"] = {"title": f"Step {number}"}
        graph[str(number)] = node
    return graph


async def stub():
    """Answers as much of ComfyUI's HTTP interface as running, summarising and uploading need. No event socket."""
    info = {
        name: {
            "input": inputs, "output": ["IMAGE"], "output_is_list": [False], "output_name": ["IMAGE"], "name": name,
            "display_name": name, "description": "", "category": "image", "output_node": name == "SaveImage",
            "python_module": "nodes",
        }
        for name, inputs in CLASSES.items()
    }

    async def serve(reader, writer):
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                request, *lines = head.split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
                body = await read_body(reader, headers)
                method, path, _ = request.split(" ", 2)
                answer = answer_to(method, path.split("?")[0], body, info)
                status = "200 OK" if answer is not None else "404 Not Found"
                text = json.dumps(answer).encode()
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode()
                    + text
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
    return server, server.sockets[0].getsockname()[1]


async def read_body(reader, headers):
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    return body


def answer_to(method, path, body, info):
    if method == "POST" and path == "/prompt":
        posted = json.loads(body)
        assert len(posted["prompt"]) in (2, NODES)
        return {"prompt_id": posted["prompt_id"], "number": 1, "node_errors": {}}
    if method == "POST" and path == "/upload/image":
        assert len(body) > 1000
        return {"name": "bench.png", "subfolder": "", "type": "input"}
    if path == "/object_info":
        return info
    if path.startswith("/object_info/"):
        name = path.rsplit("/", 1)[1]
        return {name: info[name]} if name in info else {}
    return {
        "/queue": {"queue_running": [], "queue_pending": []},
        "/history": {},
        "/prompt": {"exec_info": {"queue_remaining": 0}},
        "/system_stats": {"system": {"comfyui_version": "0.3.76"}, "devices": []},
    }.get(path)


def peak_mb(pid):
    with open(f"/proc/{pid}/status") as status:
        line = next(line for line in status if line.startswith("VmHWM:"))
    return round(int(line.split()[1]) / 1024, 1)


def picture(size):
    """A PNG of about `size` bytes: one pixel, and a private chunk that any reader passes over."""
    import struct
    import zlib

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"prVt", random.Random(13).randbytes(size)), chunk(b"IDAT", zlib.compress(bytes(4))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


async def one(binary, name, tool, small, large, goal):
    """Runs `tool` on something small, so that what is loaded once is there, and then once on something large."""
    server, port = await stub()
    client = await Mcp().start(binary, f"http://127.0.0.1:{port}")
    await client.call(tool, small)
    pid, idle = client.process.pid, peak_mb(client.process.pid)
    before = cpu_seconds(pid)
    await client.call(tool, large)
    cpu = round(cpu_seconds(pid) - before, 2)
    print(f"{name:<22}{cpu} CPU-s, peak {peak_mb(pid)} MB, {idle} MB before   (goal {goal})")
    await client.stop()
    server.close()


async def data(binary):
    graph = large_workflow()
    small = {"workflow": {number: graph[number] for number in ("1", "2")}}
    size = len(json.dumps(graph, separators=(",", ":")))
    print(f"workflow              {len(graph)} nodes, {size} bytes")
    await one(binary, "run", "comfyui_run_workflow", small, {"workflow": graph}, "0.35 CPU-s, 45 MB")
    await one(binary, "summarise", "comfyui_summarize_workflow", small, {"workflow": graph}, "0.15 CPU-s")
    def upload(size):
        return {"filename": "bench.png", "image_data": base64.b64encode(picture(size)).decode()}
    await one(binary, "upload", "comfyui_upload_image", upload(2000), upload(UPLOAD_BYTES * 3 // 4), "+70 MB")
