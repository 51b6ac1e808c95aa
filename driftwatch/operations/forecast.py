"""forecast: what a scan will cost, before it makes any call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from driftwatch.domain.resource import Cell, Json
from driftwatch.domain.scan import Forecast
from driftwatch.operations.installation import Installation


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceForecast:
    """The calls of one service; `seconds` are those of the account and region that take longest, `places` how many of these there are."""

    service: str
    calls: int
    places: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanForecast:
    """A scan's calls by service, most first. Limits hold for each account and region: so the slowest of them bounds the whole."""

    services: tuple[ServiceForecast, ...]
    never_read: int

    @property
    def calls(self) -> int:
        return sum(line.calls for line in self.services)

    @property
    def seconds(self) -> float:
        return max((line.seconds for line in self.services), default=0.0)

    @property
    def document(self) -> Json:
        return {
            "calls": self.calls,
            "seconds": round(self.seconds, 1),
            "never_read_cells": self.never_read,
            "services": [
                {"service": line.service, "calls": line.calls, "places": line.places, "seconds": round(line.seconds, 1)}
                for line in self.services
            ],
        }


def told(installation: Installation, wanted: Callable[[Cell], bool]) -> ScanForecast:
    """From the catalogue, and what the store knows of each cell; a cell that was never read counts as empty."""
    with installation.store.read() as uow:
        known = {status.cell: status.count for status in uow.cells.all() if status.read_at}
    asked: set[Cell] = set()

    def count(cell: Cell) -> int:
        asked.add(cell)
        return known.get(cell, 0)

    lines: dict[str, list[Forecast]] = {}
    for line in installation.collector.forecast(count, wanted):
        lines.setdefault(line.service, []).append(line)
    services = [
        ServiceForecast(
            service=service, calls=sum(one.calls for one in found), places=len(found), seconds=max(one.seconds for one in found)
        )
        for service, found in lines.items()
    ]
    never = sum(1 for cell in asked if wanted(cell) and cell not in known)
    return ScanForecast(services=tuple(sorted(services, key=lambda line: (-line.calls, line.service))), never_read=never)
