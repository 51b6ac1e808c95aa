"""How fast a daemon beats, and how long it takes to stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from driftwatch.operations import requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds. A stop waits `stop_gently_s` for the scan to end by itself, cuts its calls and waits `stop_cut_s`, then has `leave_s`
    to write what is left: within 20 s in all."""

    heartbeat_s: float = requests.HEARTBEAT_S
    stop_gently_s: float = 5.0
    stop_cut_s: float = 8.0
    leave_s: float = 4.0


DEFAULT: Final = Pace()
