#!/usr/bin/env python3
"""What came out: `results.py report LOGS` and `results.py compare LOGS_BEFORE LOGS_AFTER`.

The report says for every model how much it solved, by tag, and how many tokens a solved task cost; tokens of tasks that were
not solved count, too, since they were paid for. The comparison says what was won and lost.
"""

import argparse
import collections
import json
import pathlib

from inspect_ai.log import list_eval_logs, read_eval_log


def read(folder):
    """The newest log of each task and model: {(task, model): {sample id: result}}."""
    found = {}
    for place in sorted(list_eval_logs(str(pathlib.Path(folder).resolve())), key=lambda place: place.mtime or 0):
        log = read_eval_log(place)
        if log.status != "success":
            print(f"left out: {pathlib.Path(place.name).name} ended with {log.status}")
            continue
        found[log.eval.task.split("/")[-1], log.eval.model] = {
            str(sample.id): {
                "solved": any(score.value in ("C", 1, 1.0) for score in (sample.scores or {}).values()),
                "tokens": sum(usage.total_tokens for usage in sample.model_usage.values()),
                "tags": sample.metadata.get("tags", []),
            }
            for sample in log.samples or []
        }
    return found


def summary(samples):
    solved = sum(sample["solved"] for sample in samples.values())
    tokens = sum(sample["tokens"] for sample in samples.values())
    tags = collections.defaultdict(lambda: [0, 0])
    for sample in samples.values():
        for tag in sample["tags"]:
            tags[tag][0] += sample["solved"]
            tags[tag][1] += 1
    return {
        "solved": solved,
        "questions": len(samples),
        "tokens": tokens,
        "tokens_per_solved_task": round(tokens / solved) if solved else None,
        "tags": {tag: f"{right}/{total}" for tag, (right, total) in sorted(tags.items())},
    }


def report(folder):
    return [{"task": task, "model": model, **summary(samples)} for (task, model), samples in sorted(read(folder).items())]


def compare(before, after):
    older, newer, found = read(before), read(after), []
    for task, model in sorted(newer):
        if (task, model) not in older:
            found.append({"task": task, "model": model, "note": "only in the newer run"})
            continue
        left, right = older[task, model], newer[task, model]
        both = sorted(left.keys() & right.keys())
        cost = [summary({name: run[name] for name in both})["tokens_per_solved_task"] for run in (left, right)]
        found.append({
            "task": task,
            "model": model,
            "solved": [sum(run[name]["solved"] for name in both) for run in (left, right)],
            "won": [name for name in both if right[name]["solved"] and not left[name]["solved"]],
            "lost": [name for name in both if left[name]["solved"] and not right[name]["solved"]],
            "tokens_per_solved_task": cost,
            "only_in_one": sorted(left.keys() ^ right.keys()),
        })
    found += [{"task": task, "model": model, "note": "only in the older run"} for task, model in sorted(older.keys() - newer.keys())]
    return found


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = options.add_subparsers(dest="command", required=True)
    commands.add_parser("report").add_argument("logs")
    two = commands.add_parser("compare")
    two.add_argument("before")
    two.add_argument("after")
    given = options.parse_args()
    print(json.dumps(report(given.logs) if given.command == "report" else compare(given.before, given.after), indent=2))


if __name__ == "__main__":
    main()
