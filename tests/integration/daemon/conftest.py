"""A stage for a daemon in this process; logs are caught, whatever a test did to their configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from structlog.testing import CapturingLogger
from structlog.typing import EventDict

from tests.integration.daemon.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.collector.gate.set()
    made.world.store.close()


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[EventDict]]:
    """Every log event of this process."""
    events: list[EventDict] = []

    def keep(_logger: object, level: str, event: EventDict) -> EventDict:
        events.append({**event, "level": level})
        raise structlog.DropEvent

    structlog.configure(processors=[structlog.contextvars.merge_contextvars, keep], logger_factory=lambda *_: CapturingLogger())
    yield events
    structlog.reset_defaults()
