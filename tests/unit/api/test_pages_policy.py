"""The pages of the policy: what is in force and where that comes from; cases and replays as forms, which write nothing."""

from __future__ import annotations

import html
import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from driftwatch.api.judging import MOST_BYTES
from driftwatch.config.sections import Access
from driftwatch.documents import policies
from driftwatch.domain.access import Role
from driftwatch.domain.authorization.meanings import RULE_MEANINGS
from driftwatch.domain.authorization.rules import RULE_NAMES
from tests.unit.api.caller import Stage
from tests.unit.api.pages import HOSTILE, assert_sound, form, page, signed_in
from tests.world import ACCOUNT, ANA, BEN, GROUPS, PEOPLE, World, settled_world

OTHER = "222222222222"
WRITTEN = """extends: enterprise
settle_s: 60
rules: {R19: warn, R12: warn}
deviations:
  - {rule: R19, approved_by: sam, reason: "templates <script>alert(1)</script> roll back", until: 2099-01-01}
  - {rule: R12, approved_by: sam, reason: "a migration \\u202egnp.exe", until: 2026-01-31}
freezes:
  - {id: YE, start: 2026-03-01T00:00:00Z, end: 2026-04-01T00:00:00Z, override_role: manager}
  - {id: later, start: 2026-12-01T00:00:00Z, end: 2027-01-04T00:00:00Z, override_role: manager}
"""
CASE = """cases:
  - id: one
    title: "<script>alert(1)</script>"
    kind: lifecycle
    events: [{event: detect, verdict: unauthorized}]
    expect: {state: acknowledged}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(WRITTEN)
    return path


@pytest.fixture
def world(file: Path) -> World:
    made = settled_world()
    made.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    made.scan()
    made.change(policy=policies.with_people(policies.load(file), PEOPLE))
    return made


@pytest.fixture
def stage(world: World, file: Path) -> Stage:
    made = signed_in(Stage(world), ANA)
    made.config = made.config.model_copy(update={"policy": file})
    return made


def shown(stage: Stage, path: str) -> str:
    answer = page(stage, path)
    assert answer.status_code == 200, answer.text
    assert_sound(answer.text)
    return str(answer.text)


def row(text: str, name: str) -> str:
    found = re.search(rf"<tr>\s*<td><(?:strong|code)>{re.escape(name)}</.*?</tr>", text, re.DOTALL)
    assert found, name
    return found[0]


def test_every_rule_has_its_level_its_meaning_and_where_that_comes_from(stage: Stage, file: Path) -> None:
    assert RULE_MEANINGS.keys() == RULE_NAMES.keys()
    text = shown(stage, "/policy")
    for rule, meaning in RULE_MEANINGS.items():
        assert meaning in html.unescape(row(text, rule))
    assert "preset enterprise" in row(text, "R4")
    assert ">enforce<" in row(text, "R4")
    loosened = row(text, "R19")
    assert ">warn<" in loosened
    assert f"{file}:3:" in loosened
    assert "Loosened until 2099-01-01 by sam" in loosened
    assert "Was loosened until 2026-01-31" in row(text, "R12")
    assert f"{file}:2:1" in row(text, "settle_s")
    assert "people" in row(text, "roles.ana")
    assert "\\u202egnp.exe" in text


def test_freezes_say_whether_they_are_in_force(stage: Stage) -> None:
    text = shown(stage, "/policy")
    assert re.search(r"<td>YE</td><td[^>]*><span[^>]*>in force<", text)
    assert re.search(r"<td>later</td><td[^>]*><span[^>]*>ahead<", text)


def test_a_file_that_says_something_else_by_now_is_told_of(stage: Stage, file: Path) -> None:
    for text in ("extends: scaleup\n", "nonsense: [", None):
        file.unlink() if text is None else file.write_text(text)
        told = shown(stage, "/policy")
        assert "changed and not reloaded" in told
        assert "the preset enterprise" in told
        assert "not known" in row(told, "settle_s")


def test_the_tutorial_runs_as_it_stands_there(stage: Stage) -> None:
    text = shown(stage, "/policy/test")
    found = re.search(r'<textarea name="cases"[^>]*>(.*?)</textarea>', text, re.DOTALL)
    assert found
    answer = form(stage, "/policy/test", cases=html.unescape(found[1]).replace("\n", "\r\n"))
    assert answer.status_code == 200
    assert_sound(answer.text)
    assert "<strong>0 failed</strong>" in answer.text
    assert "\\u000d" not in answer.text, "it can be sent again"


def test_a_case_that_fails_says_what_was_expected_and_found(stage: Stage) -> None:
    answer = form(stage, "/policy/test", cases=CASE)
    assert answer.status_code == 200, answer.text
    assert_sound(answer.text)
    assert "<strong>1 failed</strong>" in answer.text
    assert "expected <code>acknowledged</code>, found <code>open</code>" in answer.text
    assert "&lt;script&gt;" in answer.text


def test_what_are_no_cases_stays_in_the_form_with_what_is_wrong(stage: Stage) -> None:
    for cases in ("nonsense: [", "cases: []", "".join(HOSTILE), "x" * (MOST_BYTES + 1)):
        answer = form(stage, "/policy/test", cases=cases)
        assert answer.status_code == 400, cases[:80]
        assert_sound(answer.text)
        assert "It was not judged." in answer.text
        assert html.escape(cases[:8]) in answer.text


def test_a_replay_shows_what_would_change_a_page_at_a_time() -> None:
    world = settled_world()
    for number in range(52):
        world.put(GROUPS, f"new-{number}", Size=number)
    world.scan()
    stage = signed_in(Stage(world), ANA)
    first = form(stage, "/policy/replay", policy="extends: startup\n", all="yes")
    assert first.status_code == 200
    assert_sound(first.text)
    assert "50 drifts were judged again" in first.text
    following = re.search(r'name="after" value="([^"]+)"', first.text)
    assert following
    second = form(stage, "/policy/replay", policy="extends: startup\n", all="yes", after=following[1]).text
    assert "2 drifts were judged again" in second
    assert 'name="after"' not in second
    assert len(set(re.findall(r'href="/findings/(finding-[^"]+)"', first.text + second))) == 52
    tomorrow = (date(2026, 3, 10) + timedelta(days=1)).isoformat()
    assert "0 drifts" in form(stage, "/policy/replay", policy="extends: startup\n", since=tomorrow).text


NO_REPLAYS: tuple[tuple[dict[str, str], int], ...] = (
    ({}, 422),
    ({"policy": "extends: nothing"}, 400),
    ({"policy": "extends: startup", "since": "soon"}, 400),
    ({"policy": "extends: startup", "after": "e30"}, 400),
    ({"policy": "extends: startup", "limit": "9"}, 422),
    ({"policy": "x" * 200_001}, 400),
)


def test_what_is_no_replay_is_refused(stage: Stage) -> None:
    for fields, status in NO_REPLAYS:
        answer = form(stage, "/policy/replay", **{"since": "", **fields})
        assert answer.status_code == status, fields
        assert_sound(answer.text)


def test_trying_is_for_operators_one_at_a_time_and_about_their_accounts(world: World, stage: Stage) -> None:
    with stage.around.judging:
        assert form(stage, "/policy/test", cases=CASE).status_code == 409
    world.change(accounts=[ACCOUNT, OTHER])
    some = Stage(world, (Access(role=Role.OPERATOR, to=("ana",), accounts=(OTHER,)), Access(role=Role.VIEWER, to=("ben",))))
    assert "0 drifts" in form(signed_in(some, ANA), "/policy/replay", policy="extends: startup", all="yes").text
    signed_in(some, BEN)
    assert "/policy/test" not in page(some, "/policy").text
    assert page(some, "/policy/test").status_code == 403
    assert form(some, "/policy/test", cases=CASE).status_code == 403
