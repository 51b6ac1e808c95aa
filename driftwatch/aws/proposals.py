"""What a model suggests about the members of a document: keys, noise, secrets, embedded documents, states that pass. Each with its reason.

A proposal is for a person to accept or refuse. By measure, names and model traits are right about noise in 94 of 100 cases, and what
they get wrong is what matters most (pending deletions, expiries): so nothing is ever dropped because of its name alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from driftwatch.aws.places import Place, walk
from driftwatch.aws.sdk import Sdk
from driftwatch.aws.shapes import SCALARS, Form, Type

WRITING_VERBS = ("Create", "Put", "Update", "Modify", "Set", "Register", "Add", "Attach", "Associate", "Enable", "Import", "Change")
"""Operations whose parameters are what people configure."""

_KEY_NAMES = re.compile(r"^(key|name|id|arn|.*(id|arn|name|key|type|identifier|cidr\w*))$", re.IGNORECASE)
_NEVER_NOISE = re.compile(r"delet|expir|not_?after|valid_?(to|until)|pending|disabl|revok|time_?to_?live|retention|deprecat", re.IGNORECASE)
_TOKENS = re.compile(r"(^|\.)(e_?tag|revision(_?id)?|lock_?token|request_?id|client_?request_?token|change_?token)$", re.IGNORECASE)
_COUNTERS = re.compile(r"(count|size(in)?(bytes|gb)?|usage|bytes|number_?of_?\w+|num_?\w+|total\w*|progress\w*|percent\w*)$", re.IGNORECASE)
_FACTS = re.compile(r"(last_?(used|access|seen|activity|run|execut|success|fail)\w*|latest\w*|running\w*|health\w*)$", re.IGNORECASE)
_TIMES = re.compile(r"(created?|modified|updated|creation|last\w*|date|time|timestamp|_?at)$", re.IGNORECASE)
_STATE = re.compile(r"(state|status|lifecycle\w*)$", re.IGNORECASE)
_PASSING = re.compile(r"(ing|_in_?progress|^pending.*|inprogress|initiated|requested)$", re.IGNORECASE)
_NOT_PASSING = re.compile(
    r"^(running|existing|missing|warning|pending.?deletion|pending_?acceptance|pendingacceptance|.*accept.*|nothing)$", re.IGNORECASE
)
_DOCUMENTS = re.compile(r"(policy|policydocument|document|definition|template|schema|swagger|spec)$", re.IGNORECASE)
_SECRETS = re.compile(
    r"(password|passwd|secret(?!s?manager)\w*|token|api_?key|pre_?shared_?key|user_?data|private_?key|credential\w*|auth_?key|connection_?string)$",
    re.IGNORECASE,
)
_SECRET_MAPS = re.compile(
    r"(environment\w*|variables|parameters|parameter_?values|stage_?variables|connection_?properties)$", re.IGNORECASE
)
_ORDERED = re.compile(
    r"(command|cmd|entry_?point|args|arguments|layers|termination_?policies|alpn\w*|placement_?strateg\w*|actions|stages|steps|cache_?behaviors)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One line of an entry that the model suggests. `value` is TOML, empty for a field that is a plain list of paths."""

    field: str
    path: str
    value: str = ""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A member that nothing is proposed about: a person says whether it is configuration. `settable` says that a writing call takes it."""

    path: str
    form: str
    settable: bool


def settable_names(sdk: Sdk, service: str) -> frozenset[str]:
    """The names, in lower case, of all members that the service's writing operations take at any depth."""
    names: set[str] = set()
    for name in sdk.operations(service):
        if not name.startswith(WRITING_VERBS):
            continue
        shape = sdk.operation(service, name).input
        if shape is not None:
            _collect(shape, names, set())
    return frozenset(names)


def _collect(shape: object, names: set[str], seen: set[str]) -> None:
    kind = shape.type_name  # type: ignore[attr-defined]  # botocore has no type hints
    if shape.name in seen:  # type: ignore[attr-defined]
        return
    seen.add(shape.name)  # type: ignore[attr-defined]
    if kind == "structure":
        for name, member in shape.members.items():  # type: ignore[attr-defined]
            names.add(name.lower())
            _collect(member, names, seen)
    elif kind == "list":
        _collect(shape.member, names, seen)  # type: ignore[attr-defined]
    elif kind == "map":
        _collect(shape.value, names, seen)  # type: ignore[attr-defined]


def proposals(document: Type, settable: Collection[str], *, tags: str | None = None) -> Iterator[Proposal | Open]:
    """A proposal, or an open question, for every member of the document but its tags."""
    dropped: set[tuple[str, ...]] = set()

    def skip(place: Place) -> bool:
        return any(place.steps[: len(steps)] == steps for steps in dropped)

    for place in walk(document, skip):
        if place.path == tags:
            dropped.add(place.steps)
            continue
        name = next((step for step in reversed(place.steps) if step not in ("[]", "*")), "")
        found = _of_list(place, name) if place.type.form is Form.LIST else _of_value(place, name, settable)
        if found is None and (place.below or place.steps[-1] == "[]"):
            continue
        if found is not None and found.field not in ("sets", "settling"):
            dropped.add(place.steps)
        yield found or Open(path=place.path, form=str(place.type.form), settable=name.lower() in settable)


def _of_list(place: Place, name: str) -> Proposal | None:
    element = place.type.element
    if _ORDERED.search(name):
        return Proposal(field="ordered", path=place.path, reason="lists of this name mostly have an order that means something")
    if element.form is Form.LIST or (element.form is Form.OBJECT and not element.members):
        return Proposal(field="ordered", path=place.path, reason="its elements have no members to tell them by")
    if element.form is not Form.OBJECT:
        return Proposal(field="sets", path=place.path, value="[]", reason="plain values, whose order seldom means anything")
    if set(element.members) in ({"Key", "Value"}, {"key", "value"}, {"Name", "Value"}, {"name", "value"}):
        key, value = element.members
        return Proposal(field="lift", path=place.path, value=f'["{key}", "{value}"]', reason="a list of attributes reads better as a map")
    keys = keys_of(element)
    reason = (
        "named by what looks like its identity"
        if keys
        else "nothing looks like an identity: look for the members that tell one from another"
    )
    return Proposal(field="sets", path=place.path, value="[" + ", ".join(f'"{key}"' for key in keys) + "]", reason=reason)


def keys_of(element: Type) -> list[str]:
    """The members by which an element may be told from the others: what is called its id, ARN or name, else all that look like it."""
    scalars = [name for name, type_ in element.members.items() if type_.form in SCALARS]
    for exact in ("id", "arn", "name", "key"):
        found = [name for name in scalars if name.lower() == exact]
        if found:
            return found
    return [name for name in scalars if _KEY_NAMES.match(name)][:3]


def _of_value(place: Place, name: str, settable: Collection[str]) -> Proposal | None:
    path, type_ = place.path, place.type
    configurable = name.lower() in settable
    if secret := _of_secret(place, name):
        return secret
    if type_.form is Form.STRING and _DOCUMENTS.search(name) and not type_.enum:
        kind = "iam-policy" if name.lower().endswith(("policy", "policydocument")) else "json"
        return Proposal(field="json", path=path, value=f'"{kind}"', reason="a text of this name mostly holds a document")
    passing = [value for value in type_.enum if _PASSING.search(value) and not _NOT_PASSING.search(value)]
    if passing and _STATE.search(name):
        values = "[" + ", ".join(f'"{value}"' for value in passing) + "]"
        return Proposal(field="settling", path=path, value=values, reason="states that pass by themselves; is the rest configuration?")
    if name.lower().startswith("pendingmodified") and not configurable:
        return Proposal(field="settling", path=path, value="[]", reason="what is there is on its way")
    if type_.form not in SCALARS or configurable or _NEVER_NOISE.search(name):
        return None
    if _TOKENS.search(path):
        return Proposal(field="drop", path=path, reason="a token of a revision: it moves with whatever changes")
    if _FACTS.search(name):
        return Proposal(field="facts", path=path, reason="moves by itself, but people want to see it")
    if type_.form is Form.TIME or (_TIMES.search(name) and type_.form is not Form.BOOLEAN):
        return Proposal(field="drop", path=path, reason="a time that no writing call takes")
    if type_.form is Form.NUMBER and _COUNTERS.search(name):
        return Proposal(field="facts", path=path, reason="a counter or size that no writing call takes")
    return None


def _of_secret(place: Place, name: str) -> Proposal | None:
    kinds = {Form.MAP: "map-values", Form.OBJECT: "whole"}
    if place.steps[-1] in ("[]", "*"):
        return None
    if _SECRET_MAPS.search(name) and place.type.form is Form.MAP:
        return Proposal(field="secret", path=place.path, value='"map-values"', reason="people put secrets into maps of this name")
    if place.type.sensitive and place.type.form in (*SCALARS, Form.MAP):
        kind = kinds.get(place.type.form, "value")
        return Proposal(field="secret", path=place.path, value=f'"{kind}"', reason="the model says that it is sensitive")
    if place.type.form is Form.STRING and not place.type.enum and _SECRETS.search(name):
        return Proposal(field="secret", path=place.path, value='"value"', reason="texts of this name are mostly secret")
    return None
