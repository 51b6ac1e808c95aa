"""Acknowledging and ratifying: by identified people, once, with a ledger entry in the same transaction; what is denied is told, too."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from driftwatch.domain.baseline import Assurance
from driftwatch.domain.decision import Verdict
from driftwatch.domain.finding import FindingState
from driftwatch.errors import NotFoundError, RefusedError, StoreError
from driftwatch.operations import approvals, baselines, findings
from tests.unit.operations.acts import CLEO, covering, drifted, entries, finding, later, with_policy
from tests.world import ANA, BEN, GROUPS, World


def test_an_acknowledgement_is_kept_with_who_when_how_and_the_exit_code_stays() -> None:
    world, found = drifted()
    findings.ack(world.installation, found.id, ANA, "OPS-7")
    kept = finding(world, found.id)
    assert (kept.state, kept.handling.acknowledged_by, kept.handling.ticket) == (FindingState.ACKNOWLEDGED, "ana", "OPS-7")
    (entry,) = entries(world, "finding_acknowledged")
    assert (entry["person"], entry["method"], entry["assurance"], entry["ticket"]) == ("ana", "os_user", "local", "OPS-7")
    assert (entry["state"], entry["drift_version"]) == ("acknowledged", found.drift_version)
    assert world.scan().exit_code == 2, "seen is not covered"
    assert finding(world, found.id).state is FindingState.ACKNOWLEDGED


def test_a_second_acknowledgement_is_refused_and_told() -> None:
    world, found = drifted()
    findings.ack(world.installation, found.id, ANA)
    with pytest.raises(RefusedError, match="is acknowledged"):
        findings.ack(world.installation, found.id, BEN)
    assert finding(world, found.id).handling.acknowledged_by == "ana"
    (denied,) = entries(world, "attempt_denied")
    assert (denied["action"], denied["object"], denied["person"]) == ("finding_ack", found.id, "ben")
    assert "is acknowledged" in denied["why"]


def test_an_unknown_and_a_closed_finding_cannot_be_acted_on() -> None:
    world, found = drifted()
    covering(world, "one")
    for act in (lambda id_: findings.ack(world.installation, id_, ANA), lambda id_: findings.ratify(world.installation, id_, "CHG-1", ANA)):
        with pytest.raises(NotFoundError, match="no finding"):
            act("finding-nobody-knows")
    world.put(GROUPS, "one", Size=1, Rules=["a", "b"])
    world.scan()
    assert finding(world, found.id).state is FindingState.REVERTED
    with pytest.raises(RefusedError, match="a closed finding is not changed"):
        findings.ack(world.installation, found.id, ANA)
    with pytest.raises(RefusedError, match="a closed finding is not changed"):
        findings.ratify(world.installation, found.id, "CHG-1", CLEO)


def test_without_its_ledger_entry_nothing_is_acknowledged() -> None:
    world, found = drifted()

    class NoLedger(type(world.store)):  # type: ignore[misc]
        def write(self, lease=None):
            return _failing(super().write(lease))

    world.store.__class__ = NoLedger
    with pytest.raises(StoreError, match="the ledger takes no entry"):
        findings.ack(world.installation, found.id, ANA)
    world.store.__class__ = NoLedger.__mro__[1]
    assert finding(world, found.id).state is FindingState.OPEN


def _failing(opened):
    from contextlib import contextmanager

    @contextmanager
    def write():
        with opened as uow:

            def refuse(*_: object) -> None:
                raise StoreError("the ledger takes no entry")

            uow.ledger.append = refuse
            yield uow

    return write()


class TestRatifying:
    def retroactive(self) -> tuple[World, str]:
        """An unauthorised drift, and a record that ben approved half an hour after it."""
        world, found = drifted()
        later(world, minutes=30)
        covering(world, "one")
        world.scan()
        assert finding(world, found.id).verdict_current is Verdict.UNAUTHORIZED, "a retroactive record never authorises"
        return world, found.id

    def test_a_retroactive_record_makes_it_a_deviation_with_a_disposition_and_never_authorised(self) -> None:
        world, id_ = self.retroactive()
        findings.ratify(world.installation, id_, "CHG-1", CLEO)
        kept = finding(world, id_)
        assert (kept.state, kept.verdict_initial, kept.verdict_current) == (
            FindingState.RATIFIED,
            Verdict.UNAUTHORIZED,
            Verdict.UNAUTHORIZED,
        )
        assert (kept.handling.record, kept.handling.disposition and kept.handling.disposition.by) == ("CHG-1", "cleo")
        (entry,) = entries(world, "finding_ratified")
        assert (entry["record"], entry["person"], entry["assurance"]) == ("CHG-1", "cleo", "signed")
        assert world.scan().exit_code == 2, "only a baseline ends it"
        assert finding(world, id_).state is FindingState.RATIFIED

    def test_the_record_may_have_been_made_since_the_last_scan(self) -> None:
        world, found = drifted()
        later(world, minutes=30)
        covering(world, "one")
        findings.ratify(world.installation, found.id, "CHG-1", CLEO)
        assert finding(world, found.id).state is FindingState.RATIFIED

    @pytest.mark.parametrize("person", ["dora", "eli"])
    def test_whoever_took_part_is_refused_and_told(self, person: str) -> None:
        world, id_ = self.retroactive()
        with pytest.raises(RefusedError, match="nobody ratifies their own change"):
            findings.ratify(world.installation, id_, "CHG-1", replace(CLEO, person=person))
        assert finding(world, id_).state is FindingState.OPEN
        assert entries(world, "attempt_denied")[-1]["person"] == person

    def test_an_unknown_record_and_one_for_something_else_ratify_nothing(self) -> None:
        world, id_ = self.retroactive()
        with pytest.raises(NotFoundError, match="CHG-9"):
            findings.ratify(world.installation, id_, "CHG-9", CLEO)
        covering(world, "two")
        world.scan()
        with pytest.raises(RefusedError, match="R2"):
            findings.ratify(world.installation, id_, "CHG-2", CLEO)

    def test_a_covered_finding_has_nothing_to_ratify(self) -> None:
        world, _ = drifted()
        covering(world, "two")
        world.put(GROUPS, "two", Size=9, Rules=["a", "b"])
        world.scan()
        (covered,) = [item for item in world.live() if item.state is FindingState.AWAITING_BASELINE]
        with pytest.raises(RefusedError, match="is awaiting_baseline"):
            findings.ratify(world.installation, covered.id, "CHG-1", CLEO)

    def test_where_the_policy_asks_for_a_signature_an_os_user_does_not_do(self) -> None:
        world, id_ = self.retroactive()
        with_policy(world, min_assurance=Assurance.SIGNED)
        with pytest.raises(RefusedError, match="asks for a signature"):
            findings.ratify(world.installation, id_, "CHG-1", replace(CLEO, assurance=Assurance.LOCAL))
        findings.ratify(world.installation, id_, "CHG-1", CLEO)

    def test_it_enters_a_baseline_without_anybody_accepting_the_risk_again_also_when_the_capture_came_first(self) -> None:
        world, id_ = self.retroactive()
        version = baselines.capture(world.installation, "production", ANA)
        baselines.propose(world.installation, version.id, ANA)
        findings.ratify(world.installation, id_, "CHG-1", CLEO)
        done = approvals.approve(world.installation, version.id, BEN, seen_hash=version.content_hash)
        assert (done.active, done.baselined) == (True, 1)
        kept = finding(world, id_)
        assert (kept.state, kept.verdict_current) == (FindingState.BASELINED, Verdict.UNAUTHORIZED)
        (item,) = done.version.included
        assert item.disposition
        assert (item.disposition.kind, item.disposition.by) == ("ratified", "cleo")

    def test_an_open_one_enters_no_baseline_without_a_disposition(self) -> None:
        world, id_ = self.retroactive()
        version = baselines.capture(world.installation, "production", ANA)
        baselines.propose(world.installation, version.id, ANA)
        with pytest.raises(RefusedError, match="R13"):
            approvals.approve(world.installation, version.id, BEN, seen_hash=version.content_hash)
        assert finding(world, id_).state is FindingState.OPEN


class TestNewValues:
    def test_an_acknowledgement_does_not_cover_another_value(self) -> None:
        world, found = drifted()
        findings.ack(world.installation, found.id, ANA)
        world.put(GROUPS, "one", Size=3, Rules=["a", "b"])
        world.scan()
        (successor,) = world.live()
        assert (successor.previous_id, successor.state) == (found.id, FindingState.OPEN)
        assert finding(world, found.id).state is FindingState.SUPERSEDED

    def test_it_stays_where_the_drift_only_became_less(self) -> None:
        world, found = drifted()
        world.put(GROUPS, "one", Size=2, Rules=["a", "b", "c"])
        world.scan()
        (both,) = world.live()
        findings.ack(world.installation, both.id, ANA)
        world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
        world.scan()
        (successor,) = world.live()
        assert (successor.previous_id, successor.state, successor.handling.acknowledged_by) == (both.id, FindingState.ACKNOWLEDGED, "ana")
        assert found.id != successor.id


def test_a_resource_that_comes_and_goes_is_flapping_and_each_time_a_finding() -> None:
    world, first = drifted()
    for size in (1, 2, 1, 2):
        world.put(GROUPS, "one", Size=size, Rules=["a", "b"])
        world.scan()
    (live,) = world.live()
    assert live.id != first.id
    assert live.handling.flapping
    later(world, hours=25)
    world.put(GROUPS, "one", Size=1, Rules=["a", "b"])
    world.scan()
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.scan()
    (quiet,) = world.live()
    assert not quiet.handling.flapping
    assert quiet.first_seen - live.first_seen > timedelta(hours=25)
