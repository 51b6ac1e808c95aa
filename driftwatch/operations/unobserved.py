"""Approved but never happened: the change records whose effect was not observed, or only in part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.index import CandidateIndex
from driftwatch.domain.authorization.unobserved import Seen, Unobserved, is_expected, unobserved
from driftwatch.domain.change import ChangeRecord
from driftwatch.domain.finding import Finding
from driftwatch.operations import changes
from driftwatch.operations.installation import Installation
from driftwatch.ports import UnitOfWork


def listed(installation: Installation) -> list[Unobserved]:
    """Approved and closed records, of every source, that had no effect or only some of theirs; newest first.

    A record has an effect where it decided a path of a finding, or matched as fully as the one that did. What a record did not cover
    is no effect of it, even where it was the nearest one.
    """
    policy, now = installation.policy, installation.clock()
    people = Identities(policy.context)
    expected = [record for record in changes.records(installation) if is_expected(record, policy, people, now)]
    with installation.store.read() as uow:
        seen = _seen(uow, installation, expected)
    found = (unobserved(record, seen.get(record.id, ()), policy) for record in expected)
    return [item for item in found if item is not None]


def _seen(uow: UnitOfWork, installation: Installation, records: Sequence[ChangeRecord]) -> Mapping[str, Sequence[Seen]]:
    """By record: what it decided, and what it matched where another record is named as the one that decided."""
    seen: defaultdict[str, list[Seen]] = defaultdict(list)
    index = CandidateIndex(records, installation.policy)
    findings: dict[str, Finding | None] = {}
    shared: dict[str, frozenset[str]] = {}
    for effect in uow.findings.effects([record.id for record in records]):
        if effect.finding not in findings:
            findings[effect.finding] = uow.findings.get(effect.finding)
        finding = findings[effect.finding]
        if finding is None:
            continue
        here = Seen(drift=finding.drift, path=effect.path)
        seen[effect.record].append(here)
        others = {candidate.record.id for candidate in index.candidates(finding.drift)} - {effect.record}
        if others and finding.id not in shared:
            shared[finding.id] = frozenset(uow.findings.decisions(finding.id)[-1]["also_matched"])
        for other in others & shared.get(finding.id, frozenset()):
            seen[other].append(here)
    return seen
