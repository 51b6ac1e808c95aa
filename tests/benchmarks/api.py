"""The API's list of findings with few and with very many of them, against a bare route that returns the same bytes; and every page."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import Final

from fastapi import FastAPI, Response
from sqlalchemy import insert, select

from driftwatch.api.app import protected
from driftwatch.api.server import Listener
from driftwatch.api.site import PAGES
from driftwatch.stores.schema import decisions, findings
from tests.benchmarks.world import Bench, Line, Table, at_most
from tests.unit.api.caller import Stage
from tests.world import GROUPS, settled_world

SIZES: Final = (100, 100_000)
QUICK: Final = (100, 10_000)
REQUESTS: Final = 200
PAGE_REQUESTS: Final = 30
MOST_MS, MOST_BYTES = 200.0, 300_000
"""What a page may take of the server's time, and of a line."""
PATH: Final = "/api/v1/findings"
QUERIES: Final = {"first page": "", "of one account": "&account=111111111111", "of a verdict": "&verdict=unauthorized"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Requests a second from one caller, and the slowest of a hundred (milliseconds)."""

    per_second: float
    p99_ms: float
    body: bytes


def run(bench: Bench) -> Table:
    few, many = QUICK if bench.quick else SIZES
    lines: list[Line] = []
    paces: dict[int, dict[str, Pace]] = {}
    for size in (few, many):
        stage = _stage(bench.folder / f"api-{size}.db", size)
        with closing(stage.world.store), _served(stage) as (host, headers):
            paces[size] = {name: _pace(host, f"{PATH}?limit=50{query}", headers) for name, query in QUERIES.items()}
            pages = [_page(host, name, path, size, stage.secret("cleo")) for path, name in (*PAGES, ("/exceptions", "Exceptions"))]
    with _bare(paces[many]["first page"].body) as host:
        bare = _pace(host, "/bare", {})
    lines.append(_line("a bare route, the same bytes", bare))
    for name in QUERIES:
        small, large = paces[few][name], paces[many][name]
        lines.append(_line(f"{name}, {few:,} findings", small, bare))
        lines.append(_line(f"{name}, {many:,} findings", large, bare))
        ratio = small.per_second / large.per_second
        lines.append(Line(what=f"{name}: few against many", measured="", ratio=ratio, against="requests a second", **at_most(1.5, ratio)))
    lines += pages
    return Table(
        title="API: the list of findings, 50 a page",
        lines=lines,
        notes=[f"one caller, one request after the other, {REQUESTS} of them; {len(bare.body):,} bytes each"],
    )


def _line(what: str, pace: Pace, bare: Pace | None = None) -> Line:
    ratio = bare.per_second / pace.per_second if bare else None
    measured = f"{pace.per_second:,.0f}/s, p99 {pace.p99_ms:.1f} ms"
    return Line(what=what, measured=measured, ratio=ratio, against="the bare route's pace" if bare else "")


def _page(host: str, name: str, path: str, size: int, token: str) -> Line:
    """A page as an administrator gets it, who sees everything. It has 200 ms and 300 KB."""
    pace = _pace(host, path, {"Authorization": f"Bearer {token}", "Accept": "text/html"}, PAGE_REQUESTS)
    assert len(pace.body) <= MOST_BYTES, (name, len(pace.body))
    measured = f"p99 {pace.p99_ms:.0f} ms, {len(pace.body) / 1000:.0f} KB"
    return Line(what=f"page {name}, {size:,} findings", measured=measured, ratio=pace.p99_ms, against="ms", **at_most(MOST_MS, pace.p99_ms))


def _stage(file: Path, number: int) -> Stage:
    """A world with one finding, and copies of it under other names and times: what a scan would have written, in seconds."""
    world = settled_world(url=f"sqlite:///{file}")
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.scan()
    with world.store.write() as work:
        connection = work.findings._session.connection  # type: ignore[attr-defined]
        row = dict(connection.execute(select(findings)).one()._mapping)
        made = dict(connection.execute(select(decisions)).one()._mapping)
        for start in range(1, number, 5_000):
            numbers = range(start, min(start + 5_000, number))
            connection.execute(insert(findings), [_copy(row, item) for item in numbers])
            connection.execute(insert(decisions), [made | {"decision": made["decision"] + n, "finding_id": _id(n)} for n in numbers])
    return Stage(world)


def _id(number: int) -> str:
    return f"finding-{number:020x}"


def _copy(row: dict[str, object], number: int) -> dict[str, object]:
    seen = row["first_seen"] - timedelta(seconds=number)  # type: ignore[operator]
    return row | {"id": _id(number), "resource": f"sg-{number}", "resource_id": f"{row['resource_id']}-{number}", "first_seen": seen}


@contextmanager
def _served(stage: Stage) -> Iterator[tuple[str, dict[str, str]]]:
    listener = Listener(protected(stage.wired), "127.0.0.1", 0)
    listener.start()
    try:
        yield listener.url.removeprefix("http://"), {"Authorization": f"Bearer {stage.secret('ana')}"}
    finally:
        listener.stop()


@contextmanager
def _bare(body: bytes) -> Iterator[str]:
    app = FastAPI(openapi_url=None)

    @app.get("/bare")
    def bare() -> Response:
        return Response(body, media_type="application/json")

    listener = Listener(app, "127.0.0.1", 0)
    listener.start()
    try:
        yield listener.url.removeprefix("http://")
    finally:
        listener.stop()


def _pace(host: str, path: str, headers: dict[str, str], requests: int = REQUESTS) -> Pace:
    with closing(http.client.HTTPConnection(host, timeout=30)) as connection:
        took: list[float] = []
        for _ in range(requests):
            started = time.perf_counter()
            connection.request("GET", path, headers=headers)
            reply = connection.getresponse()
            body = reply.read()
            took.append(time.perf_counter() - started)
            assert reply.status == 200, (reply.status, body)
    return Pace(per_second=requests / sum(took), p99_ms=quantiles(took, n=100)[98] * 1000, body=body)
