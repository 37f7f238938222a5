"""The Python client in both eras over both transports, against the product.

    matrix.py BINARY COMFYUI_URL MCP_URL

Prints one line per combination; ends with a traceback and status 1 at the first thing that is not as promised.
"""

import asyncio
import sys

from mcp import Client, StdioServerParameters
from mcp.types import ElicitResult

DANGEROUS = {"1": {"class_type": "ExecutePython", "inputs": {"code": "import os"}}}
TINY = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 1}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "matrix"}},
}


async def one(server, mode: str) -> list[str]:
    questions: list[str] = []
    reports: list[float] = []

    async def no(_context, params):
        questions.append(params.message)
        return ElicitResult(action="accept", content={"value": False})

    async def progress(done, _total, _message):
        reports.append(done)

    done = []
    async with Client(server, mode=mode, elicitation_callback=no, read_timeout_seconds=30) as client:
        tools = (await client.list_tools()).tools
        assert len(tools) >= 19 and all(tool.output_schema for tool in tools), len(tools)
        assert tools == (await client.list_tools()).tools, "the list changed by itself"
        done.append(f"{len(tools)} tools")

        ran = await client.call_tool(
            "comfyui_run_workflow", {"workflow": TINY, "wait": True}, progress_callback=progress
        )
        assert not ran.is_error and ran.structured_content["status"] == "completed", ran
        assert reports == sorted(reports), reports
        done.append("run")

        bad = await client.call_tool("comfyui_get_job", {"prompt_id": "00000000-0000-4000-8000-000000000000"})
        assert bad.is_error, bad
        done.append("error")

        refused = await client.call_tool("comfyui_run_workflow", {"workflow": DANGEROUS})
        assert refused.is_error and len(questions) == 1, (refused, questions)
        done.append("question")

        resources = (await client.list_resources()).resources
        for resource in resources:
            assert (await client.read_resource(resource.uri)).contents, resource.uri
        assert (await client.list_resource_templates()).resource_templates
        done.append(f"{len(resources)} resources")

        prompt = await client.get_prompt("txt2img_prompt", {"prompt": "a pear"})
        assert "pear" in str(prompt.messages), prompt
        done.append("prompt")

        if mode == "legacy":
            await client.subscribe_resource("comfyui://queue")
            await client.unsubscribe_resource("comfyui://queue")
        else:
            async with client.listen(tools_list_changed=True, resource_subscriptions=["comfyui://queue"]):
                pass
        done.append("subscribe")
    return done


async def main() -> None:
    binary, comfyui, url = sys.argv[1:4]
    stdio = StdioServerParameters(command=binary, args=["--comfyui-url", comfyui, "serve"], env={"HOME": "/tmp"})
    for name, server in (("stdio", stdio), ("http", url)):
        for mode in ("auto", "legacy"):
            done = await one(server, mode)
            print(f"  {name} {mode}: {', '.join(done)}")


asyncio.run(main())
