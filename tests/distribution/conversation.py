#!/usr/bin/env python3
"""Claude Code with the plugin, a simulated ComfyUI, and a stand-in for the model that plays back tool calls.

Usage: conversation.py PLUGIN_FOLDER, with CLAUDE and COMFYWARDEN_PROGRAM in the environment. Needs no login and no network.
Checks the names that tools get, that answers reach the model, and that the hook tells the user of danger and of nothing else.
"""

import http.server
import json
import os
import subprocess
import sys
import threading

PREFIX = "mcp__plugin_comfy_comfyui__"
WARNING = "Dangerous node type: Terminal"
DANGEROUS = {"1": {"class_type": "Terminal", "inputs": {}}}
HARMLESS = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": WARNING}},
}
CALLS = [
    ("comfyui_validate_workflow", {"workflow": DANGEROUS}),
    ("comfyui_run_workflow", {"workflow": HARMLESS, "wait": True}),
    ("comfyui_generate_image", {"prompt": WARNING, "wait": True, "width": 64, "height": 64, "steps": 1}),
    ("comfyui_run_workflow", {"workflow": DANGEROUS}),
]


def answer_of(done):
    if done >= len(CALLS):
        return {"type": "text", "text": "done"}, "end_turn"
    name, arguments = CALLS[done]
    return {"type": "tool_use", "id": f"toolu_{done:02}", "name": PREFIX + name, "input": arguments}, "tool_use"


class Model(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    results = {}
    # What the model was sent before it asked for anything.
    opening = ""

    def log_message(self, *_):
        pass

    def send(self, kind, body):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self):
        self.send("text/plain", b"")

    def do_GET(self):
        self.send("application/json", b"{}")

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        if "/v1/messages" not in self.path or "count_tokens" in self.path:
            return self.send("application/json", b'{"input_tokens": 1}')
        parts = [part for message in request["messages"] if isinstance(message["content"], list) for part in message["content"]]
        results = [part for part in parts if part.get("type") == "tool_result"]
        for part in results:
            Model.results[part["tool_use_id"]] = part
        if not results:
            Model.opening += json.dumps(request)
        # Requests without tools are small questions of the client to itself, such as a title.
        content, stop = answer_of(len(results)) if request.get("tools") else ({"type": "text", "text": "ok"}, "end_turn")
        message = {"id": "msg", "type": "message", "role": "assistant", "model": request.get("model"), "stop_sequence": None,
                   "usage": {"input_tokens": 1, "output_tokens": 1}}
        if not request.get("stream"):
            return self.send("application/json", json.dumps({**message, "content": [content], "stop_reason": stop}).encode())
        if content["type"] == "text":
            start, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": content["text"]}
        else:
            start, delta = {**content, "input": {}}, {"type": "input_json_delta", "partial_json": json.dumps(content["input"])}
        events = [
            {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}},
            {"type": "content_block_start", "index": 0, "content_block": start},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        ]
        body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
        self.send("text/event-stream", body.encode())


def run(plugin):
    model = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    program = os.environ["COMFYWARDEN_PROGRAM"]
    sim = subprocess.Popen([program, "sim", "--listen", "127.0.0.1:0", "--sampling-ms", "1"], stdout=subprocess.PIPE, text=True)
    try:
        url = sim.stdout.readline().split()[-1]
        environment = {
            **os.environ,
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{model.server_address[1]}",
            "ANTHROPIC_API_KEY": "none",
        }
        # The user's setting of the plugin, as the client keeps it.
        subprocess.run([os.environ["CLAUDE"], "plugin", "disable", "comfy@comfywarden"], env=environment, capture_output=True)
        # A setting that is empty leaves the address to the configuration file.
        with open(os.path.join(os.environ["HOME"], "comfywarden.yaml"), "w") as file:
            file.write(f"comfyui: {{url: '{url}'}}\nsecurity: {{mode: audit}}\n")
        environment["COMFYWARDEN_CONFIG"] = file.name
        command = [os.environ["CLAUDE"], "-p", "go", "--plugin-dir", plugin, "--allowedTools", PREFIX + "*",
                   "--output-format", "stream-json", "--verbose", "--include-hook-events"]
        ended = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
    finally:
        sim.terminate()
        model.shutdown()
    return [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")], ended.stderr


def text_of(result):
    content = result.get("content", "")
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def main():
    events, errors = run(sys.argv[1])
    wrong = []

    def expect(what, holds, shown=""):
        print(("ok   " if holds else "WRONG"), what, "" if holds else shown)
        if not holds:
            wrong.append(what)

    # The first event may come before the server has connected; what the model is told does not.
    tools = next((event["tools"] for event in events if event.get("subtype") == "init"), [])
    name = PREFIX + "comfyui_generate_image"
    expect("tools have the names of the plugin", name in tools or f'"{name}"' in Model.opening, errors)
    results = {name: Model.results.get(name) for name in (f"toolu_{number:02}" for number in range(len(CALLS)))}
    expect("every answer reaches the model", all(results.values()), results)
    told = [text_of(result or {}) for result in results.values()]
    expect("a dangerous workflow is told to the model", WARNING in told[0], told[0])
    expect("a finished run comes with a link", "comfyui://" in told[1] and '"completed"' in told[1], told[1])
    expect("a picture is made", '"completed"' in told[2], told[2])
    expect("headless, a dangerous run is refused", '"denied"' in told[3] and (results["toolu_03"] or {}).get("is_error"), told[3])
    hooks = [event["stdout"].strip() for event in events if event.get("subtype") == "hook_response"]
    lines = [json.loads(line)["systemMessage"] for line in hooks if line]
    expect("the hook ran after every answer that is no error", len(hooks) == 3, hooks)
    expect("the hook tells of danger once", lines == [f"SECURITY: comfyui_validate_workflow: {WARNING}"], lines)
    return 1 if wrong else 0


sys.exit(main())
