"""Metrics: closed label sets, no series that vanish or explode, and nothing that looks better than it is."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from driftwatch.domain.decision import Verdict
from driftwatch.domain.report import ActivityMeasure, ActivityRead, FindingChanged, Measures, NotifierTold, SourceSynced
from driftwatch.domain.snapshot import CellState
from driftwatch.telemetry.metrics import Metrics
from driftwatch.telemetry.state import WORST_SHOWN, collapsed, coverage
from tests.builders import measures
from tests.world import GROUPS, settled_world

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def series(metrics: Metrics) -> Series:
    text = generate_latest(metrics.registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def shown(taken: Measures) -> Series:
    metrics = Metrics()
    metrics.state(taken)
    return series(metrics)


def value(found: Series, name: str, **labels: str) -> float:
    return found[(name, tuple(sorted(labels.items())))]


def test_two_sets_of_metrics_live_in_one_process() -> None:
    one, other = Metrics(), Metrics()
    one.decisions.labels("unauthorized").inc()
    assert value(series(one), "driftwatch_decisions_total", verdict="unauthorized") == 1
    assert value(series(other), "driftwatch_decisions_total", verdict="unauthorized") == 0


def test_before_the_first_measuring_the_state_is_absent_not_zero() -> None:
    """An alert on `absent()` fires for a daemon that never looked; a zero would say that all is well."""
    assert not [name for name, _ in series(Metrics()) if name in ("driftwatch_cells", "driftwatch_findings_open")]


def test_what_is_counted_starts_at_zero_so_that_its_first_increase_is_seen() -> None:
    found = series(Metrics())
    for verdict in Verdict:
        assert value(found, "driftwatch_decisions_total", verdict=verdict.value) == 0
    for result in ("requested", "overlapping", "late", "missed", "failed"):
        assert value(found, "driftwatch_scan_ticks_total", result=result) == 0
    assert value(found, "driftwatch_config_reload_total", result="failed") == 0


def test_every_number_comes_through() -> None:
    found = shown(measures(accounts=3))
    assert value(found, "driftwatch_cells", state="clean") == 3
    assert value(found, "driftwatch_cells", state="unknown") == 9
    assert value(found, "driftwatch_cells_unknown", reason="denied") == 2
    assert value(found, "driftwatch_findings_open", state="open", verdict="unauthorized", settled="true") == 2
    assert value(found, "driftwatch_findings_open", state="open", verdict="authorized", settled="true") == 0
    assert value(found, "driftwatch_finding_age_seconds_count") == 4
    assert value(found, "driftwatch_finding_age_seconds_bucket", le="60.0") == 1
    assert value(found, "driftwatch_baseline_age_seconds", baseline="production") == 9 * 86400
    assert value(found, "driftwatch_baseline_pending_drifts") == 1
    assert value(found, "driftwatch_records_set_aside", source="tickets") == 1
    assert value(found, "driftwatch_store_bytes") == 40_960
    assert value(found, "driftwatch_accounts_unread") == 1


def test_what_never_happened_is_so_long_ago_that_every_threshold_is_passed() -> None:
    never = replace(measures(), oldest_completion=None, last_scan_ended_at=None, last_complete_scan_ended_at=None)
    found = shown(never)
    assert value(found, "driftwatch_scan_last_success_timestamp_seconds") == 0
    assert value(found, "driftwatch_cells_oldest_completion_timestamp_seconds") == 0
    assert value(found, "driftwatch_scope_oldest_completion_timestamp_seconds", account="000000000001", region="global") == 0


def test_ten_times_the_accounts_do_not_make_ten_times_the_series() -> None:
    """Promise P12: at most 5,000 series; accounts and scopes collapse to extremes, sum and the worst."""
    many = shown(measures(accounts=1000))
    assert len(many) < 1000
    assert value(many, "driftwatch_coverage_ratio_min") == pytest.approx(value(many, "driftwatch_coverage_ratio_max"))
    assert value(many, "driftwatch_scope_cells_past_freshness_sum") == 2000
    assert len([1 for name, _ in many if name == "driftwatch_coverage_ratio"]) == WORST_SHOWN
    assert max(len(shown(measures(accounts=count))) for count in (1, 50, 100, 101, 200)) < 5000


@pytest.mark.slow
def test_a_hundred_times_the_resources_make_no_series() -> None:
    counts = []
    for number in (2, 200):
        world = settled_world()
        for index in range(number):
            world.put(GROUPS, f"more-{index}", Size=index)
        world.scan()
        metrics = Metrics()
        for event in world.events:
            metrics.on(event)
        from driftwatch.operations.status import measure

        metrics.state(measure(world.installation))
        counts.append(len(series(metrics)))
    assert counts[0] == counts[1]


def test_series_of_what_is_gone_vanish() -> None:
    metrics = Metrics()
    metrics.state(measures())
    metrics.state(replace(measures(), baselines={}, sources={}, scopes={}, cells={}))
    assert not [labels for _, labels in series(metrics) if any(name in ("baseline", "source", "account") for name, _ in labels)]


def test_no_label_holds_an_id() -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2)
    world.scan()
    metrics = Metrics()
    for event in world.events:
        metrics.on(event)
    finding = world.live()[0]
    text = generate_latest(metrics.registry).decode()
    assert value(series(metrics), "driftwatch_decisions_total", verdict="unauthorized") == 1
    for secret in (finding.id, finding.resource_id, finding.drift.id, world.events[-1].scan.id):  # type: ignore[union-attr]
        assert secret not in text


def test_a_decision_is_counted_once_with_each_rule_it_violates_and_its_delay() -> None:
    world = settled_world()
    world.put(GROUPS, "one", Size=2)
    world.scan(minutes=30)
    (changed,) = [event for event in world.events if isinstance(event, FindingChanged)]
    metrics = Metrics()
    metrics.on(changed)
    found = series(metrics)
    assert changed.decision is not None
    for rule in {result.rule for result in changed.decision.violations}:
        assert value(found, "driftwatch_rule_violations_total", rule=rule) == 1
    assert value(found, "driftwatch_detection_latency_seconds_sum", bound="upper") == timedelta(minutes=30).total_seconds()


def test_a_failed_reading_of_a_source_is_counted_apart() -> None:
    metrics = Metrics()
    metrics.on(SourceSynced(source="tickets", records=3))
    metrics.on(SourceSynced(source="tickets", error="down"))
    found = series(metrics)
    assert value(found, "driftwatch_record_sync_total", source="tickets", result="ok") == 1
    assert value(found, "driftwatch_record_sync_total", source="tickets", result="failed") == 1


STATES = st.sampled_from([state.value for state in CellState])


@given(st.dictionaries(st.tuples(st.sampled_from(["a", "b"]), STATES), st.integers(0, 50)))
def test_coverage_is_a_share_and_only_full_when_every_cell_is_good(cells: dict[tuple[str, str], int]) -> None:
    bad = ("unknown", "stale", "unbaselined")
    for account, ratio in coverage(cells).items():
        assert 0 <= ratio <= 1
        missing = sum(count for (owner, state), count in cells.items() if owner == account and state in bad)
        assert (ratio == 1) == (missing == 0)


@given(st.dictionaries(st.tuples(st.text("abc", min_size=1)), st.floats(0, 1e9), min_size=1), st.booleans())
def test_the_worst_are_shown_by_name_and_the_extremes_of_all(values: dict[tuple[str], float], high: bool) -> None:
    families = {family.name: family for family in collapsed("x", "text", ("a",), dict(values), 3, worst_is_high=high)}
    named = [sample.value for sample in families["x"].samples]
    ordered = sorted(values.values(), reverse=high)
    if len(values) <= 3:
        assert named == ordered
        assert families.keys() == {"x"}
    else:
        assert named == ordered[:WORST_SHOWN]
        assert families["x_min"].samples[0].value == min(values.values())
        assert families["x_max"].samples[0].value == max(values.values())


def test_no_documented_metric_is_gone() -> None:
    text = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
    metrics = Metrics()
    logged = ActivityMeasure(synced={"trail": None}, complete_until={"trail": None})
    metrics.state(replace(measures(accounts=200), activity=logged))
    metrics.on(SourceSynced(source="tickets"))
    metrics.on(ActivityRead(source="trail", refused={"truncated": 1}))
    metrics.on(NotifierTold(notifier="ops", results={"delivered": 1}))
    metrics.violations.labels("R1")
    metrics.ledger.export_ok.labels("file")
    metrics.ledger.exported_at.labels("file")
    for what in metrics.traffic:
        metrics.asked(what, {"ec2": 1})
    known = {name.removesuffix("_bucket").removesuffix("_count") for name, _ in series(metrics)}
    assert set(re.findall(r"`(driftwatch_\w+)`", text)) <= known
