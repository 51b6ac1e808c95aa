"""The daemon: ticks request scans, one worker serves requests, a heartbeat says that it lives, signals reload and stop it."""

from driftwatch.daemon.daemon import Daemon
from driftwatch.daemon.pace import Pace

__all__ = ["Daemon", "Pace"]
