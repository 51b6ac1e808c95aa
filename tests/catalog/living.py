"""Resource types against an account that lives: created through boto3 in moto, scanned, changed, scanned again.

A story is `live/<type, with - for ::>.toml`: ``create`` and ``change`` steps (``call = "kinesis.CreateStream"``, ``params``, and ``as``, a
name under which later steps use parts of the reply: ``$name.Path``), and for each change `differs`, the pointer of every difference that
the second scan must show, no more and no less. A pointer may use ``$name.Path`` in braces: ``/Rules/{rule.Id}``.

    python -m tests.catalog.living AWS::Kinesis::Stream        what the story of a type shows
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
from botocore import xform_name
from moto import mock_aws

from driftwatch.aws.catalog import load
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.planning import Place, plan
from driftwatch.aws.rows import filled, search
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.domain.diff import diff
from driftwatch.domain.scan import Reading
from driftwatch.domain.snapshot import Batch, CellRead, Gap
from tests.fakes import TEST_KEY, TEST_KEY_ID

LIVE = Path(__file__).parent / "live"
ACCOUNT, REGION = "123456789012", "us-east-1"
CREDENTIALS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": REGION}


class StoryError(Exception):
    """The file tells no story, or moto does not go along with it."""


def stories() -> list[str]:
    """The types that have a story."""
    return sorted(path.stem.replace("-", "::") for path in LIVE.glob("*.toml"))


def told(type_: str) -> Iterator[tuple[list[str], list[str]]]:
    """For each change of the type's story: the differences that it says, and those that two scans saw."""
    story = tomllib.loads((LIVE / f"{type_.replace('::', '-')}.toml").read_text())
    if set(story) - {"create", "change", "note"} or not story.get("change"):
        raise StoryError(f"{type_}: expected create, change (at least one) and note, found {', '.join(story)}")
    with mock_aws():
        names = carried_out(story.get("create", ()))
        before = _scanned(type_)
        if not before:
            raise StoryError(f"{type_}: nothing was found after its creation")
        for step in story["change"]:
            for part in step.get("steps", (step,)):
                _do(part, names)
            after = _scanned(type_)
            rules = load()[type_].normalisation
            seen = [d.path for id_ in sorted(before | after) for d in diff(before.get(id_), after.get(id_), rules)]
            yield sorted(_pointer(path, names) for path in step["differs"]), sorted(seen)
            before = after


def carried_out(steps: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Makes the calls of these steps; the names that later steps may use."""
    names: dict[str, Any] = {"account": ACCOUNT, "region": REGION}
    for step in steps:
        _do(step, names)
    return names


def _do(step: Mapping[str, Any], names: dict[str, Any]) -> None:
    service, _, operation = step["call"].partition(".")
    credentials = {**CREDENTIALS, **({"region_name": step["region"]} if "region" in step else {})}
    method = getattr(boto3.client(service, **credentials), xform_name(operation))
    names[step.get("as", "")] = method(**filled(step.get("params", {}), names, step["call"]))


def _pointer(path: str, names: Mapping[str, Any]) -> str:
    def part(found: re.Match[str]) -> str:
        name, _, rest = found[1].partition(".")
        return str(search(rest, names[name]) if rest else names[name]).replace("~", "~0").replace("/", "~1")

    return re.sub(r"\{([^{}]+)\}", part, path)


def _scanned(type_: str) -> dict[str, dict[str, Any]]:
    """The resources of the type by id. Raises StoryError when there is a gap: then nothing is known."""
    account = Account(id=ACCOUNT, regions=(REGION,))
    found: dict[str, dict[str, Any]] = {}
    gaps: list[Gap] = []
    with closing(AwsCollector(load(), [account], TEST_KEY, TEST_KEY_ID, types=[type_], limits=Limits(calls_per_place=1))) as collector:
        for unit in plan(load(), [type_], [Place(account=account, regions=(REGION,))], lambda _cell: True).units:
            for event in collector.read(unit, Reading(), lambda: False):
                if isinstance(event, Batch):
                    found |= {one.id: {"config": one.config, "tags": one.tags} for one in event.resources}
                if isinstance(event, CellRead):
                    gaps += event.gaps
    if gaps:
        raise StoryError(f"{type_}: {gaps}")
    return found


if __name__ == "__main__":
    for name in sys.argv[1:]:
        for number, (says, sees) in enumerate(told(name), 1):
            print(f"{name}: change {number}: {'as told' if says == sees else f'says {says}, two scans see {sees}'}")
