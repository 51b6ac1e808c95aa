"""The daemon's upkeep of the ledger: checkpoints on schedule, their export, and the verification of the whole."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from driftwatch.errors import DriftwatchError
from driftwatch.operations import ledger, ledger_proof
from driftwatch.operations.installation import Installation
from driftwatch.ports import CheckpointPlace
from driftwatch.telemetry import logs
from driftwatch.telemetry.metrics import Metrics
from driftwatch.wiring import Wired

HANGS_AFTER_S: Final = 120.0
"""A turn that makes no progress for so long hangs, at a disk or in ssh-keygen."""
ENTRIES, CHECKPOINT, EXPORT, VERIFICATION = "entries", "checkpoint", "export", "verification"
_WORDS: Final = {
    ENTRIES: "the ledger takes no entries",
    CHECKPOINT: "no checkpoint of the ledger can be made",
    EXPORT: "the ledger's checkpoints cannot be exported",
    VERIFICATION: "the ledger cannot be verified",
}


class LedgerKeeper:
    """One thread, a turn every `every_s` seconds. What fails is told at once (`trouble`), counted, and tried again at the next turn."""

    def __init__(
        self,
        loaded: Callable[[], Wired],
        metrics: Metrics,
        stopping: threading.Event,
        *,
        every_s: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._loaded = loaded
        self._metrics = metrics.ledger
        self._unexpected = metrics.errors
        self._stopping = stopping
        self._every_s = every_s
        self._monotonic = monotonic
        self._thread: threading.Thread | None = None
        self._troubles: dict[tuple[str, str], str] = {}
        self._signed_at: float | None = None
        self._verified_at: float | None = None
        self._moved_at: float | None = None
        self._log = structlog.get_logger()

    @property
    def trouble(self) -> str | None:
        """A word about what is wrong now; None when all is well."""
        if self._moved_at is not None and self._monotonic() - self._moved_at > max(HANGS_AFTER_S, 3 * self._every_s):
            return "the ledger's upkeep hangs"
        return next((_WORDS[part] for part, _ in sorted(self._troubles)), None)

    def start(self) -> None:
        self._moved_at = self._monotonic()
        self._thread = threading.Thread(target=self._keep, name="ledger-keeper", daemon=True)
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Waits for the thread to end, when the daemon stops."""
        if self._thread is not None:
            self._thread.join(seconds)

    def probe(self, installation: Installation) -> None:
        """Whether the ledger takes entries: without them, every act is refused."""
        self._attempt(ENTRIES, "", lambda: ledger.probe(installation))

    def turn(self) -> None:
        """One turn: a checkpoint if one is due, what the second places lack, and the verification of everything if that is due."""
        wired = self._loaded()
        installation = wired.installation
        if installation.checkpoint_signer is None:
            return
        self._metrics.checkpoint_interval.set(wired.config.ledger.checkpoint_interval_s)
        self._metrics.verify_interval.set(wired.config.ledger.verify_interval_s)
        self._attempt(CHECKPOINT, "", lambda: self._checkpoint(wired))
        self._forget_places({place.name for place in installation.checkpoint_places})
        for place in installation.checkpoint_places:
            self._moved()
            self._deliver(installation, place)
        self._moved()
        if self._is_due(self._verified_at, wired.config.ledger.verify_interval_s):
            self._attempt(VERIFICATION, "", lambda: self._verify(installation))

    # --- parts -------------------------------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        while not self._stopping.is_set():
            try:
                self._moved()
                self.turn()
            except Exception as error:  # noqa: BLE001 - whatever one turn meets, the next one comes; it is logged, counted and told
                self._unexpected.labels("ledger").inc()
                self._troubles[CHECKPOINT, "unexpected"] = logs.unexpected("ledger_upkeep_failed", error)
            else:
                self._troubles.pop((CHECKPOINT, "unexpected"), None)
            self._moved()
            self._stopping.wait(self._every_s)

    def _checkpoint(self, wired: Wired) -> None:
        """By this process's own clock, so that a jump of the wall clock neither stops checkpoints nor brings a flood of them."""
        installation, interval_s = wired.installation, wired.config.ledger.checkpoint_interval_s
        standing = ledger.standing(installation)
        last = standing.checkpoint
        age = installation.clock() - last.time if last else None
        if self._signed_at is None and age is not None and timedelta() <= age < timedelta(seconds=interval_s):
            self._signed_at = self._monotonic() - age.total_seconds()
        if self._is_due(self._signed_at, interval_s):
            last = ledger.checkpoint(installation)
            self._signed_at = self._monotonic()
            self._log.info("ledger_signed", entries=last.seq, number=last.number)
        self._metrics.entries.set(standing.head.seq if standing.head else 0)
        self._metrics.checkpoint_at.set(last.time.timestamp() if last else 0)

    def _deliver(self, installation: Installation, place: CheckpointPlace) -> None:
        self._attempt(EXPORT, place.name, lambda: ledger.deliver(installation, place))
        works = (EXPORT, place.name) not in self._troubles
        self._metrics.export_ok.labels(place.name).set(works)
        if works:
            self._metrics.exported_at.labels(place.name).set(installation.clock().timestamp())

    def _verify(self, installation: Installation) -> None:
        found = ledger_proof.verify(installation, every_signature=False, progress=self._progress)
        self._verified_at = self._monotonic()
        self._metrics.fault.set(bool(found.faults))
        for fault in found.faults:
            self._log.error("ledger_fault", kind=fault.kind.value, seq=fault.seq, why=fault.why)
        if not found.faults:
            self._metrics.verified_at.set(installation.clock().timestamp())

    def _attempt(self, part: str, what: str, work: Callable[[], object]) -> None:
        try:
            work()
        except DriftwatchError as error:
            self._metrics.failures.labels(part).inc()
            if self._troubles.get((part, what)) != str(error):
                self._log.error("ledger_upkeep", part=part, place=what or None, error=str(error))
            self._troubles[part, what] = str(error)
        else:
            if self._troubles.pop((part, what), None):
                self._log.info("ledger_upkeep_recovered", part=part, place=what or None)

    def _forget_places(self, named: set[str]) -> None:
        """Of places that a reload took away."""
        for part, what in [key for key in list(self._troubles) if key[0] == EXPORT and key[1] not in named]:
            del self._troubles[part, what]
            self._metrics.export_ok.remove(what)

    def _is_due(self, since: float | None, interval_s: float) -> bool:
        return since is None or self._monotonic() - since >= interval_s

    def _progress(self, _what: str, _done: int, _all: int) -> None:
        self._moved()

    def _moved(self) -> None:
        self._moved_at = self._monotonic()
