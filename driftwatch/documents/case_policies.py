"""Under which policy each case of a file is judged: the file's presets and context over the shipped ones, the case's changes over both."""

from __future__ import annotations

from typing import Final

from driftwatch.documents import policies, values
from driftwatch.documents.context import CONTEXT_KEYS
from driftwatch.documents.fields import Fields, nearest
from driftwatch.documents.problems import Problems
from driftwatch.documents.reader import read
from driftwatch.documents.tree import Limits, MapNode, Node, Scalar, shown
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.canonical import canonical_json

_GIVEN: Final = Limits(size=64 << 20, nodes=4_000_000)
_CALLERS: Final = ""
"""The key of the policy that the caller gives; no preset is named so."""


class CasePolicies:
    """The policies of one case file. Mistakes in what all cases share are noted when it is made, not once for every case."""

    def __init__(self, presets: Node | None, context: Node | None, given: Policy | None, problems: Problems) -> None:
        bases = {name: policies.preset_node(name) for name in policies.PRESETS}
        if given is not None:
            bases[_CALLERS] = read(canonical_json(policies.policy_document(given)), "policy.json", _GIVEN)
        if presets is not None:
            bases |= _presets(presets, problems)
        self._bases = {name: _in_context(base, context, problems) for name, base in bases.items()}
        self._policies = {name: policies.effective(base, problems) for name, base in self._bases.items()}

    def of(self, fields: Fields, *, needed: bool) -> Policy | None:
        """The policy of the case that `fields` reads; None after a problem. One that needs none may name none."""
        name = self._named(fields, needed=needed)
        overrides = fields.node("policy_overrides")
        if name is None or overrides is None:
            return None if name is None else self._policies[name]
        problems = Problems()
        parameters, context = _divided(overrides, problems)
        policy = policies.effective(_in_context(policies.merged(self._bases[name], parameters), context, problems), problems)
        fields.problems.take(problems)
        return None if problems else policy

    def _named(self, fields: Fields, *, needed: bool) -> str | None:
        if fields.node("preset") is None:
            if _CALLERS in self._bases or not needed:
                return _CALLERS if _CALLERS in self._bases else policies.PRESETS[0]
            remedy = '"preset", or a policy for the cases without one: `driftwatch policy test --policy policy.yaml`'
            return fields.problems.add(fields.place, 'a case without "preset"', remedy)
        name = fields.required("preset", values.name)
        if name is None or name in self._bases:
            return name
        return fields.problems.add(fields.where("preset"), f"the preset {shown(name)}", nearest(name, filter(None, self._bases)))


def _presets(node: Node, problems: Problems) -> dict[str, Node]:
    """The file's own presets: each changes the shipped one of its name, or the one that it extends."""
    if not isinstance(node, MapNode):
        return problems.add(node.place, values.found(node), "a mapping of names to presets") or {}
    made: dict[str, Node] = {}
    for name, changes in node.entries.items():
        named = changes.entries.get("extends") if isinstance(changes, MapNode) else None
        base = named.text if isinstance(named, Scalar) else name
        if base not in policies.PRESETS:
            where = named.place if named else node.keys[name]
            problems.add(where, f"the preset {shown(base)}, which is none of driftwatch", f'"extends" with {_ANY}')
            continue
        _refuse_context(changes, problems)
        made[name] = policies.merged(policies.preset_node(base), changes)
    return made


_ANY: Final = " or ".join(policies.PRESETS)


def _divided(overrides: Node, problems: Problems) -> tuple[Node, Node | None]:
    """What a case changes of the preset, and what of the context."""
    if not isinstance(overrides, MapNode):
        problems.add(overrides.place, values.found(overrides), "a mapping of policy keys to values")
        return overrides, None
    _refuse_context(overrides, problems)
    context = overrides.entries.get("context")
    rest = {key: node for key, node in overrides.entries.items() if key != "context"}
    return MapNode(overrides.place, rest, overrides.keys), None if context is None or values.is_null(context) else context


def _refuse_context(node: Node, problems: Problems) -> None:
    """Context among the parameters would mean two things once a file has a context of its own."""
    for key in node.entries if isinstance(node, MapNode) else ():
        if isinstance(node, MapNode) and key in CONTEXT_KEYS:
            problems.add(node.keys[key], f"{shown(key)} among the parameters", f'"context: {{{key}: ...}}"')


def _in_context(base: Node, context: Node | None, problems: Problems) -> Node:
    if context is None:
        return base
    if not isinstance(context, MapNode):
        problems.add(context.place, values.found(context), "a mapping of context keys to values")
        return base
    for key in context.entries:
        if key not in CONTEXT_KEYS:
            problems.add(context.keys[key], f"the unknown key {shown(key)}", nearest(key, CONTEXT_KEYS))
    known = {key: node for key, node in context.entries.items() if key in CONTEXT_KEYS}
    return policies.merged(base, MapNode(context.place, known, context.keys))
