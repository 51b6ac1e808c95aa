"""Judging what nobody asked the world about: cases and replays, one at a time, so that scans keep their turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from fastapi import Request

from driftwatch.api.guard import Surroundings
from driftwatch.errors import BusyError

MOST_BYTES: Final = 262_144
"""Of cases: judging costs more than reading them."""
REPLAYED: Final = timedelta(days=30)


@contextmanager
def alone(request: Request) -> Iterator[None]:
    """Raises BusyError while somebody else has something judged."""
    around: Surroundings = request.app.state.around
    if not around.judging.acquire(blocking=False):
        raise BusyError("somebody else has a policy tested or replayed now; one at a time: try again in a moment")
    try:
        yield
    finally:
        around.judging.release()
