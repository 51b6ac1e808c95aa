"""What a decision case expects, claim by claim: only what stands there is compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from driftwatch.documents import values
from driftwatch.documents.fields import Fields, items, nearest
from driftwatch.documents.problems import Problems
from driftwatch.documents.requirements import RULES
from driftwatch.documents.tree import MapNode, Node, Scalar
from driftwatch.documents.values import Convert
from driftwatch.domain.authorization.trace import EVENTS
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.decision import Verdict
from driftwatch.domain.finding import FindingState
from driftwatch.domain.resource import Json
from driftwatch.errors import Place

SOURCE_STALE: Final = "SOURCE_STALE"


@dataclass(frozen=True, slots=True)
class Claim:
    """That `what` (of one path, where `path` is given) is `value`; sets are sorted lists without repeats."""

    what: str
    value: Json
    place: Place
    path: str | None = None

    def __str__(self) -> str:
        return self.what if self.path is None else f"{self.what} of {self.path or 'the whole resource'}"


def claims(node: Node, problems: Problems, kind: str) -> tuple[Claim, ...] | None:
    """The claims of an `expect`, by the kind of its case. One without any is refused: it would pass whatever happens."""
    fields = Fields(node, problems, "expect")
    found = [claim for what, convert in _CLAIMS[kind].items() for claim in _claim(fields, what, convert)]
    if kind == "decision":
        found += fields.either("paths", _paths, ())
    fields.done()
    if isinstance(node, MapNode) and not node.entries:
        return problems.add(node.place, "an expect without anything in it, which passes whatever happens", "what has to come of it")
    return tuple(found)


def _claim(fields: Fields, what: str, convert: Convert[Json], path: str | None = None) -> tuple[Claim, ...]:
    """The claim under a key; null claims that there is nothing."""
    return (Claim(what, fields.optional(what, convert), fields.where(what), path),) if fields.given(what) else ()


def _paths(node: Node, problems: Problems) -> tuple[Claim, ...] | None:
    if not isinstance(node, MapNode):
        return problems.add(node.place, values.found(node), "a mapping of paths to their verdict and record")
    found: list[Claim] = []
    for path, item in node.entries.items():
        if path:
            values.pointer(Scalar(node.keys[path], path, plain=False), problems)
        fields = Fields(item, problems, "the expectation of a path")
        found += [claim for what in ("verdict", "record") for claim in _claim(fields, what, _CLAIMS["decision"][what], path)]
        fields.done()
        if isinstance(item, MapNode) and not item.entries:
            problems.add(item.place, "nothing that is expected of this path", "a verdict or a record")
    return tuple(found)


def _word(words: type[StrEnum]) -> Convert[Json]:
    def convert(node: Node, problems: Problems) -> Json:
        chosen = values.choice(words)(node, problems)
        return chosen and chosen.value

    return convert


def _set_of(convert: Convert[str]) -> Convert[Json]:
    def read(node: Node, problems: Problems) -> Json:
        listed = items(convert)(node, problems)
        return None if listed is None else sorted(set(listed))

    return read


def _rule(node: Node, problems: Problems) -> str | None:
    known = (*RULES, SOURCE_STALE)
    if isinstance(node, Scalar) and node.text not in known:
        return problems.add(node.place, values.found(node), nearest(node.text, known))
    return values.name(node, problems)


def event_word(node: Node, problems: Problems) -> str | None:
    """The word of something that can happen to a finding."""
    word = values.name(node, problems)
    return word if word is None or word in EVENTS else problems.add(node.place, values.found(node), nearest(word, EVENTS))


def _moment(node: Node, problems: Problems) -> Json:
    at = values.moment(node, problems)
    return at and utc_text(at)


_RULES: Final = _set_of(_rule)
_VERDICT: Final = _word(Verdict)
_CLAIMS: Final[Mapping[str, Mapping[str, Convert[Json]]]] = {
    "decision": {
        "verdict": _VERDICT,
        "violations": _RULES,
        "unknowns": _RULES,
        "warnings": _RULES,
        "record": values.name,
        "also_matched": _set_of(values.name),
        "suppressed_paths": _set_of(values.pointer),
        "settled": values.flag,
        "due_at": _moment,
    },
    "baseline": {"promotable": values.flag, "violations": _RULES, "warnings": _RULES},
    "lifecycle": {
        "state": _word(FindingState),
        "verdict_initial": _VERDICT,
        "verdict_current": _VERDICT,
        "refused": _set_of(event_word),
    },
}
