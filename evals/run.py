#!/usr/bin/env python3
"""Runs the suites with several models and prints the report.

    run.py --model openai/gpt-5 --model anthropic/claude-sonnet-4-5 --logs logs/today
    run.py --model mockllm/model --suite static --logs logs/trial

Keys of the providers come from their usual environment variables. `--url` names a real ComfyUI; without it one is simulated.
"""

import argparse
import json
import pathlib
import sys

from inspect_ai import eval as evaluate

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import results  # noqa: E402
import tasks  # noqa: E402


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", action="append", required=True)
    options.add_argument("--suite", action="append", choices=["static", "live"])
    options.add_argument("--logs", required=True)
    options.add_argument("--url", default="")
    options.add_argument("--limit", type=int, help="only so many questions of each suite")
    given = options.parse_args()
    chosen = [getattr(tasks, suite)(url=given.url) for suite in given.suite or ["static", "live"]]
    logs = evaluate(chosen, model=given.model, log_dir=given.logs, limit=given.limit, display="plain", max_connections=4)
    print(json.dumps(results.report(given.logs), indent=2))
    sys.exit(0 if all(log.status == "success" for log in logs) else 1)


if __name__ == "__main__":
    main()
