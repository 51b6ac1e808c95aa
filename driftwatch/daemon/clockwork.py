"""The clockwork: looks every half minute at what becomes due by itself, beside whatever else the daemon does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from driftwatch.domain.report import Report
from driftwatch.errors import DriftwatchError
from driftwatch.operations import clocks
from driftwatch.operations.installation import Installation
from driftwatch.telemetry import logs
from driftwatch.telemetry.metrics import Metrics

EVERY_S: Final = 30.0


class Clockwork:
    """One thread. `installation` gives what is in force."""

    def __init__(
        self,
        installation: Callable[[], Installation],
        metrics: Metrics,
        report: Report,
        stopping: threading.Event,
        *,
        every_s: float = EVERY_S,
    ) -> None:
        self._installation = installation
        self._metrics = metrics
        self._report = report
        self._stopping = stopping
        self._every_s = every_s
        self._since: datetime | None = None
        self._thread = threading.Thread(target=self._run, name="clockwork", daemon=True)
        self._log = structlog.get_logger()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def join(self, seconds: float) -> bool:
        """Waits for the thread to end; True when it did."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def look(self) -> None:
        """One look at the clocks. A store that fails is looked at again later: what is due stays due."""
        installation = self._installation()
        now = installation.clock()
        try:
            clocks.tick(installation, self._report, settling_since=self._since)
        except DriftwatchError as error:
            self._log.error("clocks_failed", error=str(error))
        else:
            self._since = now

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - deadlines pass whatever one look met; it is logged and counted
                self._metrics.errors.labels("clocks").inc()
                logs.unexpected("clocks_failed", error)
