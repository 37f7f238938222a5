"""Inspect AI tasks: can a model work with ComfyUI through comfywarden?

    inspect eval evals/tasks.py@static --model openai/gpt-5
    inspect eval evals/tasks.py@live --model mockllm/model -T url=http://127.0.0.1:8188

Without `url` a simulated ComfyUI is started. The questions are in datasets/, the answers come from oracle.py, which asks the
same server when the task starts.
"""

import atexit
import contextlib
import json
import pathlib
import sys
import tempfile

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput
from inspect_ai.scorer import Score, Target, accuracy, grouped, scorer, stderr
from inspect_ai.solver import TaskState, generate, solver, system_message, use_tools
from inspect_ai.tool import mcp_server_stdio, mcp_tools

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import oracle  # noqa: E402
import server  # noqa: E402

INSTRUCTIONS = """You work with a ComfyUI server through tools. Find out what is asked by calling tools; do not answer from memory.
End your last message with one line that starts with ANSWER: and holds only the answer: a number, a word, a file name, yes or no,
or names separated by commas."""
open_until_the_end = contextlib.ExitStack()
atexit.register(open_until_the_end.close)


def count_without_network():
    """The stand-in model counts tokens with a vocabulary from the Internet; for it, four letters a token are good enough."""
    with contextlib.suppress(ImportError):
        from inspect_ai.model._providers.mockllm import MockLLM

        async def estimate(_, text):
            return max(1, len(text) // 4)

        MockLLM.count_text_tokens = estimate


count_without_network()


def rows(suite):
    return [json.loads(line) for line in (HERE / "datasets" / f"{suite}.jsonl").read_text().splitlines() if line]


def written(value):
    """An answer of the oracle as a model would write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value) if value else "none"
    return str(value)


def comparable(kind, text):
    """What counts in an answer: case, quotation marks and order do not."""
    plain = text.strip().strip("`'\".").strip().lower()
    if kind == "number":
        try:
            return float(plain.replace(",", ""))
        except ValueError:
            return None
    if kind == "list":
        parts = {part.strip().strip("`'\"") for part in plain.strip("[]").split(",")}
        return frozenset(part for part in parts if part and part != "none")
    if kind == "yesno":
        return {"yes": True, "true": True, "no": False, "false": False}.get(plain)
    return plain


def final_answer(text):
    lines = [line for line in text.splitlines() if line.strip().upper().startswith("ANSWER:")]
    return lines[-1].strip()[len("ANSWER:"):].strip() if lines else None


@scorer(metrics=[accuracy(), stderr(), grouped(accuracy(), "tag")])
def equals_the_oracle():
    async def score(state: TaskState, target: Target):
        given = final_answer(state.output.completion)
        kind = state.metadata["kind"]
        right = given is not None and comparable(kind, given) is not None and comparable(kind, given) == comparable(kind, target.text)
        return Score(value="C" if right else "I", answer=given, explanation=f"the oracle says: {target.text}")

    return score


@solver
def stand_in(url, right):
    """In place of a model: asks the oracle anew, and gets every answer right, or none. It proves the harness."""
    async def solve(state: TaskState, _generate):
        text = "ANSWER: nothing of the kind"
        if right:
            with server.Server(url) as connection:
                text = "ANSWER: " + written(oracle.ANSWERS[state.sample_id](connection))
        state.output = ModelOutput.from_content(model="stand-in", content=text)
        return state

    return solve


def comfyui(url, models):
    """The address of the ComfyUI that is asked."""
    if url:
        return url
    return open_until_the_end.enter_context(server.Sim([entry for entry in models.split(";") if entry])).url


def build(suite, url, models, solve_with):
    address = comfyui(url, models)
    questions = rows(suite)
    answers = {}
    with server.Server(address) as connection:
        for row in questions:
            try:
                answers[row["id"]] = oracle.ANSWERS[row["id"]](connection)
            except oracle.LACKING as error:
                print(f"left out: {row['id']}: {error!r}")
    samples = [
        Sample(id=row["id"], input=row["question"], target=written(answers[row["id"]]),
               metadata={"kind": row["kind"], "tags": row["tags"], "tag": row["tags"][0], "seeded": row["seeded"]})
        for row in questions if row["id"] in answers
    ]
    folder = open_until_the_end.enter_context(tempfile.TemporaryDirectory())
    tools = mcp_server_stdio(name="comfywarden", command=server.program(), args=["serve"], env=server.environment(address, folder), cwd=folder)
    solvers = {
        "model": [system_message(INSTRUCTIONS), use_tools(mcp_tools(tools)), generate(tool_calls="loop")],
        "oracle": [stand_in(address, True)],
        "nonsense": [stand_in(address, False)],
    }
    return Task(
        dataset=MemoryDataset(samples, name=f"comfywarden-{suite}"),
        solver=solvers[solve_with],
        scorer=equals_the_oracle(),
        message_limit=40,
        metadata={"suite": suite, "simulated": not url},
        version=1,
    )


@task
def static(url: str = "", models: str = "", solve_with: str = "model"):
    """Templates, presets, validation, conversion, policy: nothing is drawn."""
    return build("static", url, models, solve_with)


@task
def live(url: str = "", models: str = "", solve_with: str = "model"):
    """Generation, state that is passed on, recovery from errors, reading outputs."""
    return build("live", url, models, solve_with)
