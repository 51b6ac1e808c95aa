"""Every catalogue entry against recorded and generated replies: `cases/<type, with - for ::>/<case>/`.

A case is a directory of replies with `expected.json` (``{"resources": [...], "gaps": [...]}`` as directory replay prints them; members
that are not written are not compared, so `fingerprint` and a gap's `detail` may be left out), or a pair `before/` and `after/` with
`pair.json`: ``{"same": true}``, or ``{"differs": ["/pointer", ...]}`` with every difference between the two.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from driftwatch.aws.catalog import load
from driftwatch.aws.entry import Entry
from driftwatch.aws.replay import PUBLIC_TEST_KEY, replay
from driftwatch.aws.sdk import Sdk
from driftwatch.domain.diff import diff

SDK = Sdk()
"""Keeps the models that were read."""
CASES = Path(__file__).parent / "cases"


class CaseError(Exception):
    """The folder is no case."""


def folders() -> list[Path]:
    return sorted(case for type_ in CASES.iterdir() if type_.is_dir() for case in type_.iterdir())


def type_of(case: Path) -> str:
    return case.parent.name.replace("-", "::")


def faults(case: Path, catalog: Mapping[str, Entry]) -> Iterator[str]:
    """What is not as the case says. Raises CaseError for a folder in which there is nothing to check."""
    if not case.is_dir():
        raise CaseError(f"{case} is no folder")
    entry = catalog.get(type_of(case))
    if entry is None:
        raise CaseError(f"{case}: the catalogue has no {type_of(case)}")
    expected, pair = case / "expected.json", case / "pair.json"
    if expected.is_file() == pair.is_file():
        raise CaseError(f"{case} needs either expected.json or pair.json")
    if expected.is_file():
        yield from collection_faults(case, json.loads(expected.read_text()))
    else:
        yield from pair_faults(case, json.loads(pair.read_text()), entry)


def replayed(folder: Path, types: set[str]) -> dict[str, list[dict[str, Any]]]:
    """Resources and gaps of these types; other types may read the same listing."""
    (line,) = replay([folder], load(), PUBLIC_TEST_KEY, SDK)
    if "error" in line:
        raise CaseError(line["error"])
    return {part: [found for found in line[part] if found["type"] in types] for part in ("resources", "gaps")}


def collection_faults(case: Path, expected: dict[str, Any]) -> Iterator[str]:
    if set(expected) != {"resources", "gaps"}:
        raise CaseError(f"{case}/expected.json must have resources and gaps, and nothing else")
    types = {type_of(case), *(found["type"] for part in expected.values() for found in part)}
    actual = replayed(case, types)
    for part in ("resources", "gaps"):
        wanted = sorted(expected[part], key=_order)
        if [_order(found) for found in wanted] != [_order(found) for found in actual[part]]:
            yield f"{part}: expected {[_order(found) for found in wanted]}, found {actual[part]}"
            continue
        for want, found in zip(wanted, actual[part], strict=True):
            shown = {member: found.get(member) for member in want}
            if shown != want:
                yield f"{part}: expected {json.dumps(want, indent=1)}, found {json.dumps(shown, indent=1)}"


def pair_faults(case: Path, pair: dict[str, Any], entry: Entry) -> Iterator[str]:
    if pair != {"same": True} and (set(pair) != {"differs"} or not pair["differs"]):
        raise CaseError(f'{case}/pair.json must be {{"same": true}} or {{"differs": [...]}}')
    before, after = (replayed(case / side, {entry.type}) for side in ("before", "after"))
    if before["gaps"] or after["gaps"]:
        yield f"a pair must be read in full: {before['gaps'] + after['gaps']}"
    if not before["resources"] and not after["resources"]:
        yield "there is no resource on either side"
    sides = [{found["id"]: found for found in side["resources"]} for side in (before, after)]
    paths = sorted(
        difference.path for id_ in sides[0] | sides[1] for difference in diff(sides[0].get(id_), sides[1].get(id_), entry.normalisation)
    )
    if paths != sorted(pair.get("differs", [])):
        yield f"expected differences at {sorted(pair.get('differs', []))}, found {paths}"
    prints = [sorted(found["fingerprint"] for found in side["resources"]) for side in (before, after)]
    if (prints[0] == prints[1]) != pair.get("same", False):
        yield "fingerprints and differences disagree"


def _order(found: dict[str, Any]) -> tuple[str, str]:
    return found["type"], found.get("id") or found.get("resource_id") or ""


@pytest.mark.parametrize("case", folders(), ids=lambda case: f"{case.parent.name}/{case.name}")
def test_case(case: Path) -> None:
    assert "\n".join(faults(case, load())) == ""


def test_every_entry_has_a_case() -> None:
    """An entry is proved by replies: the type check cannot see that noise is dropped, or that a change shows."""
    assert sorted(set(load()) - {type_of(case) for case in folders()}) == []


GROUPS = {"SecurityGroups": [{"GroupId": "sg-1", "GroupName": "a", "VpcId": "vpc-1"}]}


def case_of(tmp_path: Path, files: Mapping[str, object]) -> Path:
    case = tmp_path / "AWS-EC2-SecurityGroup" / "case"
    for name, content in files.items():
        (case / name).parent.mkdir(parents=True, exist_ok=True)
        (case / name).write_text(json.dumps(content))
    return case


def reply(**group: object) -> dict[str, object]:
    return {"status_code": 200, "data": {"SecurityGroups": [{"GroupId": "sg-1", **group}]}}


LISTING = "ec2.DescribeSecurityGroups_1.json"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({LISTING: reply(), "expected.json": {"resources": [], "gaps": []}}, "resources: expected []"),
        (
            {
                LISTING: reply(),
                "expected.json": {"resources": [{"type": "AWS::EC2::SecurityGroup", "id": "sg-1", "tags": {"a": "b"}}], "gaps": []},
            },
            "tags",
        ),
        (
            {
                LISTING: {"status_code": 403, "data": {"Error": {"Code": "UnauthorizedOperation"}}},
                "expected.json": {"resources": [], "gaps": []},
            },
            "gaps",
        ),
        ({f"before/{LISTING}": reply(), f"after/{LISTING}": reply(VpcId="vpc-2"), "pair.json": {"same": True}}, "found ['/VpcId']"),
        (
            {f"before/{LISTING}": reply(), f"after/{LISTING}": reply(), "pair.json": {"differs": ["/VpcId"]}},
            "expected differences at ['/VpcId']",
        ),
        (
            {f"before/{LISTING}": reply(), f"after/{LISTING}": reply(VpcId="v", GroupName="x"), "pair.json": {"differs": ["/VpcId"]}},
            "found ['/GroupName', '/VpcId']",
        ),
        (
            {f"{side}/{LISTING}": {"status_code": 200, "data": {"SecurityGroups": []}} for side in ("before", "after")}
            | {"pair.json": {"same": True}},
            "no resource on either side",
        ),
        (
            {f"{side}/{LISTING}": {"status_code": 200, "data": {}} for side in ("before", "after")} | {"pair.json": {"same": True}},
            "read in full",
        ),
    ],
)
def test_the_runner_sees_what_is_not_as_expected(tmp_path: Path, files: dict[str, object], words: str) -> None:
    assert any(words in fault for fault in faults(case_of(tmp_path, files), load()))


@pytest.mark.parametrize(
    "files",
    [
        {LISTING: reply()},
        {LISTING: reply(), "expected.json": {}},
        {"expected.json": {"resources": [], "gaps": []}},
        {f"before/{LISTING}": reply(), f"after/{LISTING}": reply(), "pair.json": {}},
        {f"before/{LISTING}": reply(), f"after/{LISTING}": reply(), "pair.json": {"differs": []}},
        {f"before/{LISTING}": reply(), "after/x": 1, "pair.json": {"same": True}},
    ],
)
def test_a_folder_in_which_there_is_nothing_to_check_fails(tmp_path: Path, files: dict[str, object]) -> None:
    with pytest.raises(CaseError):
        list(faults(case_of(tmp_path, files), load()))
