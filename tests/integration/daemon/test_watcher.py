"""The daemon follows the log of calls: what a call names is reread within seconds, judged, and what was turned off is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from driftwatch.daemon import Daemon, Pace
from driftwatch.domain.activity import Activity
from driftwatch.domain.drift import Blinds, DriftKind
from driftwatch.domain.report import ActivityRead, FindingChanged, Rescanned
from driftwatch.operations import activity
from tests.activity import FakeActivitySource, call
from tests.integration.daemon.stage import NEVER, QUICK, Stage, wait_until
from tests.world import GROUPS


@contextmanager
def watching(stage: Stage, source: FakeActivitySource, pace: Pace = QUICK) -> Iterator[Daemon]:
    """A daemon that follows the source, after the scan of its start."""
    policy = replace(stage.world.installation.policy, report_transients=True, clock_tolerance_s=0)
    stage.world.change(activity_sources=[source], policy=policy)
    daemon = stage.daemon(pace)
    daemon.start()
    stage.until_idle(daemon)
    stage.later(1)
    try:
        yield daemon
    finally:
        daemon.stop()


def logged(stage: Stage, *ids: str, **more: object) -> Activity:
    return call(stage.world.now, GROUPS.type, *ids, **more)  # type: ignore[arg-type]


def test_a_change_is_found_within_seconds_of_its_event_without_a_scan(stage: Stage) -> None:
    source = FakeActivitySource()
    with watching(stage, source):
        scans = stage.collector.calls.count(str(GROUPS))
        stage.world.put(GROUPS, "one", Size=2)
        made = logged(stage, "one")
        stage.later(1)
        source.log.append(made)
        wait_until(lambda: [finding.resource for finding in stage.world.live()] == ["one"])
        wait_until(lambda: any(isinstance(event, Rescanned) for event in stage.told))
        assert stage.collector.calls.count(str(GROUPS)) == scans
    opened = [event for event in stage.told if isinstance(event, FindingChanged) and event.before is None]
    assert [event.changed_at for event in opened] == [made.time]
    assert stage.metric("driftwatch_rescan_resources_total") == 1
    assert stage.metric("driftwatch_detection_latency_seconds_count", bound="exact") == 1


def test_what_was_found_without_a_scan_is_measured_with_the_next_round(stage: Stage) -> None:
    source = FakeActivitySource()
    with watching(stage, source, NEVER) as daemon:
        stage.world.put(GROUPS, "one", Size=2)
        made = logged(stage, "one")
        stage.later(1)
        source.log.append(made)
        wait_until(lambda: any(isinstance(event, Rescanned) for event in stage.told))
        stage.later(30)  # what was measured before may seem to have taken minutes, by a clock that is moved

        def measured() -> bool:
            daemon._gauges.round()
            return stage.metric("driftwatch_findings_open", state="open", verdict="unauthorized", settled="true") == 1

        wait_until(measured)


def test_a_change_that_is_over_before_it_is_reread_is_a_transient_finding(stage: Stage) -> None:
    source = FakeActivitySource()
    with watching(stage, source):
        made = logged(stage, "one")
        stage.later(1)
        source.log.append(made)
        wait_until(lambda: [finding.drift.kind for finding in stage.world.live()] == [DriftKind.TRANSIENT])


def test_a_type_without_a_call_for_one_resource_is_scanned(stage: Stage) -> None:
    source = FakeActivitySource()
    with watching(stage, source):
        stage.collector.listed_only.add(GROUPS.type)
        stage.world.put(GROUPS, "one", Size=2)
        made = logged(stage, "one")
        stage.later(1)
        source.log.append(made)
        wait_until(lambda: [finding.resource for finding in stage.world.live()] == ["one"])


def test_a_late_event_explains_a_finding_that_is_there_already(stage: Stage) -> None:
    source = FakeActivitySource()
    with watching(stage, source):
        stage.world.put(GROUPS, "one", Size=2)
        late = logged(stage, "one")
        stage.later(1)
        stage.world.scan(1)
        (finding,) = stage.world.live()
        source.log.append(late)

        def matched() -> bool:
            with stage.world.store.read() as uow:
                return uow.activity.fate(late.id)[1] == finding.id

        wait_until(matched)


def test_switching_off_the_trail_is_told_at_once(stage: Stage) -> None:
    source = FakeActivitySource()
    with watching(stage, source):
        source.log.append(call(stage.world.now, "AWS::CloudTrail::Trail", "main", name="StopLogging", source="cloudtrail.amazonaws.com"))
        wait_until(lambda: [finding.drift.blinds for finding in stage.world.live()] == [Blinds.TRAIL])
        wait_until(lambda: stage.metric("driftwatch_blinded_total", what="trail") == 1)


def test_a_source_that_fails_is_told_and_asked_again_and_the_daemon_lives(stage: Stage) -> None:
    source = FakeActivitySource(broken=0)
    with watching(stage, source):
        wait_until(lambda: any(isinstance(event, ActivityRead) and event.error for event in stage.told))
    with stage.world.store.read() as uow:
        (known,) = uow.activity.sources()
    assert known.last_error


def test_only_one_process_reads_the_log(stage: Stage) -> None:
    source = FakeActivitySource()
    with watching(stage, source):
        asked = len(source.orders)
        assert activity.catch_up(stage.world.installation, holder="another") == []
        wait_until(lambda: len(source.orders) > asked)
    assert activity.catch_up(stage.world.installation, holder="another") == []
    with stage.world.store.read() as uow:
        assert uow.leases.get(activity.LEASE) is None


def test_a_reload_follows_the_sources_that_are_in_force_then_and_the_daemon_stays_alive(stage: Stage) -> None:
    first, second = FakeActivitySource(), FakeActivitySource(name="other")
    stage.world.change(activity_sources=[first])
    daemon = stage.daemon()
    daemon.start()
    try:
        stage.until_idle(daemon)
        stage.world.change(activity_sources=[second])
        assert daemon.reload()
        wait_until(lambda: len(second.orders) > 1)
        asked = len(first.orders)
        wait_until(lambda: len(second.orders) > 5)
        assert len(first.orders) <= asked + 1
        assert daemon.health().alive() is None
    finally:
        daemon.stop()
