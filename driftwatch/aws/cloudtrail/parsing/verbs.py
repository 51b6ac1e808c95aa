"""What the name of an operation says of it, where nobody listed it."""

from __future__ import annotations

import re
from typing import Final

from driftwatch.domain.activity import CallClass

_READ: Final = re.compile(
    "(?:Admin|Batch)?(?:Get|List|Describe)(?=[A-Z0-9_]|$)"
    "|Batch(?:Check|Is)(?=[A-Z])"
    "|(?:Head|Lookup|Search|Test|Validate|Preview|Estimate|Simulate|Query|Scan|Check|View|Select|Filter|Discover|Is|Has|Count|Compare|Download"
    "|Retrieve|Read|Browse|Decode|Calculate|Predict|Recommend|Suggest|Find|Fetch|Show|Inspect|Analyze|Poll|Receive|Explain)(?=[A-Z0-9_]|$)"
)
_DATA: Final = re.compile("(?:Invoke|Send|Converse|Reboot|Detect)(?=[A-Z]|$)")
_TAG: Final = re.compile(
    "(?:Tag|Untag)[A-Z]|(?:Create|Delete|Add|Remove|Update|Put|Set|Change|Replace|CreateOrUpdate)Tags?(?=$|For|To|From|On)|(?:BatchTag|BatchUntag)"
)
_CHANGES: Final = re.compile(
    "(?:Create|Delete|Update|Modify|Put|Set|Rotate|Enable|Disable|Attach|Detach|Associate|Disassociate|Add|Remove|Register|Deregister|Schedule"
    "|Cancel|Replace|Restore|Start|Stop|Terminate|Run|Allocate|Release|Import|Revoke|Authorize|Move|Change|Accept|Reject)(?=[A-Z])"
)
_NOUN: Final = re.compile(
    "(?:Create|Delete|Update|Modify|Put|Register|Deregister|Start|Stop|Enable|Disable|Rotate|Restore)([A-Z][A-Za-z0-9]+)"
)


def call_class(name: str) -> CallClass:
    """Reading and plain use by their verbs; everything else is taken for a change, for one that is missed would be a false all-clear."""
    if _READ.match(name):
        return CallClass.READ
    return CallClass.DATA if _DATA.match(name) else CallClass.CONFIG


def changes(name: str) -> bool:
    """Whether the name is that of a change; AWS's services also log what merely happened (``BackupJobCompleted``)."""
    return _CHANGES.match(name) is not None


def tags(name: str) -> bool:
    """Whether the operation changes tags and nothing else."""
    return _TAG.match(name) is not None


def noun(name: str) -> tuple[str, ...]:
    """What the operation creates, changes or deletes: the name as it stands, and for one of many."""
    found = _NOUN.fullmatch(name)
    if found is None:
        return ()
    word = found[1]
    return (word, word[:-1]) if word.endswith("s") and not word.endswith("ss") else (word,)
