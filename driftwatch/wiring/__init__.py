"""Wiring: the only place where adapters are chosen. From a configuration to an Installation."""

from driftwatch.wiring.loading import DEFAULT_CONFIG, Wired, load, reload
from driftwatch.wiring.names import holder, is_dead, new_id, now

__all__ = ["DEFAULT_CONFIG", "Wired", "holder", "is_dead", "load", "new_id", "now", "reload"]
