#!/usr/bin/env python3
"""Prints the shell of every `run:` step of the named workflows, one function each, with GitHub's expressions
replaced by a plain word."""

import itertools
import re
import sys

import yaml

number = itertools.count(1)
print("set -e")
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        workflow = yaml.safe_load(file)
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            if "run" in step:
                print(f"step{next(number)}() {{\n" + re.sub(r"\$\{\{.*?\}\}", "expression", step["run"]) + "\n}")
