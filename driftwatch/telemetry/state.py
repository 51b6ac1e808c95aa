"""The metrics that say how things stand, from `Measures`: a collector, so that the series of what is gone vanish with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric

from driftwatch.domain.decision import Verdict
from driftwatch.domain.finding import LIVE
from driftwatch.domain.report import Measures, ScopeMeasure
from driftwatch.domain.snapshot import CellState
from driftwatch.telemetry.activity import activity
from driftwatch.telemetry.deliveries import deliveries
from driftwatch.telemetry.handling import handling

ACCOUNTS_SHOWN: Final = 100
SCOPES_SHOWN: Final = 200
WORST_SHOWN: Final = 20
"""Above so many accounts, or account x region scopes, there are minimum, maximum and sum, and the worst of them by name."""
AGE_BUCKETS: Final = (60, 600, 3600, 4 * 3600, 24 * 3600, 72 * 3600, 7 * 86400, 30 * 86400)
GOOD: Final = frozenset({CellState.CLEAN.value, CellState.DRIFTED.value, CellState.NOT_ENABLED.value})

Labelled = Mapping[tuple[str, ...], float]


class StateMetrics:
    """Shows the last measures it was given; before the first there is nothing to show, which is not the same as zero.

    What a scrape shows is made once for all scrapes until the next measures: thousands of scopes have to be put in order for it.
    """

    def __init__(self) -> None:
        self._shown: Sequence[Metric] = ()

    def describe(self) -> Iterable[Metric]:
        """Nothing is known before the first measuring; the registry then does not collect at registration."""
        return ()

    def take(self, measures: Measures) -> None:
        """Shows these from now on."""
        self._shown = tuple(_metrics(measures))

    def collect(self) -> Iterable[Metric]:
        return self._shown


def _metrics(measures: Measures) -> Iterator[Metric]:
    yield from _cells(measures)
    yield from _scopes(measures.scopes)
    yield from _findings(measures)
    yield from handling(measures)
    yield from activity(measures)
    yield from deliveries(measures)
    yield from _times(measures)


def _cells(measures: Measures) -> Iterator[Metric]:
    states = GaugeMetricFamily("driftwatch_cells", "Cells (account x region x type) by state", labels=["state"])
    for state in CellState:
        states.add_metric([state.value], sum(count for (_, name), count in measures.cells.items() if name == state.value))
    yield states
    gaps = GaugeMetricFamily("driftwatch_cells_unknown", "Cells that could not be read, by reason", labels=["reason"])
    for reason, count in sorted(measures.gaps.items()):
        gaps.add_metric([reason], count)
    yield gaps
    text = "Configured accounts of which no scan ever named a cell"
    yield GaugeMetricFamily("driftwatch_accounts_unread", text, value=measures.unread_accounts)
    ratios: Labelled = {(account,): ratio for account, ratio in coverage(measures.cells).items()}
    yield from collapsed("driftwatch_coverage_ratio", "Share of cells that are read and compared", ("account",), ratios, ACCOUNTS_SHOWN)


def coverage(cells: Mapping[tuple[str, str], int]) -> dict[str, float]:
    """By account: the share of its cells that are complete, fresh and baselined, or not enabled."""
    totals: dict[str, list[int]] = {}
    for (account, state), count in cells.items():
        pair = totals.setdefault(account, [0, 0])
        pair[0] += count if state in GOOD else 0
        pair[1] += count
    return {account: good / whole for account, (good, whole) in totals.items() if whole}


def _scopes(scopes: Mapping[tuple[str, str], ScopeMeasure]) -> Iterator[Metric]:
    labels = ("account", "region")
    oldest: Labelled = {scope: _stamp(item.oldest_completion) for scope, item in scopes.items()}
    yield from collapsed(
        "driftwatch_scope_oldest_completion_timestamp_seconds",
        "The oldest complete reading of a cell of the scope; 0 while one was never read completely",
        labels,
        oldest,
        SCOPES_SHOWN,
    )
    late: Labelled = {scope: item.past_freshness for scope, item in scopes.items()}
    text = "Cells of the scope whose last complete reading is too old, or never was"
    yield from collapsed("driftwatch_scope_cells_past_freshness", text, labels, late, SCOPES_SHOWN, worst_is_high=True)
    states = GaugeMetricFamily("driftwatch_scope_cells", "Cells of the scope by state", labels=[*labels, "state"])
    shown = sorted(scopes.items(), key=lambda item: (-sum(n for state, n in item[1].states.items() if state not in GOOD), item[0]))
    for scope, item in shown[: SCOPES_SHOWN if len(scopes) <= SCOPES_SHOWN else WORST_SHOWN]:
        for state in CellState:
            states.add_metric([*scope, state.value], item.states.get(state.value, 0))
    yield states


def collapsed(
    name: str, text: str, labels: tuple[str, ...], values: Labelled, shown: int, *, worst_is_high: bool = False
) -> Iterator[Metric]:
    """One series for each member up to `shown`; above that minimum, maximum and sum, and the worst `WORST_SHOWN` by name."""
    gauge = GaugeMetricFamily(name, text, labels=labels)
    sign = -1 if worst_is_high else 1
    members = sorted(values.items(), key=lambda item: (sign * item[1], item[0]))
    if len(values) > shown:
        for what, value in (("min", min(values.values())), ("max", max(values.values())), ("sum", sum(values.values()))):
            yield GaugeMetricFamily(f"{name}_{what}", f"{text}: {what} over all", value=value)
        members = members[:WORST_SHOWN]
    for member, value in members:
        gauge.add_metric(list(member), value)
    yield gauge


def _findings(measures: Measures) -> Iterator[Metric]:
    findings = GaugeMetricFamily("driftwatch_findings_open", "Live findings", labels=["state", "verdict", "settled"])
    every = {(state.value, verdict.value, settled) for state in LIVE for verdict in Verdict for settled in (True, False)}
    for state, verdict, settled in sorted(every | measures.findings.keys()):
        count = measures.findings.get((state, verdict, settled), 0)
        findings.add_metric([state, verdict, str(settled).lower()], count)
    yield findings
    ages = [(measures.at - moment).total_seconds() for moment in measures.first_seen]
    buckets = [(str(float(limit)), float(sum(age <= limit for age in ages))) for limit in AGE_BUCKETS]
    age = HistogramMetricFamily("driftwatch_finding_age_seconds", "Age of live findings")
    age.add_metric([], buckets=[*buckets, ("+Inf", float(len(ages)))], sum_value=sum(ages))
    yield age
    pending = sum(count for (state, _, _), count in measures.findings.items() if state == "awaiting_baseline")
    yield GaugeMetricFamily("driftwatch_baseline_pending_drifts", "Authorised drifts that wait for a baseline", value=pending)


def _times(measures: Measures) -> Iterator[Metric]:
    """A time is 0 where it never came: ``time() - metric`` is then larger than any threshold."""
    for name, text, moment in (
        ("driftwatch_scan_last_end_timestamp_seconds", "When the last scan of any extent ended", measures.last_scan_ended_at),
        ("driftwatch_scan_last_success_timestamp_seconds", "The last complete scan of all cells", measures.last_complete_scan_ended_at),
        ("driftwatch_cells_oldest_completion_timestamp_seconds", "The oldest complete reading of a cell", measures.oldest_completion),
    ):
        yield GaugeMetricFamily(name, text, value=_stamp(moment))
    age = GaugeMetricFamily("driftwatch_baseline_age_seconds", "Since the active version was made", labels=["baseline"])
    for name, created in sorted(measures.baselines.items()):
        age.add_metric([name], (measures.at - created).total_seconds())
    yield age
    synced = GaugeMetricFamily(
        "driftwatch_record_sync_last_success_timestamp_seconds", "When a change source was last read", labels=["source"]
    )
    aside = GaugeMetricFamily("driftwatch_records_set_aside", "Change records that are refused", labels=["source"])
    for name, source in sorted(measures.sources.items()):
        synced.add_metric([name], _stamp(source.last_success_at))
        aside.add_metric([name], source.set_aside)
    yield synced
    yield aside
    deviations = GaugeMetricFamily("driftwatch_policy_deviations", "Deviations that loosen the policy's preset", labels=["state"])
    for state in ("current", "expired"):
        deviations.add_metric([state], measures.deviations.get(state, 0))
    yield deviations
    yield GaugeMetricFamily("driftwatch_store_bytes", "Size of the store", value=measures.store_bytes)


def _stamp(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0
