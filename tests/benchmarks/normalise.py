"""Normalising and fingerprinting a document, against the least that a digest of it costs: orjson's sorted dump and one SHA-256."""

from __future__ import annotations

import base64
import cProfile
import hashlib
import pstats
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from driftwatch.aws.catalog import Catalog, load
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.embedded_yaml import read_yaml
from driftwatch.aws.intake import Form
from driftwatch.aws.planning import Place, plan
from driftwatch.aws.recorded import RecordedCaller, is_reply, read_reply
from driftwatch.aws.sdk import Sdk
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.domain.normalize import Canonical, Normalisation, Normaliser, fingerprint
from driftwatch.domain.resource import Cell
from driftwatch.domain.scan import Reading
from tests.benchmarks.account import ACCOUNT, REGIONS
from tests.benchmarks.world import ROOT, Bench, Line, Table, at_most
from tests.fakes import TEST_KEY, TEST_KEY_ID

GOAL = 25
CASES = ROOT / "tests" / "catalog" / "cases"
MIN_SECONDS = 0.002
"""A document is repeated until this has gone by: the clock and a switch of threads then cost little of it."""


@dataclass(kw_only=True)
class _Keeping:
    """A normaliser that keeps the documents it was given."""

    inner: Normaliser
    kept: list[Mapping[str, Any]] = field(default_factory=list)

    def normalise(self, document: Mapping[str, Any]) -> Canonical:
        self.kept.append(document)
        return self.inner.normalise(document)


class _Collector(AwsCollector):
    keeping: dict[str, _Keeping]

    def _form(self, cell: Cell, pinned: Normalisation | None) -> Form:
        form = super()._form(cell, pinned)
        keeping = self.keeping.setdefault(cell.type, _Keeping(inner=form.normaliser))
        return replace(form, normaliser=keeping)  # type: ignore[arg-type]


def corpus(catalog: Catalog) -> dict[str, _Keeping]:
    """Type -> its merged documents: what the recorded replies of every case make before they are normalised."""
    sdk, keeping = Sdk(), dict[str, _Keeping]()
    limits = Limits(calls_per_place=1)  # which recorded reply answers depends on the order of the calls
    account = Account(id=ACCOUNT, regions=REGIONS[:1])
    place = Place(account=account, regions=REGIONS[:1])
    with closing(_Collector(catalog, [account], TEST_KEY, TEST_KEY_ID, limits=limits, yaml=read_yaml)) as reader:
        reader.keeping = keeping
        for folder in _folders():
            replies = [read_reply(path) for path in sorted(folder.iterdir()) if is_reply(path)]
            recorded = RecordedCaller(replies, sdk)
            types = [name for name, entry in catalog.items() if recorded.has(entry.service, entry.list.op)]
            for unit in plan(catalog, types, [place], lambda _cell: True).units:
                for _ in reader.read_with(RecordedCaller(replies, sdk), unit, Reading()):
                    pass
    return {name: kept for name, kept in sorted(keeping.items()) if kept.kept}


def _folders() -> Iterator[Path]:
    return iter(sorted({path.parent for path in CASES.rglob("*.json") if is_reply(path)}))


def bare(document: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=_text)).digest()


def _text(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def ours(normaliser: Normaliser, document: Mapping[str, Any]) -> str:
    canonical = normaliser.normalise(document)
    return fingerprint(canonical.config, canonical.tags)


def _seconds(work: Callable[[], object]) -> float:
    """Of one call: the best of five series."""
    times = 1
    while True:
        started = time.perf_counter()
        for _ in range(times):
            work()
        spent = time.perf_counter() - started
        if spent >= MIN_SECONDS:
            break
        times *= 4
    best = spent
    for _ in range(4):
        started = time.perf_counter()
        for _ in range(times):
            work()
        best = min(best, time.perf_counter() - started)
    return best / times


def run(bench: Bench) -> Table:
    return Table(**_as_table(bench.fresh("normalise", "measured", limit=3 if bench.quick else 12)))


def measured(limit: int) -> dict[str, Any]:
    """Per type: documents, p50 of microseconds and of the ratio, over at most `limit` documents; and what dominates."""
    types = {}
    kept = corpus(load())
    for name, keeping in kept.items():
        pairs = [(_seconds(lambda d=d: ours(keeping.inner, d)), _seconds(lambda d=d: bare(d))) for d in keeping.kept[:limit]]  # type: ignore[misc]  # noqa: B023 - called at once
        types[name] = [
            len(keeping.kept),
            1e6 * median(a for a, _ in pairs),
            1e6 * median(b for _, b in pairs),
            median(a / b for a, b in pairs),
        ]
    return {"types": types, "top": _dominating(kept)}


def _dominating(kept: Mapping[str, _Keeping]) -> list[list[Any]]:
    """The functions with most of the time of their own, and their share of it, over the whole corpus."""
    profile = cProfile.Profile()
    profile.enable()
    for keeping in kept.values():
        for document in keeping.kept:
            ours(keeping.inner, document)
    profile.disable()
    stats: Any = pstats.Stats(profile)
    whole = sum(own for _, _, own, _, _ in stats.stats.values())
    top = sorted(stats.stats.items(), key=lambda item: -item[1][2])[:6]
    return [[f"{Path(where[0]).name}:{where[2]}" if where[1] else where[2], numbers[2] / whole] for where, numbers in top]


def _as_table(found: Mapping[str, Any]) -> dict[str, Any]:
    types = found["types"]
    ratios = sorted(((ratio, name) for name, (_, _, _, ratio) in types.items()), reverse=True)
    documents = sum(number for number, *_ in types.values())

    def line(what: str, ratio: float, measured: str, *, goal: bool = True) -> Line:
        return Line(what=what, measured=measured, ratio=ratio, against="dump and SHA-256", **(at_most(GOAL, ratio) if goal else {}))

    lines = [
        line(f"p50 over the {len(types)} types", median(ratio for ratio, _ in ratios), f"{median(t[1] for t in types.values()):.1f} us")
    ]
    for ratio, name in [*ratios[:8], ratios[-1]]:
        number, own, least, _ = types[name]
        lines.append(line(f"{name} ({number} documents)", ratio, f"{own:.1f} / {least:.2f} us"))
    return {
        "title": f"normalise: {documents} merged documents of tests/catalog/cases; the p50 of each type, the eight worst and the best",
        "lines": lines,
        "notes": ["what dominates (own time under the profiler): " + ", ".join(f"{name} {share:.0%}" for name, share in found["top"])],
    }
