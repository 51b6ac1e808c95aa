"""The rules of the authorisation specification, section 6: what a single change record must satisfy to have allowed a change.

A rule is a function from a Question to an Answer: pass, fail, unknown (it cannot be told), pending or n/a. It does not know its mode;
what an answer counts for is decided in `judgement`. A new rule is one function and one line in RULES; its sentences are in `wording`.
R1 (no record), R13 (baselines) and R14 (exceptions) do not judge a record: see `paths`, `baseline_rules` and `exceptions`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from driftwatch.domain.authorization.question import Answer, Question
from driftwatch.domain.authorization.rules_actor import actor_not_implementer, pipeline_bypass, privileged_actor
from driftwatch.domain.authorization.rules_approval import edited_after_approval, not_approved_at_time, self_approved
from driftwatch.domain.authorization.rules_evidence import peer_review_missing, rollback_plan_missing, untested
from driftwatch.domain.authorization.rules_kinds import emergency_review, standard_template
from driftwatch.domain.authorization.rules_scope import out_of_scope, value_mismatch
from driftwatch.domain.authorization.rules_time import change_freeze, outside_window, record_state
from driftwatch.domain.change import ChangeType

NORMAL: Final = frozenset({ChangeType.NORMAL})
EMERGENCY: Final = frozenset({ChangeType.EMERGENCY})
STANDARD: Final = frozenset({ChangeType.STANDARD})
ALL: Final = NORMAL | EMERGENCY | STANDARD


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule that judges one record: its id, its name, the kinds of record that it applies to, and the function that answers."""

    id: str
    name: str
    applies: frozenset[ChangeType] = ALL
    judge: Callable[[Question], Answer]

    def applies_to(self, question: Question) -> bool:
        """A standard change whose template is not enforced is judged as a normal one, but its template is asked about all the same."""
        return question.kind in self.applies or (self.id == "R17" and question.record.type in self.applies)


SCOPE: Final = Rule(id="R2", name="OUT_OF_SCOPE", judge=out_of_scope)
"""The gate: where it is enforced and fails, no other rule is asked about the record."""

RULES: Final = (
    Rule(id="R3", name="OUTSIDE_WINDOW", judge=outside_window),
    Rule(id="R4", name="NOT_APPROVED_AT_TIME", applies=NORMAL | EMERGENCY, judge=not_approved_at_time),
    Rule(id="R5", name="SOD_APPROVER", applies=NORMAL | EMERGENCY, judge=self_approved),
    Rule(id="R6", name="PEER_REVIEW_MISSING", applies=NORMAL, judge=peer_review_missing),
    Rule(id="R7", name="TEST_EVIDENCE_MISSING", applies=NORMAL, judge=untested),
    Rule(id="R8", name="ACTOR_NOT_IMPLEMENTER", judge=actor_not_implementer),
    Rule(id="R9", name="VALUE_MISMATCH", judge=value_mismatch),
    Rule(id="R10", name="EMERGENCY_REVIEW", applies=EMERGENCY, judge=emergency_review),
    Rule(id="R11", name="RECORD_STATE", judge=record_state),
    Rule(id="R12", name="CHANGE_FREEZE", judge=change_freeze),
    Rule(id="R15", name="PRIVILEGED_ACTOR", applies=NORMAL | STANDARD, judge=privileged_actor),
    Rule(id="R16", name="EDITED_AFTER_APPROVAL", applies=NORMAL, judge=edited_after_approval),
    Rule(id="R17", name="STANDARD_TEMPLATE", applies=STANDARD, judge=standard_template),
    Rule(id="R18", name="PIPELINE_BYPASS", applies=NORMAL | STANDARD, judge=pipeline_bypass),
    Rule(id="R19", name="ROLLBACK_PLAN_MISSING", applies=NORMAL, judge=rollback_plan_missing),
)

RULE_NAMES: Final = {
    "R1": "NO_RECORD",
    **{rule.id: rule.name for rule in (SCOPE, *RULES)},
    "R13": "BASELINE_SOD",
    "R14": "EXCEPTION_INVALID",
}
"""Every rule that exists, by id."""
