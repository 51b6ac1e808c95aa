"""Calls one function of one benchmark in this process, which was started for it, and prints its answer as the last line, in JSON."""

from __future__ import annotations

import importlib
import json
import sys


def main(module: str, function: str, arguments: str) -> None:
    found = getattr(importlib.import_module(f"tests.benchmarks.{module}"), function)
    print(json.dumps(found(**json.loads(arguments))))


if __name__ == "__main__":
    main(*sys.argv[1:])
