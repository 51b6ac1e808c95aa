"""The benchmarks can be found and run, and what they count by hand exists.

Their figures are never asserted: a test must not fail because the machine is busy.
"""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from pathlib import Path

import pytest

from driftwatch.aws.catalog import load
from driftwatch.aws.sdk import Sdk
from tests import benchmarks
from tests.benchmarks import __main__ as command
from tests.benchmarks.account import HELD, SIZES
from tests.benchmarks.calls import HAND
from tests.benchmarks.recording import DISCOVERY
from tests.benchmarks.world import Bench, Line, Table, at_most

FOLDER = Path(benchmarks.__file__).parent


def test_every_module_that_measures_is_listed_and_every_listed_one_measures() -> None:
    measuring = {path.stem for path in FOLDER.glob("*.py") if "\ndef run(bench: Bench) -> Table:" in path.read_text()}
    assert measuring == set(benchmarks.BENCHMARKS)
    for name in benchmarks.BENCHMARKS:
        module = importlib.import_module(f"tests.benchmarks.{name}")
        assert list(inspect.signature(module.run).parameters) == ["bench"]
        assert module.__doc__


def test_the_count_by_hand_names_only_types_of_the_catalogue_with_a_reason_for_each() -> None:
    catalog, sdk = load(), Sdk()
    assert set(HAND) <= set(catalog)
    for type_, hand in HAND.items():
        assert hand.why, type_
        assert hand.calls >= 0, type_
        signed_as = {sdk.service(catalog[type_].service).signing_name, catalog[type_].service}
        assert hand.service in signed_as, f"{type_} is signed as {sorted(signed_as)}"


def test_what_the_fake_account_holds_is_in_the_catalogue_and_counted() -> None:
    assert set(load()) >= HELD
    assert set(HAND) == HELD


def test_the_sizes_of_the_fake_account_grow() -> None:
    small, medium, large = (SIZES[name] for name in ("small", "medium", "large"))
    for name in small.__slots__:
        assert getattr(small, name) <= getattr(medium, name) <= getattr(large, name), name


def test_discovery_is_what_the_count_sets_apart() -> None:
    assert [(call.service, call.operation) for call in DISCOVERY] == [("sts", "GetCallerIdentity"), ("ec2", "DescribeRegions")]


@dataclass(frozen=True)
class MadeUp:
    """A benchmark that measures nothing."""

    ratio: float

    def run(self, _bench: Bench) -> Table:
        line = Line(what="a thing", measured="2 s", ratio=self.ratio, against="another", **at_most(1.5, self.ratio))
        return Table(title="made up", lines=[line], notes=["a note"])


def test_a_missed_goal_is_printed_and_fails_only_a_strict_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["size"], find=lambda _name: MadeUp(2.0)) == 0
    shown = capsys.readouterr().out
    assert all(part in shown for part in ("made up", "a thing", "2.00", "<= 1.5", "missed", "a note"))
    assert command.main(["size", "--strict"], find=lambda _name: MadeUp(2.0)) == 1
    assert command.main(["size", "--strict"], find=lambda _name: MadeUp(1.0)) == 0


def test_all_benchmarks_run_in_their_order_unless_some_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, expected in (([], list(benchmarks.BENCHMARKS)), (["wall", "calls"], ["wall", "calls"])):
        found: list[str] = []
        command.main(arguments, find=lambda name, found=found: found.append(name) or MadeUp(1.0))  # type: ignore[misc]
        assert found == expected
    capsys.readouterr()


def test_a_name_that_is_no_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        command.main(["speed"])
    assert refused.value.code == 2
    assert "there is no benchmark speed" in capsys.readouterr().err
