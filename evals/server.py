"""A small MCP client over standard input and output: enough to ask comfywarden, with nothing to install."""

import itertools
import json
import os
import pathlib
import queue
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PATIENCE = 120
PATIENCE_FOR_A_JOB = 900


def program():
    """The comfywarden under test: COMFYWARDEN, or what cargo built."""
    named = os.environ.get("COMFYWARDEN")
    built = [ROOT / "target" / profile / "comfywarden" for profile in ("release", "debug")]
    # The harness works in a folder of its own, so a relative name also counts from the repository.
    for place in [pathlib.Path(named), ROOT / named] if named else built:
        if place.is_file():
            # It is started from other folders.
            return str(place.resolve())
    raise SystemExit("there is no comfywarden: build it, or name it in COMFYWARDEN")


def environment(url, folder, **more):
    """Nothing of the machine's own settings; limits that do not get into the way of many questions."""
    limits = {f"COMFYWARDEN_RATE_LIMITS_{name}": "10000" for name in ("WORKFLOW", "GENERATION", "FILE_OPS", "READ_ONLY", "ADMIN")}
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "COMFYUI_URL": url,
        "COMFYUI_AUDIT_FILE": str(pathlib.Path(folder) / "audit.jsonl"),
        **limits,
        **more,
    }


class Failed(Exception):
    """A call that the server refused; `error` is its object with kind, message and hint."""

    def __init__(self, error):
        super().__init__(error.get("message", str(error)))
        self.error = error


class Sim:
    """A simulated ComfyUI, with models of its own if some are given."""

    def __init__(self, models=()):
        command = [program(), "sim", "--listen", "127.0.0.1:0", "--sampling-ms", "1"]
        for entry in models:
            command += ["--models", entry]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)


class Server:
    """comfywarden before one ComfyUI."""

    def __init__(self, url, **more):
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [program(), "serve"], env=environment(url, self.folder.name, **more), cwd=self.folder.name,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        self.numbers = itertools.count(1)
        self.answers = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "oracle", "version": "1"}}
        self.request("initialize", hello)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)
        self.folder.cleanup()

    def _read(self):
        for line in self.process.stdout:
            self.answers.put(json.loads(line))
        self.answers.put(None)

    def _send(self, message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def request(self, method, params):
        number = next(self.numbers)
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        while True:
            answer = self.answers.get(timeout=PATIENCE)
            if answer is None:
                raise RuntimeError("the server went away")
            if answer.get("id") == number and "method" not in answer:
                if "error" in answer:
                    raise Failed(answer["error"])
                return answer["result"]

    def call(self, tool, **arguments):
        """The structured answer of a tool."""
        result = self.request("tools/call", {"name": tool, "arguments": arguments})
        if result.get("isError"):
            text = result["content"][0]["text"]
            raise Failed(json.loads(text) if text.startswith("{") else {"message": text})
        return result["structuredContent"]

    def finished(self, tool, **arguments):
        """The answer of a tool that runs a job, after the job has ended; a busy server may take longer than one wait."""
        answer = self.call(tool, wait=True, **arguments)
        end = time.monotonic() + PATIENCE_FOR_A_JOB
        while answer["status"] in ("submitted", "queued", "running") and time.monotonic() < end:
            now = self.call("comfyui_get_progress", prompt_id=answer["prompt_id"], wait_seconds=50)
            answer |= {key: now[key] for key in ("status", "outputs") if key in now}
        if answer["status"] != "completed":
            raise Failed({"message": f"the job of {tool} has the status {answer['status']}"})
        return answer

    def refusal(self, tool, **arguments):
        """The error object of a call that must fail."""
        try:
            self.call(tool, **arguments)
        except Failed as failed:
            return failed.error
        raise AssertionError(f"{tool} was expected to refuse {arguments}")

    def everything(self, tool, **arguments):
        """The items of all pages."""
        items = []
        while True:
            page = self.call(tool, limit=100, offset=len(items), **arguments)
            items += page["items"]
            if not page["has_more"] or not page["items"]:
                return items
