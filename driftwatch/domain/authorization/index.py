"""Indexes over targets: which records, or exceptions, may name a resource, without looking at the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import product

from driftwatch.domain.authorization.glob import is_exact, literal_prefix
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.matching import Candidate, matching_targets, tags_of
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.change import ChangeRecord, Target
from driftwatch.domain.drift import Drift

_Place = tuple[str | None, str | None]
_MOST_PLACES = 256


class TargetIndex:
    """Positions of things that have a scope, filed under the most telling field of each of their targets.

    Exact ids are hashed; globs are filed under the text before their first wildcard; then tags; what is left under (account, type),
    None standing for any. What is found is still to be matched in full: the index only saves work.
    """

    def __init__(self, scopes: Iterable[Iterable[Target]]) -> None:
        self._names: defaultdict[str, list[int]] = defaultdict(list)
        self._prefixes: defaultdict[str, list[int]] = defaultdict(list)
        self._tags: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self._places: defaultdict[_Place, list[int]] = defaultdict(list)
        for position, scope in enumerate(scopes):
            for target in scope:
                self._file(target, position)
        self._lengths = sorted({len(prefix) for prefix in self._prefixes})

    def positions(self, drift: Drift) -> list[int]:
        """The positions of what may name the resource of this drift, ascending."""
        return sorted({position for bucket in self._buckets(drift) for position in bucket})

    def _file(self, target: Target, position: int) -> None:
        if target.ids is not None:
            for pattern in target.ids:
                exact = ":" not in pattern or is_exact(pattern)
                (self._names[pattern] if exact else self._prefixes[literal_prefix(pattern)]).append(position)
        elif target.tags:
            key, values = min(target.tags.items())
            for value in values:
                self._tags[key, value].append(position)
        else:
            for place in _places(target):
                self._places[place].append(position)

    def _buckets(self, drift: Drift) -> Iterator[list[int]]:
        for name in {drift.resource_id, drift.resource, drift.label or ""}:
            yield self._names.get(name, [])
        for length in self._lengths:
            yield self._prefixes.get(drift.resource_id[:length], [])
        for key, value in tags_of(drift).items():
            yield self._tags.get((key, value), [])
            yield self._tags.get((key, "*"), [])
        for place in product((drift.account, None), (drift.resource_type, None)):
            yield self._places.get(place, [])


class CandidateIndex:
    """Finds the change records that name a resource without looking at the others.

    It reads nothing of the policy but who is who, and may be shared by threads.
    """

    def __init__(self, records: Iterable[ChangeRecord], policy: Policy) -> None:
        self.policy = policy
        self.people = Identities(policy.context)
        self._records = sorted(records, key=lambda record: (record.id, record.source, record.created_at, record.raw_hash or ""))
        self._index = TargetIndex(record.scope for record in self._records)

    def candidates(self, drift: Drift, policy: Policy | None = None) -> tuple[Candidate, ...]:
        """The records that name the resource of this drift, ordered by id; under another policy than the index's where one is given."""
        effective = policy or self.policy
        found = (self._records[position] for position in self._index.positions(drift))
        matched = ((record, matching_targets(record, drift, effective)) for record in found)
        return tuple(Candidate(record=record, targets=targets) for record, targets in matched if targets)


def _places(target: Target) -> Iterator[_Place]:
    accounts, types = _exact_or_any(target.accounts), _exact_or_any(target.resource_types)
    if len(accounts) * len(types) > _MOST_PLACES:
        accounts = [None]
    yield from product(accounts, types)


def _exact_or_any(patterns: tuple[str, ...] | None) -> list[str | None]:
    """The patterns, where all of them are exact; else None, which stands for any."""
    if patterns is None or not all(is_exact(pattern) for pattern in patterns) or len(patterns) > _MOST_PLACES:
        return [None]
    return list(patterns)
