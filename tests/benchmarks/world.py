"""What the benchmarks share: their tables, fresh processes to measure in, and the fake AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks import account

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One measured thing. `ratio` is against what `against` names; `goal` bounds it, and `met` says whether it holds (None: no goal)."""

    what: str
    measured: str
    ratio: float | None = None
    against: str = ""
    goal: str = ""
    met: bool | None = None


def at_most(limit: float, value: float) -> dict[str, Any]:
    """The goal and the outcome of a line whose value may not exceed `limit`."""
    return {"goal": f"<= {limit:g}", "met": value <= limit}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The result of one benchmark."""

    title: str
    lines: Sequence[Line]
    notes: Sequence[str] = ()

    @property
    def missed(self) -> bool:
        return any(line.met is False for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeAws:
    """A running fake AWS; `environment` is what a process needs to reach it."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        return {**account.ENVIRONMENT, "AWS_ENDPOINT_URL": self.url}

    def counts(self) -> Mapping[str, int]:
        """Requests since the last reset, by ``service operation``."""
        with urllib.request.urlopen(f"{self.url}/_fake/counts") as reply:
            counts: dict[str, int] = json.load(reply)
        return counts

    def reset(self) -> None:
        self._order("reset")

    def latency(self, milliseconds: int) -> None:
        """What every answer takes from now on."""
        self._order(f"latency/{milliseconds}")

    def _order(self, what: str) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/_fake/{what}", method="POST")).close()


@dataclass(kw_only=True)
class Bench:
    """One run of the benchmarks: `folder` is for files, `quick` asks for smaller sizes. Fake accounts are made once and shared."""

    folder: Path
    quick: bool = False
    _recorded: dict[str, Any] | None = None
    _stack: ExitStack = field(default_factory=ExitStack)
    _fakes: dict[str, FakeAws] = field(default_factory=dict)

    def close(self) -> None:
        self._stack.close()

    @property
    def account_size(self) -> str:
        return "medium" if self.quick else "large"

    def fake(self, size: str) -> FakeAws:
        """The fake AWS with an account of that size; its process ends with the run."""
        if size not in self._fakes:
            self._fakes[size] = self._stack.enter_context(_fake_aws(size))
        return self._fakes[size]

    def recorded(self) -> dict[str, Any]:
        """One scan of the fake account of `account_size`, after which every answer is in the fake's memory.

        ``{"calls": path of the recorded calls, "resources", "requests", "without": [types that the fake cannot answer], "types"}``
        """
        if self._recorded is None:
            fake = self.fake(self.account_size)
            places = {"calls": str(self.folder / "calls.json"), "store": str(self.folder / "recorded.db")}
            self._recorded = self.fresh("installations", "record", fake=fake, **places)
        return self._recorded

    def fresh(self, module: str, function: str, *, fake: FakeAws | None = None, **arguments: Any) -> dict[str, Any]:
        """What ``tests.benchmarks.<module>.<function>(**arguments)`` answers in a process of its own."""
        command = [sys.executable, "-m", "tests.benchmarks.fresh", module, function, json.dumps(arguments)]
        env = {**os.environ, **(fake.environment if fake else {})}
        done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, check=True)
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer


@contextmanager
def _fake_aws(size: str) -> Iterator[FakeAws]:
    command = [sys.executable, "-m", "tests.benchmarks.fake_aws", size]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield FakeAws(url=json.loads(process.stdout.readline())["url"])
        finally:
            process.stdin.close()
            process.wait(30)


def middle(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Of interleaved pairs (ours, theirs): the median of each side, and the median of the ratios."""
    return median(a for a, _ in pairs), median(b for _, b in pairs), median(a / b for a, b in pairs)
