"""The type check of an entry's calls: operations, parameters, paging, error codes, scope; and what the collected document looks like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from driftwatch.aws.catalog import Catalog
from driftwatch.aws.entry import DetailCall, Entry, Kind, Paging
from driftwatch.aws.expressions import infer, roots
from driftwatch.aws.inspection import Inspection, Level
from driftwatch.aws.parameters import check_params
from driftwatch.aws.sdk import GENERAL_ERROR_CODES, READING_VERBS, S3_ERROR_CODES, Operation, Sdk
from driftwatch.aws.shapes import FREE, STRING, Form, PathError, Type, did_you_mean, member, object_of

GLOBAL_ALTHOUGH_REGIONAL = frozenset(
    {"s3", "s3control", "globalaccelerator", "wafv2", "route53domains", "ecr-public", "marketplace-catalog"}
)
"""Services whose listing covers the whole account although the SDK's region data gives them many endpoints, or none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What the calls of an entry yield: the item as listed, and the document once all details are in it."""

    item: Type
    document: Type
    bound: Mapping[str, Type]
    """The names for ``$name``, but for ``$item``."""


def check_names(inspection: Inspection) -> None:
    """Aliases, parent, IAM actions and event names."""
    entry, sdk = inspection.entry, inspection.sdk
    for alias in entry.aliases:
        if alias not in sdk.config_types:
            inspection.report(f"AWS Config has no type {alias}{did_you_mean(alias, sorted(sdk.config_types))}", "aliases", alias)
    if entry.repeats and inspection.catalog.find(entry.repeats) is None:
        text = f"repeats: there is no type {entry.repeats}{did_you_mean(entry.repeats, list(inspection.catalog))}"
        inspection.report(text, "repeats")
    calls = {f"{entry.service}:{operation}" for operation in entry.every_operation}
    for call, actions in entry.iam.items():
        if call not in calls:
            inspection.report(f"iam: {call} is no call of this entry{did_you_mean(call, sorted(calls))}", "iam", call)
        for action in actions:
            if not re.fullmatch(r"[a-z0-9-]+:[A-Za-z0-9*]+", action):
                inspection.report(f"iam: {action} is no IAM action; expected service:Action", "iam", action)
    with inspection.guard("service"):
        operations = sdk.operations(entry.service)
        for event in entry.events:
            if event not in operations:
                text = f"events: {event} is no operation of {entry.service}{did_you_mean(event, operations)}"
                inspection.report(text, "events", event, level=Level.WARNING)


def check_calls(inspection: Inspection) -> Read | None:
    """The document of the entry; None where the listing itself is wrong."""
    entry = inspection.entry
    if entry.service not in inspection.sdk.services:
        with inspection.guard("service"):
            inspection.sdk.service(entry.service)
        return None
    _check_scope(inspection)
    bound = _bound_by_parent(inspection)
    item = None
    with inspection.guard("list"):
        item = _check_listing(inspection, bound)
    if item is None:
        return None
    return Read(item=item, document=document_of(inspection, item, bound), bound=bound)


def document_of(inspection: Inspection, item: Type, bound: Mapping[str, Type]) -> Type:
    """What the details make of an item; they are checked on the way."""
    document = item
    for detail in inspection.entry.detail:
        after: Type | None = None
        with inspection.guard("detail", detail.op, what=detail.op):
            after = _check_detail(inspection, detail, document, bound)
        document = after or (FREE if detail.into in ("@", "+") else document)
    return document


def item_of(entry: Entry, sdk: Sdk) -> Type:
    """One item of the listing, as listed. Raises PathError or SdkError."""
    result = infer(entry.list.items, sdk.operation(entry.service, entry.list.op).output)
    if entry.kind is Kind.SINGLETON:
        return result
    if not result.is_list:
        raise PathError(f"items = {entry.list.items!r} yields what is {result}, not a list")
    return result.element


def reading_operation(inspection: Inspection, name: str, *needles: str) -> Operation:
    """The operation; reports one that does not read. Raises SdkError."""
    if not name.startswith(READING_VERBS):
        inspection.report(f"{name} does not begin with a reading verb ({', '.join(READING_VERBS)})", *needles)
    return inspection.sdk.operation(inspection.entry.service, name)


def _check_listing(inspection: Inspection, bound: Mapping[str, Type]) -> Type | None:
    entry, call = inspection.entry, inspection.entry.list
    operation = reading_operation(inspection, call.op, "list", call.op)
    for params in call.params:
        for fault in check_params(params, operation.input, bound):
            inspection.report(f"{call.op}: {fault}", "list", call.op, "params")
    for code in (*call.off, *call.absent):
        check_code(inspection, operation, code, "list", call.op)
    _check_paging(inspection, operation, call.paging, call.items, "list", call.op, page_by_page=True)
    item = item_of(entry, inspection.sdk)
    if entry.kind is Kind.SINGLETON and item.form not in (Form.OBJECT, Form.MAP, Form.FREE):
        inspection.report(f"items of a singleton yields what is {item}, not an object: write {{Name: ...}}", "list", call.op)
    for name in call.strip:
        with inspection.guard("list", "strip", name, what="strip"):
            found = member(item, name)
            if found.form not in (Form.STRING, Form.FREE):
                inspection.report(f"strip: {name} is {found}, not a text", "list", "strip", name)
    return item


def _check_paging(
    inspection: Inspection, operation: Operation, paging: Paging | None, take: str, *needles: str, page_by_page: bool
) -> Paging:
    """How the operation is paged. `page_by_page` says whether `take` must lie in what the pages carry."""
    has, token = operation.paginator is not None, operation.token
    chosen = paging or (Paging.PAGINATOR if has else Paging.SINGLE)
    if chosen is Paging.PAGINATOR and not has:
        inspection.report(f"{operation.name}: botocore has no paginator for it", *needles, "paging")
    elif chosen is Paging.TOKEN and not operation.can_follow_token:
        inspection.report(f"{operation.name}: paging = token, but it has no token of a known name", *needles, "paging")
    elif chosen is Paging.SINGLE and token and page_by_page:
        advice = "paginator" if has else "token"
        inspection.report(f"{operation.name} has the token {token}: a single call reads one page only; say paging = {advice!r}", *needles)
    if has and chosen is Paging.PAGINATOR and page_by_page:
        outside = roots(take) - operation.result_roots
        if outside and take != "@":
            expected = ", ".join(sorted(operation.result_roots))
            inspection.report(f"{operation.name}: {', '.join(sorted(outside))} is not what its pages carry ({expected})", *needles)
    return chosen


def check_code(inspection: Inspection, operation: Operation, code: str, *needles: str) -> None:
    """Reports an error code that the operation's model does not name, where it names any."""
    known = operation.error_codes
    if operation.service in ("s3", "s3control"):
        known |= S3_ERROR_CODES
    code = code.partition(":")[0]  # the rest of "Code: words" must stand in the message
    if known and code not in known | GENERAL_ERROR_CODES:
        inspection.report(f"{operation.name} models no error {code}{did_you_mean(code, sorted(known))}", *needles, code)


def _check_detail(inspection: Inspection, detail: DetailCall, item: Type, bound: Mapping[str, Type]) -> Type:
    where = ("detail", detail.op)
    operation = reading_operation(inspection, detail.op, *where)
    if item.form not in (Form.OBJECT, Form.MAP, Form.FREE) and detail.into != "@":
        raise PathError(f'the item is {item}, so that {detail.into!r} cannot be added: shape it in items, as in "Urls[].{{Url: @}}"')
    if detail.when:
        infer(detail.when, item)
    names = bound if detail.join else {**bound, "item": item}
    params = dict(detail.params)
    if detail.batch:
        params = _check_batch_param(inspection, detail, operation)
    for fault in check_params(params, operation.input, names):
        inspection.report(f"{detail.op}: {fault}", *where, "params")
    for code in (*detail.absent, *detail.off):
        check_code(inspection, operation, code, *where)
    taken = _taken(inspection, detail, operation, item)
    if detail.into == "@":
        return taken
    if detail.into == "+":
        return _merged(item, taken)
    return _merged(item, object_of({detail.into: taken}))


def _check_batch_param(inspection: Inspection, detail: DetailCall, operation: Operation) -> dict[str, object]:
    """The parameters with a list in place of the batched value."""
    batch, members = detail.batch, operation.input.members if operation.input else {}
    assert batch is not None
    shape = members.get(batch.param)
    if shape is None:
        raise PathError(f"batch: there is no parameter {batch.param}{did_you_mean(batch.param, list(members))}")
    if shape.type_name != "list":
        raise PathError(f"batch: {batch.param} is no list")
    most = shape.metadata.get("max")
    if most is not None and batch.size > most:
        inspection.report(
            f"{detail.op}: batch size {batch.size} is more than the {most} that {batch.param} takes", "detail", detail.op, "size"
        )
    return {**detail.params, batch.param: [detail.params.get(batch.param, "$item")]}


def _taken(inspection: Inspection, detail: DetailCall, operation: Operation, item: Type) -> Type:
    """What one resource gets from the reply."""
    where = ("detail", detail.op)
    if detail.join:
        _check_paging(inspection, operation, detail.paging, detail.join.list, *where, page_by_page=True)
        joined = infer(detail.join.list, operation.output)
        if not joined.is_list:
            raise PathError(f"join: list = {detail.join.list!r} yields what is {joined}, not a list")
        for side, path, on in (("match", detail.join.match, joined.element), ("on", detail.join.on, item)):
            if not infer(path, on).is_scalar:
                raise PathError(f"join: {side} = {path!r} is no single value")
        return infer(detail.take, joined.element)
    taken = infer(detail.take, operation.output)
    if detail.batch:
        return _matched(detail, operation, taken)
    aggregated = operation.paginator is not None and bool(roots(detail.take) & operation.result_roots)
    one_page = detail.paging is Paging.SINGLE and operation.paginator is not None and not aggregated
    paging = _check_paging(inspection, operation, detail.paging, detail.take, *where, page_by_page=not one_page)
    if paging is not Paging.SINGLE and not taken.is_list and taken.form is not Form.MAP:
        raise PathError(f"take = {detail.take!r} yields what is {taken}: the pages of a detail are lists or maps, to be joined")
    return taken


def _matched(detail: DetailCall, operation: Operation, taken: Type) -> Type:
    batch = detail.batch
    assert batch is not None
    if not taken.is_list:
        raise PathError(f"batch: take = {detail.take!r} yields what is {taken}, not a list")
    if not infer(batch.match, taken.element).is_scalar:
        raise PathError(f"batch: match = {batch.match!r} is no single value")
    if batch.missing and not infer(batch.missing, operation.output).is_list:
        raise PathError(f"batch: missing = {batch.missing!r} is no list")
    return taken.element


def _merged(item: Type, more: Type) -> Type:
    if Form.FREE in (item.form, more.form):
        return FREE
    if more.form not in (Form.OBJECT, Form.MAP):
        raise PathError(f'into = "+" needs an object; take yields what is {more}')
    open_ended = next((of.element_of for of in (item, more) if of.element_of and not (of.form is Form.MAP and of.members)), None)
    return replace(object_of({**item.members, **more.members}, others=open_ended), name=item.name)


def _bound_by_parent(inspection: Inspection) -> dict[str, Type]:
    """The names that parameters may use besides ``$item``; the parent's paths are checked on the way."""
    names: dict[str, Type] = {"account": STRING, "region": STRING, "partition": STRING}
    parent = inspection.entry.parent
    if parent is None:
        return names
    entry = inspection.catalog.find(parent.type)
    if entry is None:
        inspection.report(f"there is no parent type {parent.type}{did_you_mean(parent.type, list(inspection.catalog))}", "parent")
        return {**names, **dict.fromkeys(parent.bind, FREE)}
    if entry.parent:
        names |= dict.fromkeys(entry.parent.bind, FREE)
    for name, path in parent.bind.items():
        names[name] = FREE
        with inspection.guard("parent", name, what=f"bind {name}"):
            names[name] = infer(path, parent_item(inspection.catalog, entry, inspection.sdk))
    return names


def parent_item(catalog: Catalog, entry: Entry, sdk: Sdk) -> Type:
    """The item under which children are listed: as listed, or what the details of the parent made of it."""
    quiet = Inspection(catalog=catalog, entry=entry, sdk=sdk)
    read = check_calls(quiet)
    if read is None:
        return FREE
    return _merged(read.item, read.document) if read.item.form is Form.OBJECT else read.document


def _check_scope(inspection: Inspection) -> None:
    entry, sdk = inspection.entry, inspection.sdk
    wide = sdk.is_partition_wide(entry.service)
    if entry.scope == "regional" and wide:
        inspection.report(
            f"{entry.service} has one endpoint for all regions: say scope = 'global'", "scope" if "scope" in entry.scope else "type"
        )
    elif entry.scope == "global" and wide is False and not entry.item_region and entry.service not in GLOBAL_ALTHOUGH_REGIONAL:
        inspection.report(f"{entry.service} is a regional service: scope = 'global' would read one region only", "scope")
    elif entry.scope not in ("regional", "global"):
        _check_regions(inspection, [entry.scope], "scope")
    _check_regions(inspection, entry.regions, "regions")


def _check_regions(inspection: Inspection, names: Iterable[str], field: str) -> None:
    known: Sequence[str] = sorted(inspection.sdk.all_regions)
    for name in names:
        if name not in known:
            inspection.report(f"there is no region {name}{did_you_mean(name, list(known))}", field, name)
