"""The table of a finding's states (authorisation specification, section 9.1): which step leads from where to where."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from driftwatch.domain.decision import Verdict
from driftwatch.domain.finding import LIVE, FindingState

_OPEN: Final = frozenset({FindingState.OPEN, FindingState.ACKNOWLEDGED})
_PENDING: Final = frozenset({FindingState.PENDING_REVIEW})


class Step(StrEnum):
    """What can happen to a finding after it was detected."""

    ACK = "ack"
    RATIFY = "ratify"
    EXCEPTION_GRANTED = "exception_granted"
    EXCEPTION_EXPIRED = "exception_expired"
    REVIEW_OK = "review_ok"
    REVIEW_MISSED = "review_missed"
    REVIEW_REJECTED = "review_rejected"
    BASELINE_ACTIVATED = "baseline_activated"
    SNAPSHOT_CLEAN = "snapshot_clean"
    VALUE_CHANGED = "value_changed"


@dataclass(frozen=True, slots=True)
class Passage:
    """From which states a step leads, to which one, and the verdict that it brings (None: the verdict stays)."""

    leaves: frozenset[FindingState]
    enters: FindingState
    verdict: Verdict | None = None


PASSAGES: Final = {
    Step.ACK: Passage(frozenset({FindingState.OPEN}), FindingState.ACKNOWLEDGED),
    Step.RATIFY: Passage(_OPEN, FindingState.RATIFIED),
    Step.EXCEPTION_GRANTED: Passage(_OPEN, FindingState.EXCEPTED, Verdict.EXCEPTED),
    Step.EXCEPTION_EXPIRED: Passage(frozenset({FindingState.EXCEPTED}), FindingState.OPEN, Verdict.EXCEPTION_EXPIRED),
    Step.REVIEW_OK: Passage(_PENDING, FindingState.AWAITING_BASELINE, Verdict.AUTHORIZED),
    Step.REVIEW_MISSED: Passage(_PENDING, FindingState.OPEN, Verdict.UNAUTHORIZED),
    Step.REVIEW_REJECTED: Passage(_PENDING, FindingState.OPEN, Verdict.UNAUTHORIZED),
    Step.BASELINE_ACTIVATED: Passage(LIVE, FindingState.BASELINED),
    Step.SNAPSHOT_CLEAN: Passage(LIVE, FindingState.REVERTED),
    Step.VALUE_CHANGED: Passage(LIVE, FindingState.SUPERSEDED),
}
"""The table of section 9.1. The last three are facts about the world or the baseline: they end any live finding."""

MOVES_BY_ITSELF: Final = {
    FindingState.OPEN: {FindingState.EXCEPTED},
    FindingState.ACKNOWLEDGED: {FindingState.EXCEPTED},
    FindingState.PENDING_REVIEW: {FindingState.AWAITING_BASELINE, FindingState.OPEN, FindingState.EXCEPTED},
    FindingState.AWAITING_BASELINE: {FindingState.OPEN, FindingState.PENDING_REVIEW, FindingState.EXCEPTED},
    FindingState.EXCEPTED: {FindingState.OPEN},
    FindingState.RATIFIED: set[FindingState](),
    FindingState.INFORMATIONAL: {FindingState.OPEN, FindingState.PENDING_REVIEW, FindingState.EXCEPTED},
}
"""Where a later decision on a settled drift may lead. For the better only by a review or an exception, which are acts of people."""
