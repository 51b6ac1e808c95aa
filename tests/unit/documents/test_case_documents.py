"""Case files: strictly read, every mistake with its place; presets, context and the case's own changes merged as the format says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from driftwatch.documents import cases, policies, tutorials
from driftwatch.documents.cases import Happened, Kind
from driftwatch.domain.authorization.policy import Mode, Policy
from driftwatch.errors import InputError

DRIFT = """
    account: "111111111111"
    region: eu-west-1
    resource_type: AWS::SQS::Queue
    resource_id: arn:aws:sqs:eu-west-1:111111111111:q
    kind: updated
    changes: [{path: /Delay, op: replace, before: 1, after: 2.5}]
    interval: {last_good: null, detected: 2026-03-10T11:00:00Z}
"""
CASE = f"""
- id: one
  kind: decision
  preset: startup
  now: 2026-03-10T12:00:00Z
  drift: {DRIFT}
  expect: {{verdict: unauthorized}}
"""


def parsed(text: str, policy: Policy | None = None) -> tuple[cases.Case, ...]:
    return cases.parse(text.encode(), "c.yaml", policy)


def only(text: str, policy: Policy | None = None) -> cases.Case:
    (case,) = parsed(text, policy)
    return case


def refusal(text: str, policy: Policy | None = None) -> str:
    with pytest.raises(InputError) as refused:
        parsed(text, policy)
    return str(refused.value)


def happened(case: cases.Case) -> Happened:
    assert isinstance(case.given, Happened)
    return case.given


def test_a_case_is_read_with_its_place_and_what_it_leaves_out_is_absent() -> None:
    case = only("cases:" + CASE)
    assert (case.id, case.kind, str(case.place)) == ("one", Kind.DECISION, "c.yaml:2:3")
    assert case.now == datetime(2026, 3, 10, 12, tzinfo=UTC)
    given = happened(case)
    assert (given.events, given.records, given.exceptions, given.sources) == ((), (), (), ())
    assert given.drift.interval.last_good is None
    assert given.drift.changes[0].after == "2.5"  # as a normalised configuration has it
    assert [(claim.what, claim.value) for claim in case.expect] == [("verdict", "unauthorized")]


def test_without_presets_and_context_the_shipped_ones_and_nothing_are_used() -> None:
    assert only("cases:" + CASE).policy == policies.preset("startup")


def test_presets_and_context_of_the_file_change_the_shipped_ones_and_the_case_changes_both() -> None:
    overrides = "{emergency: {max_duration_h: 5}, context: {pipelines: [{principal: p}], roles: {bob: [cab]}}}"
    own = CASE.replace("preset: startup", f"preset: startup\n  policy_overrides: {overrides}")
    case = only(f"""
presets:
  startup: {{rules: {{R3: enforce}}, emergency: {{review_within_h: 10}}}}
context:
  production_accounts: ["111111111111"]
  roles: {{mia: [manager]}}
cases:
{own}
""")
    shipped = policies.preset("startup")
    assert case.policy.rules == {**shipped.rules, "R3": Mode.ENFORCE}
    assert (case.policy.emergency.review_within_h, case.policy.emergency.max_duration_h) == (10, 5)
    assert case.policy.emergency.declare_within_h == shipped.emergency.declare_within_h
    context = case.policy.context
    assert (context.production_accounts, context.pipelines) == (("111111111111",), ("p",))
    assert context.roles == {"mia": ("manager",), "bob": ("cab",)}  # maps merge


def test_lists_replace_and_null_takes_a_key_away() -> None:
    text = "context: {production_accounts: ['111111111111'], pipelines: [{principal: a}, {principal: b}]}\ncases:" + CASE.replace(
        "preset: startup", "preset: startup\n  policy_overrides: {context: {production_accounts: null, pipelines: [{principal: c}]}}"
    )
    context = only(text).policy.context
    assert (context.production_accounts, context.pipelines) == (None, ("c",))


def test_a_preset_of_ones_own_extends_a_shipped_one() -> None:
    case = only("presets: {ours: {extends: enterprise, unknown_as: unknown}}\ncases:" + CASE.replace("preset: startup", "preset: ours"))
    assert (case.policy.extends, case.policy.unknown_as.value, case.policy.mode("R19")) == ("enterprise", "unknown", Mode.ENFORCE)


def test_a_case_without_a_preset_is_judged_under_the_policy_that_is_given() -> None:
    given = policies.parse(b"extends: scaleup\nroles: {mia: [manager]}\nclock_tolerance_s: 7\n", "p")
    text = "cases:" + CASE.replace("  preset: startup\n", "")
    assert only(text, given).policy == given
    changed = only("context: {privileged_actors: [root]}\n" + text, given).policy
    assert (changed.clock_tolerance_s, changed.context.roles) == (7, {"mia": ("manager",)})
    assert changed.context.privileged_actors == ("root",)
    assert 'c.yaml:2:3: a case without "preset"' in refusal(text)


def test_roles_come_from_the_approvals_of_the_case_where_the_context_gives_nobody_a_role() -> None:
    record = """
  changes:
  - id: CHG-1
    created_at: 2026-03-09T09:00:00Z
    approvals:
    - {who: mia, role: manager, decision: approved, at: 2026-03-09T15:00:00Z}
    - {who: bob, decision: approved, at: 2026-03-09T15:00:00Z}
"""
    assert only(f"cases:{CASE}{record}").policy.context.roles == {"mia": ("manager",)}
    assert only(f"context: {{roles: {{eve: [cab]}}}}\ncases:{CASE}{record}").policy.context.roles == {"eve": ("cab",)}


def test_every_part_of_a_case_is_read() -> None:
    case = only(f"""
cases:
{CASE}
  attribution:
  - {{id: e, time: 2026-03-10T10:00:00Z, event_name: X, actor: role/p, actor_kind: pipeline, on_behalf_of: bob, invoked_by: cf,
     paths: [/Delay], run_ref: {{change_id: C, commit: c, run_id: r}}, outcome: failed}}
  - {{id: f, time: 2026-03-10T10:00:00Z, event_name: X, actor: null, paths: null, read_only: true}}
  exceptions:
  - {{id: EX, requested_by: bob, approved_by: sam, reason: why, starts_at: 2026-03-01T00:00:00Z, expires_at: null, scope: [{{ids: [x]}}]}}
  sources: [{{name: tickets, last_success_at: 2026-03-10T11:00:00Z}}]
""")
    given = happened(case)
    first, second = given.events
    assert first.failed
    assert (first.run_ref and first.run_ref.commit, first.paths) == ("c", ("/Delay",))
    assert second.read_only
    assert (second.actor, second.paths, second.failed) == (None, None, False)
    assert given.exceptions[0].expires_at is None
    assert given.sources[0].last_success_at == datetime(2026, 3, 10, 11, tzinfo=UTC)


def changed(*pairs: tuple[str, str]) -> str:
    text = "cases:" + CASE
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cases: []", "c.yaml:1:8: an empty list; expected at least one element"),
        ("context: {}", 'c.yaml:1:1: no "cases"; expected a list of cases'),
        ("case: []\ncases:" + CASE, 'c.yaml:1:1: the unknown key "case"; expected "cases"'),
        (changed(("{verdict: unauthorized}", "{}")), "c.yaml:15:11: an expect without anything in it, which passes whatever happens"),
        (changed(("  expect: {verdict: unauthorized}\n", "")), 'no "expect"; expected a case with "expect"'),
        (changed(("{verdict: unauthorized}", "{verdikt: x}")), 'the unknown key "verdikt"; expected "verdict"'),
        (changed(("verdict: unauthorized", "verdict: unauthorised")), "c.yaml:15:21: unauthorised without quotes; expected one of"),
        (changed(("verdict: unauthorized", "violations: [R20]")), 'R20 without quotes; expected "R2"'),
        (changed(("verdict: unauthorized", "promotable: true")), 'the unknown key "promotable"'),
        (changed(("verdict: unauthorized", "paths: {/Delay: {}}")), "nothing that is expected of this path"),
        (changed(("verdict: unauthorized", "paths: {Delay: {verdict: authorized}}")), "a path that starts with /"),
        (
            changed(("kind: decision", "kind: judgement")),
            "c.yaml:3:9: judgement without quotes; expected one of decision, baseline, lifecycle",
        ),
        (changed(("preset: startup", "preset: start")), 'c.yaml:4:3: the preset "start"; expected "startup"'),
        (changed(("  now: 2026-03-10T12:00:00Z\n", "")), 'no "now"'),
        (changed(("now: 2026-03-10T12:00:00Z", "now: 2026-03-10")), "2026-03-10 without quotes; expected a time such as"),
        (changed(("last_good: null", "last_good: 2026-03-11T00:00:00Z")), "detected before the old state was last seen"),
        (changed(("[{path: /Delay, op: replace, before: 1, after: 2.5}]", "[]")), "an empty list"),
        (changed(("op: replace", "op: change")), "change without quotes; expected one of add, remove, replace"),
        (changed(("kind: updated", "kind: changed")), "changed without quotes; expected one of created, updated, deleted, transient"),
        (changed(("  expect:", "  exception: []\n  expect:")), 'the unknown key "exception"; expected "exceptions"'),
        (
            changed(
                (
                    "  expect:",
                    "  changes: [{id: A, created_at: 2026-03-09T09:00:00Z}, {id: A, created_at: 2026-03-09T09:00:00Z}]\n  expect:",
                )
            ),
            'the id "A" a second time',
        ),
        (changed(("  expect:", "  changes: [{id: A, created_at: 2026-03-09T09:00:00Z, scop: []}]\n  expect:")), 'the unknown key "scop"'),
        ("cases:" + CASE + CASE, 'the case "one" a second time (first on line 2)'),
        ("presets: {mine: {rules: {R3: warn}}}\ncases:" + CASE, 'c.yaml:1:11: the preset "mine", which is none of driftwatch'),
        ("presets: {startup: {pipelines: []}}\ncases:" + CASE, '"pipelines" among the parameters; expected "context: {pipelines: ...}"'),
        (
            "presets: {startup: {unknown_as: maybe}}\ncases:" + CASE,
            "c.yaml:1:33: maybe without quotes; expected one of pass, unknown, fail",
        ),
        ("context: {unknown_as: pass}\ncases:" + CASE, 'c.yaml:1:11: the unknown key "unknown_as"'),
        (changed(("preset: startup", "preset: startup\n  policy_overrides: {pipelines: []}")), '"pipelines" among the parameters'),
        (changed(("preset: startup", "preset: startup\n  policy_overrides: {rules: {R3: off}}")), 'quote it: "off"'),
        (changed(("preset: startup", "preset: startup\n  policy_overrides: [R3]")), "a list; expected a mapping"),
    ],
)
def test_a_mistake_is_refused_with_its_place(text: str, message: str) -> None:
    assert message in refusal(text)


def test_a_mistake_in_what_all_cases_share_is_told_once() -> None:
    text = refusal("context: {freezes: 7}\ncases:" + CASE + CASE.replace("one", "two"))
    assert text.count("\n") == 0


def lifecycle(events: str, expect: str = "{state: open}") -> str:
    return f"cases:\n- {{id: l, kind: lifecycle, events: {events}, expect: {expect}}}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (lifecycle("[]"), "an empty list"),
        (lifecycle("[{event: ack}]"), "a finding that begins with ack; expected detect first"),
        (lifecycle("[{event: detect}]"), 'no "verdict"'),
        (lifecycle("[{event: detect, verdict: authorized}, {event: acknowledge}]"), "acknowledge without quotes; expected"),
        (lifecycle("[{event: detect, verdict: authorized, disposition: true}]"), 'the unknown key "disposition"'),
        (lifecycle("[{event: detect, verdict: authorized}]", "{state: closed}"), "closed without quotes; expected one of open"),
        (lifecycle("[{event: detect, verdict: authorized}]", "{violations: []}"), 'the unknown key "violations"'),
    ],
)
def test_a_mistake_in_a_lifecycle_is_refused(text: str, message: str) -> None:
    assert message in refusal(text)


BASELINE = """
cases:
- id: b
  kind: baseline
  preset: scaleup
  now: 2026-03-10T12:00:00Z
  baseline:
    id: BL
    author: dana
    content_hash: h
    approvals: [{who: mia, role: manager, decision: approved, at: 2026-03-10T11:00:00Z, content_hash: h}]
    included: [{drift: D, verdict: unauthorized, actors: [bob], disposition: {kind: ratified, by: sam}}]
  expect: {promotable: true}
"""


def test_a_baseline_is_read_and_gives_roles_too() -> None:
    case = only(BASELINE)
    assert case.policy.context.roles == {"mia": ("manager",)}
    assert "ratified without quotes" not in repr(case)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: ratified", "kind: forgiven", "forgiven without quotes; expected one of ratified, risk_accepted, excepted"),
        ("verdict: unauthorized", "verdict: bad", "bad without quotes"),
        (", content_hash: h}", "}", 'no "content_hash"'),
        ("promotable: true", "promotable: yes", "yes without quotes; expected true or false"),
    ],
)
def test_a_mistake_in_a_baseline_is_refused(old: str, new: str, message: str) -> None:
    assert message in refusal(BASELINE.replace(old, new))


def test_there_is_a_tutorial_for_every_preset_and_none_for_others() -> None:
    for name in policies.PRESETS:
        found = cases.parse(tutorials.text(name).encode(), f"{name}.yaml")
        assert 8 <= len(found) <= 15
        assert {case.kind for case in found} >= {Kind.DECISION, Kind.LIFECYCLE}
    with pytest.raises(InputError, match="one of startup, scaleup, enterprise"):
        tutorials.text("../presets/startup")
