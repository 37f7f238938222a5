#!/usr/bin/env python3
"""Proves the harness without a model: check.py FOLDER_FOR_LOGS

The datasets are well formed, the answers come from the server and change with its models, a solver that knows gets everything right
and one that does not gets nothing, a scripted model reaches the tools over MCP, and report and comparison add up.
"""

import json
import pathlib
import sys

from inspect_ai import eval as evaluate
from inspect_ai.model import ModelOutput, get_model

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import oracle  # noqa: E402
import results  # noqa: E402
import server  # noqa: E402
import tasks  # noqa: E402

OTHER_MODELS = [
    "checkpoints=dreamshaper_8.safetensors,zeta.safetensors,middle.safetensors",
    "loras=one.safetensors,two.safetensors,three.safetensors,four.safetensors,five.safetensors",
    "vae=only.safetensors",
    "upscale_models=2x-other.pth",
]
wrong = []


def expect(what, holds, shown=""):
    print("ok    " if holds else "WRONG ", what, "" if holds else shown, flush=True)
    if not holds:
        wrong.append(what)


def datasets():
    rows = [row for suite in ("static", "live") for row in tasks.rows(suite)]
    names = [row["id"] for row in rows]
    tags = {tag for row in rows for tag in row["tags"]}
    expect("every question has one oracle and every oracle one question", sorted(names) == sorted(oracle.ANSWERS))
    expect("at least 40 questions over at least 8 tags", len(rows) >= 40 and len(tags) >= 8, f"{len(rows)}, {len(tags)}")
    fields = {"id", "kind", "tags", "seeded", "question"}
    expect("no answer is written down", all(set(row) == fields for row in rows))
    return rows


def answers(models):
    with server.Sim(models) as sim, server.Server(sim.url) as connection:
        return oracle.all_answers(connection)


def seeds(rows):
    one, same, other = answers([]), answers([]), answers(OTHER_MODELS)
    expect("the same server gives the same answers", one == same, [name for name in one if one[name] != same[name]])
    expect("the simulated server has an answer to every question", sorted(one) == sorted(oracle.ANSWERS) == sorted(other))
    seeded = [row["id"] for row in rows if row["seeded"]]
    equal = [name for name in seeded if one[name] == other[name]]
    expect(f"{len(seeded)} answers change with the models of the server", len(seeded) >= 10 and not equal, equal)


def run(folder, name, model="mockllm/model", **arguments):
    both = [tasks.static(**arguments), tasks.live(**arguments)]
    logs = evaluate(both, model=model, log_dir=str(folder / name), display="none", log_level="warning")
    expect(f"{name}: both suites end well", all(log.status == "success" for log in logs), [log.error for log in logs])
    return sum(entry["solved"] for entry in results.report(folder / name))


def scripted(folder):
    """A model that asks one tool and answers with what it was told."""

    def play(messages, tools, _choice, _config):
        told = [message for message in messages if message.role == "tool"]
        if not told:
            expect("the model sees the tools", any(tool.name.endswith("comfyui_list_models") for tool in tools))
            name = next(tool.name for tool in tools if tool.name.endswith("comfyui_list_models"))
            return ModelOutput.for_tool_call("mockllm", name, {"folder": "loras"})
        answer = json.loads(told[-1].text)
        return ModelOutput.from_content("mockllm", "I looked.\nANSWER: " + ", ".join(reversed(answer["items"])))

    task = tasks.static()
    task.dataset = task.dataset.filter(lambda sample: sample.id == "loras-list")
    model = get_model("mockllm/model", custom_outputs=play)
    [log] = evaluate(task, model=model, log_dir=str(folder / "scripted"), display="none", log_level="warning")
    expect("a scripted model solves a task through the tools", results.report(folder / "scripted")[0]["solved"] == 1, log.error)
    expect("its tokens are counted", results.report(folder / "scripted")[0]["tokens_per_solved_task"] > 0)


def main():
    folder = pathlib.Path(sys.argv[1])
    rows = datasets()
    seeds(rows)
    expect("who knows gets everything right", run(folder, "oracle", solve_with="oracle") == len(rows))
    expect("who does not gets nothing", run(folder, "nonsense", solve_with="nonsense") == 0)
    expect("a model that only talks gets nothing", run(folder, "mockllm") == 0)
    scripted(folder)
    won = sum(len(entry["won"]) for entry in results.compare(folder / "nonsense", folder / "oracle"))
    lost = sum(len(entry["lost"]) for entry in results.compare(folder / "oracle", folder / "nonsense"))
    expect("a comparison names what was won and lost", won == lost == len(rows), (won, lost))
    for kind, left, right in (("number", "2.0", "2"), ("list", "`b`, A", "a, b"), ("yesno", "True", "yes"), ("text", '"X".', "x")):
        expect(f"answers of the kind {kind} are compared by meaning", tasks.comparable(kind, left) == tasks.comparable(kind, right))
    sys.exit(1 if wrong else 0)


main()
