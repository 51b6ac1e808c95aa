"""What each rule asks for, in a sentence for people who read a policy; the rules themselves are in `rules`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

RULE_MEANINGS: Final[Mapping[str, str]] = {
    "R1": "Some change record has to name the resource around the time of the change.",
    "R2": "The record has to cover what was done, and the very attributes that changed.",
    "R3": "The change has to lie in the record's window.",
    "R4": "The record has to be approved at the time of the change, as the policy's approvals ask.",
    "R5": "The approval has to come from people who take no part in the change.",
    "R6": "Peers who take no part in the change have to have reviewed it.",
    "R7": "A test has to have passed in an environment that is not production.",
    "R8": "Whoever made the change has to be one of the record's implementers, or a pipeline that is registered.",
    "R9": "The new values have to be those that the record announced.",
    "R10": "An emergency change has to be declared and reviewed in time.",
    "R11": "The record must not be cancelled, rejected, backed out, or closed before the change.",
    "R12": "Nothing changes during a freeze, unless somebody with the right role overrides it.",
    "R13": "A baseline is approved by people who neither proposed it nor made a change that it takes up.",
    "R14": "An exception is approved by somebody else than its requester, and ends.",
    "R15": "Privileged identities, such as root, make no ordinary change.",
    "R16": "What was edited after its approval has to be approved again.",
    "R17": "A standard change rests on a template that somebody else approved, and that is valid and covers it.",
    "R18": "What only pipelines may change is not changed by people.",
    "R19": "The record has to say how the change is rolled back.",
}
