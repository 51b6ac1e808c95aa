"""Exceptions: two people, one content, an end; they excuse exactly what was there, and what they excused opens when they end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from driftwatch.domain.authorization.exception_lifecycle import content_hash
from driftwatch.domain.baseline import Assurance
from driftwatch.domain.decision import Verdict
from driftwatch.domain.exception import ExceptionRecord, ExceptionState
from driftwatch.domain.finding import FindingState
from driftwatch.domain.report import Event, FindingChanged
from driftwatch.errors import InputError, NotFoundError, RefusedError
from driftwatch.operations import approvals, baselines, exceptions, findings
from tests.unit.operations.acts import covering, drifted, entries, finding, later, restarted, with_policy
from tests.world import ANA, BEN, GROUPS, World

REASON = "the vendor's next release"


def asked(world: World, id_: str, *, days: float = 30, **fields) -> ExceptionRecord:
    until = fields.pop("until", world.now + timedelta(days=days))
    return exceptions.request(world.installation, id_, ANA, until=until, reason=REASON, **fields)


def granted(world: World, id_: str, **fields) -> ExceptionRecord:
    item = asked(world, id_, **fields)
    return exceptions.approve(world.installation, item.id, BEN, seen_hash=content_hash(item)).exception


def test_once_approved_the_finding_is_excepted_at_once_and_the_world_counts_as_covered() -> None:
    world, found = drifted()
    item = asked(world, found.id)
    assert finding(world, found.id).state is FindingState.OPEN, "asking excuses nothing"
    events: list[Event] = []
    done = exceptions.approve(world.installation, item.id, BEN, seen_hash=content_hash(item)[:12], report=events.append)
    kept = finding(world, found.id)
    assert [change.id for change in done.changed] == [found.id]
    assert (kept.state, kept.verdict_initial, kept.verdict_current) == (FindingState.EXCEPTED, Verdict.UNAUTHORIZED, Verdict.EXCEPTED)
    assert kept.handling.exception == item.id
    assert kept.handling.disposition
    assert kept.handling.disposition.by == "ben"
    assert [event.scan_id for event in events if isinstance(event, FindingChanged)] == [None]
    with world.store.read() as uow:
        assert [made["verdict"] for made in uow.findings.decisions(found.id)] == ["unauthorized", "excepted"]
    assert world.scan().exit_code == 0


def test_every_act_is_in_the_ledger_with_what_was_agreed_to_and_by_whom() -> None:
    world, found = drifted()
    item = granted(world, found.id)
    exceptions.revoke(world.installation, item.id, BEN, "no longer needed")
    (requested,), (approved,), (revoked,) = (entries(world, f"exception_{act}") for act in ("requested", "approved", "revoked"))
    for entry, person in ((requested, "ana"), (approved, "ben"), (revoked, "ben")):
        assert (entry["exception"], entry["content_hash"], entry["person"]) == (item.id, content_hash(item), person)
        assert (entry["finding"], entry["reason"], entry["requested_by"]) == (found.id, REASON, "ana")
    assert revoked["why"] == "no longer needed"
    assert len(entries(world, "finding_decided")) == 2


def test_it_covers_exactly_the_uncovered_paths_of_this_resource() -> None:
    world, found = drifted()
    (target,) = asked(world, found.id).scope
    assert (target.ids, target.attribute_paths) == ((found.resource_id,), ("/Size",))
    assert (target.accounts, target.resource_types) == ((GROUPS.account,), (GROUPS.type,))


class TestDenied:
    def test_nobody_approves_their_own_under_any_of_their_names(self) -> None:
        world, found = drifted()
        context = replace(world.installation.policy.context, identities={"ana": ("ana@corp.example",)})
        with_policy(world, context=context)
        item = asked(world, found.id)
        for name in ("ana", "ana@corp.example"):
            with pytest.raises(RefusedError, match="nobody approves their own"):
                exceptions.approve(world.installation, item.id, replace(BEN, person=name), seen_hash=content_hash(item))
        assert exceptions.get(world.installation, item.id).state is ExceptionState.REQUESTED
        denied = entries(world, "attempt_denied")
        assert [(entry["action"], entry["object"]) for entry in denied] == [("exception_approve", item.id)] * 2
        assert finding(world, found.id).state is FindingState.OPEN

    @pytest.mark.parametrize("seen", ["", "0" * 64])
    def test_nor_content_that_nobody_looked_at(self, seen: str) -> None:
        world, found = drifted()
        item = asked(world, found.id)
        with pytest.raises(RefusedError, match="bound to the content"):
            exceptions.approve(world.installation, item.id, BEN, seen_hash=seen)

    def test_where_the_policy_asks_for_a_signature_an_os_user_does_not_do(self) -> None:
        world, found = drifted()
        with_policy(world, min_assurance=Assurance.SIGNED)
        item = asked(world, found.id)
        with pytest.raises(RefusedError, match="asks for a signature"):
            exceptions.approve(world.installation, item.id, replace(BEN, assurance=Assurance.LOCAL), seen_hash=content_hash(item))

    def test_twice_rejected_and_unknown_ones_are_not_approved(self) -> None:
        world, found = drifted()
        item = granted(world, found.id)
        with pytest.raises(RefusedError, match="while it is requested"):
            exceptions.approve(world.installation, item.id, BEN, seen_hash=content_hash(item))
        turned_down = asked(world, found.id)
        exceptions.reject(world.installation, turned_down.id, BEN, "too long")
        with pytest.raises(RefusedError, match="is rejected"):
            exceptions.approve(world.installation, turned_down.id, BEN, seen_hash=content_hash(turned_down))
        with pytest.raises(NotFoundError, match="no exception"):
            exceptions.approve(world.installation, "exception-nobody-knows", BEN, seen_hash="0" * 64)
        with pytest.raises(NotFoundError, match="no exception"):
            exceptions.revoke(world.installation, "exception-nobody-knows", BEN, "why")

    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"days": 366}, "R14.*at most 365 days"),
            ({"days": 0}, "expired already"),
            ({"days": -1}, "expired already"),
            ({"paths": ("/Rules",)}, "no uncovered path"),
        ],
    )
    def test_a_request_needs_an_end_that_the_policy_allows_and_a_path_that_is_off(self, fields: dict, why: str) -> None:
        world, found = drifted()
        with pytest.raises(RefusedError, match=why):
            asked(world, found.id, **fields)
        assert not exceptions.listed(world.installation)

    def test_only_an_open_finding_needs_one(self) -> None:
        world, found = drifted()
        with pytest.raises(NotFoundError, match="no finding"):
            asked(world, "finding-nobody-knows")
        covering(world, "two")
        world.put(GROUPS, "two", Size=5, Rules=["a", "b"])
        world.scan()
        (covered,) = [item for item in world.live() if item.resource == "two"]
        with pytest.raises(RefusedError, match="is awaiting_baseline"):
            asked(world, covered.id)
        world.put(GROUPS, "one", Size=1, Rules=["a", "b"])
        world.scan()
        with pytest.raises(RefusedError, match="is reverted"):
            asked(world, found.id)


class TestTheEnd:
    def excepted(self) -> tuple[World, str, ExceptionRecord]:
        world, found = drifted()
        return world, found.id, granted(world, found.id, days=1)

    def test_at_its_last_instant_it_holds_and_at_its_end_the_next_judgement_opens_the_finding(self) -> None:
        world, id_, item = self.excepted()
        assert item.expires_at
        world.now = item.expires_at - timedelta(minutes=10, seconds=1)
        assert world.scan(minutes=10).exit_code == 0
        assert finding(world, id_).state is FindingState.EXCEPTED
        world.now = item.expires_at - timedelta(minutes=10)
        assert world.scan(minutes=10).exit_code == 2
        kept = finding(world, id_)
        assert (kept.state, kept.verdict_current, kept.verdict_initial) == (
            FindingState.OPEN,
            Verdict.EXCEPTION_EXPIRED,
            Verdict.UNAUTHORIZED,
        )
        assert kept.handling.disposition is None

    def test_a_renewal_is_another_exception_with_another_approval(self) -> None:
        world, id_, item = self.excepted()
        renewal = granted(world, id_, days=20)
        assert renewal.id != item.id
        later(world, days=2)
        assert world.scan().exit_code == 0
        kept = finding(world, id_)
        assert (kept.state, kept.handling.exception) == (FindingState.EXCEPTED, renewal.id)

    def test_revoking_opens_it_at_once(self) -> None:
        world, id_, item = self.excepted()
        done = exceptions.revoke(world.installation, item.id, BEN, "fixed upstream")
        assert [change.state for change in done.changed] == [FindingState.OPEN]
        kept = finding(world, id_)
        assert (kept.state, kept.verdict_current) == (FindingState.OPEN, Verdict.UNAUTHORIZED)
        assert world.scan().exit_code == 2

    def test_reverting_ends_the_finding_and_not_the_exception(self) -> None:
        world, id_, item = self.excepted()
        world.put(GROUPS, "one", Size=1, Rules=["a", "b"])
        world.scan()
        assert finding(world, id_).state is FindingState.REVERTED
        assert exceptions.get(world.installation, item.id).state is ExceptionState.ACTIVE


class TestNewValues:
    def test_another_value_of_an_excused_path_is_not_excused(self) -> None:
        world, found = drifted()
        granted(world, found.id)
        world.put(GROUPS, "one", Size=99, Rules=["a", "b"])
        assert world.scan().exit_code == 2
        (successor,) = world.live()
        assert (successor.previous_id, successor.state, successor.verdict_current) == (
            found.id,
            FindingState.OPEN,
            Verdict.UNAUTHORIZED,
        )

    def test_a_new_path_beside_it_is_not_excused_and_the_old_one_still_is(self) -> None:
        world, found = drifted()
        item = granted(world, found.id)
        world.put(GROUPS, "one", Size=2, Rules=["a", "b", "evil"])
        assert world.scan().exit_code == 2
        (successor,) = world.live()
        assert (successor.state, successor.verdict_current) == (FindingState.OPEN, Verdict.PARTIALLY_AUTHORIZED)
        assert successor.handling.exception == item.id
        world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
        assert world.scan().exit_code == 0


def test_an_excepted_finding_enters_a_baseline_by_the_word_of_who_approved_the_exception() -> None:
    world, found = drifted()
    granted(world, found.id)
    version = baselines.capture(world.installation, "production", ANA)
    baselines.propose(world.installation, version.id, ANA)
    done = approvals.approve(world.installation, version.id, BEN, seen_hash=version.content_hash)
    assert (done.active, done.baselined) == (True, 1)


def test_one_that_ran_out_between_capture_and_approval_is_no_disposition() -> None:
    world, found = drifted()
    item = granted(world, found.id, days=0.01)
    version = baselines.capture(world.installation, "production", ANA)
    baselines.propose(world.installation, version.id, ANA)
    assert item.expires_at
    world.now = item.expires_at
    world.scan()
    with pytest.raises(RefusedError, match="R13"):
        approvals.approve(world.installation, version.id, BEN, seen_hash=version.content_hash)
    assert finding(world, found.id).state is FindingState.OPEN


def test_a_restart_between_asking_approving_and_ending_changes_nothing(tmp_path) -> None:
    url = f"sqlite:///{tmp_path / 'driftwatch.db'}"
    world, found = drifted(url=url)
    item = asked(world, found.id, days=1)
    for step in ("approve", "hold", "end"):
        world = restarted(world, url)
        if step == "approve":
            exceptions.approve(world.installation, item.id, BEN, seen_hash=content_hash(item))
        elif step == "hold":
            assert world.scan().exit_code == 0
        else:
            later(world, days=1)
            assert world.scan().exit_code == 2
            assert finding(world, found.id).state is FindingState.OPEN


def test_listed_by_their_end() -> None:
    world, found = drifted()
    long, short = asked(world, found.id, days=300), asked(world, found.id, days=3)
    exceptions.reject(world.installation, long.id, ANA, "asked twice")
    assert [item.id for item in exceptions.listed(world.installation)] == [short.id, long.id]
    assert [item.id for item in exceptions.listed(world.installation, (ExceptionState.REQUESTED,))] == [short.id]
    assert isinstance(short.expires_at, datetime)
    assert findings.case(world.installation, found.id).finding.state is FindingState.OPEN


@pytest.mark.parametrize("path", ["Size", "+", " /Size", "\ud800"])
def test_a_path_that_is_no_pointer_is_refused_as_such(path: str) -> None:
    world, found = drifted()
    with pytest.raises(InputError, match="a path that starts with /"):
        asked(world, found.id, paths=["/Size", path])
    assert exceptions.listed(world.installation) == []
