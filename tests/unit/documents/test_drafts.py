"""Records for the register: written as for files, without what only other people and the clock may say."""

from __future__ import annotations

from typing import Any

import pytest

from driftwatch.documents.changes import parse
from driftwatch.documents.drafts import draft, draft_document, read_draft
from driftwatch.domain.change import ChangeState, ChangeType
from driftwatch.errors import InputError
from tests.builders import at

NOW = at("03-10 12:00")
GOOD = """\
id: CHG-1
title: More room
type: emergency
incident_id: INC-1
implementers: [ana, "group:netops"]
rollback_plan: put it back
windows: [{start: 2026-03-10T10:00:00Z, end: 2026-03-10T12:00:00Z}]
tests: [{environment: dev, kind: unit, automated: true, result: passed, finished_at: 2026-03-09T10:00:00Z}]
scope:
  - ids: ["arn:aws:sqs:eu-west-1:111111111111:orders"]
    operations: [updated]
    attribute_paths: [/Attributes/VisibilityTimeout]
    expected: [{path: /Attributes/VisibilityTimeout, equals: "60"}]
"""


def test_a_file_of_the_files_source_is_read_as_a_draft_of_now() -> None:
    made = read_draft(GOOD.encode(), "new.yaml", NOW)
    (as_file,) = parse((GOOD + "created_at: 2026-03-10T12:00:00Z\n").encode(), "changes/one.yaml").records
    assert (made.state, made.created_at, made.type) == (ChangeState.DRAFT, NOW, ChangeType.EMERGENCY)
    assert (made.scope, made.windows, made.tests, made.implementers) == (
        as_file.scope,
        as_file.windows,
        as_file.tests,
        as_file.implementers,
    )


def test_what_was_written_reads_back() -> None:
    made = read_draft(GOOD.encode(), "new.yaml", NOW)
    assert draft(draft_document(made), "again", NOW).scope == made.scope
    assert draft_document(draft(draft_document(made), "again", NOW)) == draft_document(made)


@pytest.mark.parametrize(
    "forged",
    [
        "approvals: [{who: ben, decision: approved, at: 2026-03-09T10:00:00Z}]",
        "approvals: [{who: ben, decision: approved, at: 2036-03-09T10:00:00Z}]",
        "reviews: [{who: ben, decision: approved, at: 2026-03-09T10:00:00Z}]",
        "observations: [{at: 2026-03-09T10:00:00Z, approved: true}]",
        "outcome: successful",
        "closed_at: 2026-03-09T10:00:00Z",
        "material_changed_at: 2026-03-09T10:00:00Z",
        "implemented_at: 2026-03-09T10:00:00Z",
        "state: approved",
    ],
)
def test_what_only_others_and_the_clock_may_say_is_refused_with_its_place(forged: str) -> None:
    """Nobody brings an approval along, or a date."""
    key = forged.partition(":")[0]
    with pytest.raises(InputError, match=r"new\.yaml:14:") as error:
        read_draft((GOOD + forged + "\n").encode(), "new.yaml", NOW)
    assert key in str(error.value)


def test_no_record_is_older_than_its_making() -> None:
    assert read_draft((GOOD + "created_at: 2020-01-01T00:00:00Z\n").encode(), "new.yaml", NOW).created_at == NOW
    with pytest.raises(InputError, match=r"new\.yaml:14:"):
        read_draft((GOOD + "created_at: yesterday\n").encode(), "new.yaml", NOW)


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("scope", [{"ids": ["a:" + "*" * 10_000]}], "a pattern of 10002 characters"),
        ("scope", [{"ids": []}], "at least one"),
        ("scope", [{}, {"tags": {}}], "no tags"),
        ("scope", [{"attribute_paths": ["Size"]}], "starts with /"),
        ("windows", [{"start": "2026-03-10T12:00:00Z", "end": "2026-03-10T10:00:00Z"}], "ends before it starts"),
        ("windows", [{"start": "2026-03-10T12:00:00", "end": ""}], "without a zone"),
        ("implementers", ["a\u200bna"], "U+200B"),
        ("type", "normal\u0000", "U+0000"),
        ("id", " CHG-1", "white space"),
        ("odd", 1, "odd"),
        ("risk", "huge", "one of low"),
    ],
)
def test_bad_values_of_flags_are_refused_and_name_the_flag(key: str, value: Any, wanted: str) -> None:
    with pytest.raises(InputError, match=r"--the-flag|the flags") as error:
        draft({"id": "CHG-1", "title": "t", key: value}, "the flags", NOW, {key: "--the-flag"})
    assert wanted in str(error.value)


@pytest.mark.parametrize("text", ["[]", "", "id: CHG-1\n---\nid: CHG-2\n", "- id: CHG-1\n- id: CHG-2\n"])
def test_one_file_is_one_record(text: str) -> None:
    with pytest.raises(InputError, match=r"new\.yaml"):
        read_draft(text.encode(), "new.yaml", NOW)
