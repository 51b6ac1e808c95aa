"""Why a mutant of the decision core makes no difference that a test could notice: its key, as `tests.mutation` prints it, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_EQUAL_AT_ZERO = "both branches say zero where the two times are equal"
_ORDER_ONLY = "specificities are only compared with each other, and their order stays"

REASONS: Final[Mapping[str, str]] = {
    "approvals:first_satisfied: item.at > after -> item.at >= after": (
        "it is only asked where the approvals did not suffice at `after`, so an item of that very time is never the one that completed them"
    ),
    "decide:decide: True -> False": "zip's check of its own lengths: there is one outcome for each change",
    "judgement:judge_record: any((result.outcome is RuleOutcome.FAIL for result in results)) -> "
    "all((result.outcome is RuleOutcome.FAIL for result in results))": (
        "there is one result, of R2, or none where R2 is off: then all records rank alike in this place, and the gate is not there"
    ),
    "matching:specificity: 0 -> 1": "a candidate has at least one target",
    "matching:_specificity: 3 -> 4": _ORDER_ONLY,
    "matching:_specificity: 2 -> 3 #2": _ORDER_ONLY,
    "moment:distance: self.latest < start -> self.latest <= start": _EQUAL_AT_ZERO,
    "moment:distance: self.earliest > end -> self.earliest >= end": _EQUAL_AT_ZERO,
    "paths:_unless_stale: {result.rule for result in outcome.violations} <= _EXCUSED_BY_STALE -> "
    "{result.rule for result in outcome.violations} < _EXCUSED_BY_STALE": (
        "R1 means that there is no record, R4 that there is one: a path never violates all three"
    ),
    "windows:missed_by: moment.latest < self.start -> moment.latest <= self.start": _EQUAL_AT_ZERO,
    "windows:missed_by: moment.earliest > self.end -> moment.earliest >= self.end": _EQUAL_AT_ZERO,
}
