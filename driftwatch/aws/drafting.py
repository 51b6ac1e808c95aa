"""Drafts of catalogue entries: how a type is probably listed, named, completed and normalised, from botocore's models alone.

A draft is a beginning. It reads what the names say; whether a member is configuration or noise, and what is secret, a person decides:
`reviewed` is empty, and `catalog check` refuses the entry until every member was looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from driftwatch.aws.entry import DetailCall, ListCall, Paging
from driftwatch.aws.expressions import infer
from driftwatch.aws.proposals import Open, Proposal, proposals, settable_names
from driftwatch.aws.sdk import Operation, Sdk, SdkError
from driftwatch.aws.shapes import Form, PathError, Type, did_you_mean, object_of
from driftwatch.errors import InputError

_LISTING = ("List", "Describe", "Get")
_NOT_FOUND = re.compile(r"NotFound|NoSuch|DoesNotExist|NotExist", re.IGNORECASE)
_TAG_LISTS = ("Tags", "tags", "TagList", "TagSet", "tagList", "ResourceTagList")
_WIDTH = 140


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What a person knows better than the names: the client, the listing, its items, and further calls."""

    service: str | None = None
    list: str | None = None
    items: str | None = None
    details: Sequence[str] | None = None


@dataclass(slots=True, kw_only=True)
class _Draft:
    type: str
    service: str
    listing: ListCall
    item: Type
    document: Type
    details: list[DetailCall] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def draft(type_: str, sdk: Sdk, hints: Hints | None = None) -> str:
    """The draft of an entry, as the text of a catalogue file. Raises InputError where no service or listing fits the name."""
    hints = hints or Hints()
    service = hints.service or service_of(type_, sdk)
    if service not in sdk.services:
        raise InputError(f"the SDK has no service {service}{did_you_mean(service, list(sdk.services))}", expected="--service NAME")
    noun = type_.rpartition("::")[2]
    listing = _operation(sdk, service, hints.list) if hints.list else _listing_of(noun, service, sdk)
    call, item = _list_call(listing, hints.items, noun)
    found = _Draft(type=type_, service=service, listing=call, item=item, document=item)
    _complete(found, noun, sdk, hints)
    return _text(found, listing, sdk)


def service_of(type_: str, sdk: Sdk) -> str:
    """The client that the second word of a type's name stands for, by its name, id, endpoint or full name in the models."""
    word = type_.split("::")[1].lower()
    exact = [name for name in sdk.services if _squeezed(name) == word]
    named = exact or [name for name in sdk.services if word in _names_of(name, sdk)]
    if not named:
        raise InputError(
            f"no service of the SDK has a name like {type_.split('::')[1]}", expected="--service with a client name of botocore"
        )
    return min(named, key=len)


def _names_of(service: str, sdk: Sdk) -> set[str]:
    model = sdk.service(service)
    full = str(model.metadata.get("serviceFullName", ""))
    names = (str(model.service_id), model.endpoint_prefix, model.signing_name, full, full.removeprefix("AWS ").removeprefix("Amazon "))
    return {_squeezed(name) for name in names}


def _squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


# --- calls -----------------------------------------------------------------------------------------------------------------------------


def _operation(sdk: Sdk, service: str, name: str) -> Operation:
    try:
        return sdk.operation(service, name)
    except SdkError as error:
        raise InputError(str(error)) from error


def _forms(word: str) -> set[str]:
    """The word in lower case, and what it may be the plural of."""
    word = word.lower()
    endings = {"ies": "y", "es": "", "s": ""}
    return {word} | {word.removesuffix(ending) + by for ending, by in endings.items() if word.endswith(ending)}


def _same(one: str, other: str) -> bool:
    """Whether two words are one noun, in the singular or the plural."""
    return bool(_forms(one) & _forms(other))


def _noun_of(operation: str) -> str:
    verb = next((verb for verb in _LISTING if operation.startswith(verb)), "")
    return operation.removeprefix(verb)


def _listing_of(noun: str, service: str, sdk: Sdk) -> Operation:
    """The reading operation with the type's noun that yields a list; the fuller of two, then the one that needs less."""
    candidates = []
    for name in sdk.operations(service):
        if name.startswith(_LISTING) and any(_same(_noun_of(name), noun + more) for more in ("", "Summary", "Name")):
            operation = sdk.operation(service, name)
            if _lists(operation):
                element = _element(operation)
                candidates.append((len(_required(operation)), element.form is not Form.OBJECT, -len(element.members), name, operation))
    if not candidates:
        near = did_you_mean(f"List{noun}s", [name for name in sdk.operations(service) if name.startswith(_LISTING)])
        raise InputError(f"no operation of {service} lists {noun}{near}", expected="--list OPERATION")
    return min(candidates, key=lambda found: found[:4])[4]


def _required(operation: Operation) -> list[str]:
    return list(operation.input.required_members) if operation.input else []


def _lists(operation: Operation) -> list[str]:
    """Paths of the lists in a reply: what the paginator says, else the only list members."""
    if operation.paginator:
        keys = operation.paginator.get("result_key", [])
        return [keys] if isinstance(keys, str) else list(keys)
    output = operation.output
    return [name for name, type_ in output.members.items() if type_.form is Form.LIST] if output.form is Form.OBJECT else []


def _element(operation: Operation) -> Type:
    return infer(_lists(operation)[0], operation.output).element


def _list_call(operation: Operation, items: str | None, noun: str) -> tuple[ListCall, Type]:
    paths = _lists(operation)
    path = items or next((path for path in paths if _same(path.rpartition(".")[2], noun)), paths[0] if paths else "@")
    try:
        found = infer(path, operation.output)
    except PathError as error:
        raise InputError(f"--items {path}: {error}") from error
    element = found.element if found.form is Form.LIST else found
    if element.form in (Form.STRING, Form.NUMBER):
        member = f"{noun}Id"
        path, element = f"{path}[].{{{member}: @}}", object_of({member: element})
    params = {name: f"$parent_{name.lower()}" for name in _required(operation)}
    token = Paging.TOKEN if operation.paginator is None and operation.token else None
    return ListCall(op=operation.name, items=path, params=(params,), paging=token), element


def _complete(found: _Draft, noun: str, sdk: Sdk, hints: Hints) -> None:
    """The further calls: a fuller reading of the thing itself, and its tags."""
    names = hints.details if hints.details is not None else list(_details_of(noun, found, sdk))
    for name in names:
        operation = _operation(sdk, found.service, name)
        if operation.output.form is not Form.OBJECT:
            continue
        members = {key: type_ for key, type_ in operation.output.members.items() if not _is_token(key)}
        params = {key: _bound(key, noun, found.item) for key in _required(operation)}
        wholes = [key for key, type_ in members.items() if type_.form is Form.OBJECT and len(members) == 1]
        codes = tuple(sorted(code for code in operation.error_codes if _NOT_FOUND.search(code)))
        if codes:
            found.remarks.append(f"{name} may answer {', '.join(codes)}: say in absent which of them means that there is none")
        into, take = ("+", wholes[0]) if wholes else ("+", "@")
        taken = members[wholes[0]] if wholes else object_of(members)
        if len(members) == 1 and not wholes:
            into = next(iter(members))
            take, taken = into, object_of(members)
        found.details.append(DetailCall(into=into, op=name, params=params, take=take))
        if taken.form is Form.OBJECT and found.document.form is Form.OBJECT:
            found.document = object_of({**found.document.members, **taken.members})


def _is_token(name: str) -> bool:
    return bool(re.search(r"token|marker|requestid", name, re.IGNORECASE))


def _details_of(noun: str, found: _Draft, sdk: Sdk) -> Iterator[str]:
    operations = sdk.operations(found.service)
    for name in operations:
        single = name.startswith(("Describe", "Get")) and _same(_noun_of(name), noun)
        if single and name != found.listing.op and _required(sdk.operation(found.service, name)):
            yield name
    if not any(name in found.item.members for name in _TAG_LISTS):
        tagging = (
            "ListTagsForResource",
            "ListTags",
            "ListResourceTags",
            "DescribeTags",
            "GetTags",
            "ListTagsOfResource",
            "GetResourceTags",
        )
        yield from [name for name in tagging if name in operations][:1]


def _bound(name: str, noun: str, item: Type) -> str:
    """The item's member for a parameter: of the same name, or the noun's id, ARN or name."""
    by_case = {member.lower(): member for member in item.members}
    arn = next((member for member in item.members if member.lower().endswith("arn")), None)
    tries = [name.lower(), f"{noun}{name}".lower(), name.lower().removeprefix(noun.lower())]
    member = next((by_case[attempt] for attempt in tries if attempt in by_case), None)
    if member is None and "arn" in name.lower():
        member = arn
    identity = [by_case[key] for key in (f"{noun}id".lower(), "id", f"{noun}name".lower(), "name") if key in by_case]
    return f"$item.{member or next(iter(identity), name)}"


# --- text ------------------------------------------------------------------------------------------------------------------------------


def _text(found: _Draft, listing: Operation, sdk: Sdk) -> str:
    noun = found.type.rpartition("::")[2]
    members = {name.lower(): name for name in found.document.members}
    arn = next((members[key] for key in (f"{noun}arn".lower(), "arn", "resourcearn") if key in members), None)
    arn = arn or next((name for name in found.item.members if name.lower().endswith("arn") and noun.lower() in name.lower()), None)
    id_ = next((members[key] for key in (f"{noun}id".lower(), "id", f"{noun}name".lower(), "name") if key in members), None) or arn
    tags = next((name for name in _TAG_LISTS if name in found.document.members), None)
    label = next((members[key] for key in (f"{noun}name".lower(), "name") if key in members and members[key] != id_), None)
    lines = [f'service = "{found.service}"', "", "[[resource]]", f'type = "{found.type}"']
    if any(isinstance(value, str) and value.startswith("$parent_") for value in found.listing.params[0].values()):
        lines += [
            f"# {listing.name} needs {', '.join(_required(listing))}: name the type that it is listed under",
            'parent = { type = "", bind = { ' + ", ".join(f'parent_{name.lower()} = ""' for name in _required(listing)) + " } }",
        ]
    if sdk.is_partition_wide(found.service):
        lines.append('scope = "global" # the service has one endpoint for the whole partition')
    lines.append(_list_line(found.listing))
    lines += [f'id = "{id_ or ""}"' + ("" if id_ else " # nothing looks like an id"), *([f'arn = "{arn}"'] if arn else [])]
    lines += [*([f'label = "{label}"'] if label else []), *([f'tags = "{tags}"'] if tags else [])]
    if found.details:
        lines += ["detail = [", *(f"  {_detail_line(detail)}," for detail in found.details), "]"]
    lines += [f"# {remark}" for remark in found.remarks]
    what = list(proposals(found.document, settable_names(sdk, found.service), tags=tags))
    return "\n".join([*lines, *_rule_lines(what), ""])


def _list_line(call: ListCall) -> str:
    params = f", params = {_inline(call.params[0])}" if call.params[0] else ""
    paging = f', paging = "{call.paging}"' if call.paging else ""
    return f'list = {{ op = "{call.op}"{params}, items = {json.dumps(call.items)}{paging} }}'


def _detail_line(detail: DetailCall) -> str:
    take = f', take = "{detail.take}"' if detail.take != "@" else ""
    return f'{{ into = "{detail.into}", op = "{detail.op}", params = {_inline(detail.params)}{take} }}'


def _inline(table: object) -> str:
    assert isinstance(table, dict)
    return "{ " + ", ".join(f"{name} = {json.dumps(value)}" for name, value in table.items()) + " }"


def _rule_lines(what: Sequence[Proposal | Open]) -> Iterator[str]:
    made = [one for one in what if isinstance(one, Proposal)]
    for name in ("drop", "facts", "ordered"):
        if mine := [one for one in made if one.field == name]:
            yield f"{name} = ["
            yield from (f"  {json.dumps(one.path)}, # {one.reason}" for one in mine)
            yield "]"
    yield "reviewed = []"
    for name in ("settling", "lift", "sets", "json", "secret"):
        if mine := [one for one in made if one.field == name]:
            yield f"[resource.{name}]"
            yield from (f"{json.dumps(one.path)} = {one.value} # {one.reason}" for one in mine)
    yield "# Nothing is proposed for these. Look at each: put it under reviewed, or where else it belongs."
    for one in what:
        if isinstance(one, Open):
            note = "; a writing call takes a member of this name" if one.settable else ""
            yield f"#   {one.path} ({one.form}{note})"
