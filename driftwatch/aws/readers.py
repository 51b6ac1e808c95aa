"""What each entry that reads an operation keeps of one recorded reply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from driftwatch.aws.catalog import Catalog
from driftwatch.aws.embedded_yaml import read_yaml
from driftwatch.aws.entry import DetailCall, Entry, Kind
from driftwatch.aws.failures import CallFailed
from driftwatch.aws.intake import item_id
from driftwatch.aws.recorded import Recorded, answers_to
from driftwatch.aws.replies import OMITS_EMPTY, result_roots
from driftwatch.aws.rows import compiled, members_used, search, stripped
from driftwatch.aws.sdk import Sdk, SdkError
from driftwatch.aws.shapes import did_you_mean
from driftwatch.domain.normalize import Normaliser
from driftwatch.domain.resource import Json
from driftwatch.errors import InputError, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What one reader keeps: documents with their ids (None for a detail's), or why there is none."""

    documents: tuple[tuple[str | None, Any], ...] = ()
    error: str | None = None


def readers_of(recorded: Recorded, catalog: Catalog, key: bytes, sdk: Sdk) -> dict[str, Json]:
    """``{"readers": [...]}`` of DESIGN's contract. Raises InputError for a service or operation that the SDK does not have."""
    entries = [
        entry for entry in catalog.values() if recorded.operation in entry.operations and answers_to(recorded.service, entry.service, sdk)
    ]
    if not entries:
        _check_known(recorded, sdk)
    readers = [reader for entry in entries for reader in _of_entry(entry, recorded, key)]
    # one endpoint serves several generations of an API (elasticloadbalancing): their replies are told apart by the result key
    fitting = [reader for reader in readers if "error" not in reader]
    clients = {entry.service for entry in entries}
    return {"readers": fitting if fitting and len(clients) > 1 else readers}


def _check_known(recorded: Recorded, sdk: Sdk) -> None:
    clients = [name for name in sdk.services if name == recorded.service]
    if not clients and not sdk.is_endpoint(recorded.service):
        text = f"the SDK has no service {recorded.service}{did_you_mean(recorded.service, list(sdk.services))}"
        raise InputError(text, place=Place(str(recorded.path)))
    for client in clients:
        try:
            sdk.operation(client, recorded.operation)
        except SdkError as error:
            raise InputError(str(error), place=Place(str(recorded.path))) from error


def _of_entry(entry: Entry, recorded: Recorded, key: bytes) -> Iterator[Json]:
    normaliser = Normaliser(entry.normalisation, key, yaml=read_yaml)
    failed = recorded.failure(entry.service)
    if entry.list.op == recorded.operation:
        kept = _refused(failed, (*entry.list.off, *entry.list.absent)) if failed else _listed(entry, recorded.reply)
        yield _reader(entry, "list", None, kept, normaliser)
    for detail in entry.detail:
        if detail.op == recorded.operation:
            kept = _refused(failed, (*detail.absent, *detail.off)) if failed else _taken(entry, detail, recorded.reply)
            yield _reader(entry, "detail", detail.into, kept, normaliser)


def _reader(entry: Entry, role: str, into: str | None, kept: _Kept, normaliser: Normaliser) -> Json:
    reader: dict[str, Json] = {"type": entry.type, "role": role, "into": into, "documents": []}
    error = kept.error
    for id_, value in kept.documents:
        try:
            reader["documents"].append({"id": id_, "config": _config(into, value, normaliser)})
        except (ValueError, TypeError, RecursionError) as problem:
            error = f"a document cannot be normalised: {problem}"
    return {**reader, "error": error} if error else reader


def _config(into: str | None, value: Any, normaliser: Normaliser) -> Json:
    """The canonical form of what was kept. The rules for what goes into a member begin with its name: so it is put there first.

    Tags stand under ``Tags``, so that a change of them shows.
    """
    member = into if into not in (None, "@", "+") else None
    document = {member: value} if member else value if isinstance(value, Mapping) else {"Value": value}
    canonical = normaliser.normalise(document)
    config = canonical.config.get(member) if member else canonical.config
    if not canonical.tags:
        return {} if config is None else config
    return {**(config if isinstance(config, dict) else {}), "Tags": canonical.tags}


def _refused(failed: CallFailed, expected: tuple[str, ...]) -> _Kept:
    return _Kept() if failed.off or failed.is_one_of(expected) else _Kept(error=f"{failed.reason}: {failed.detail}")


def _lacks(expression: str, reply: Mapping[str, Any]) -> bool:
    """Whether nothing of what the expression reads is in the reply."""
    roots = result_roots(compiled(expression).parsed)
    return bool(roots) and roots.isdisjoint(reply)


def _listed(entry: Entry, reply: Mapping[str, Any]) -> _Kept:
    call = entry.list
    if _lacks(call.items, reply) and f"{entry.service}:{call.op}" not in OMITS_EMPTY:
        return _Kept(error=f"the reply has no {' or '.join(sorted(result_roots(compiled(call.items).parsed)))}")
    found = search(call.items, reply)
    items = [stripped(item, call.strip) for item in (found if isinstance(found, list) else [] if found is None else [found])]
    if entry.kind is not Kind.SINGLETON and found is not None and not isinstance(found, list):
        return _Kept(error=f"{call.items} is no list")
    return _Kept(documents=tuple((item_id(entry, item, {}), item) for item in items if _is_kept(entry, item)))


def _is_kept(entry: Entry, item: Any) -> bool:
    """Whether `keep` lets the item pass; what it cannot tell before the details are there passes."""
    if not entry.keep:
        return True
    later = {detail.into for detail in entry.detail}
    used = members_used(entry.keep)
    undecided = "$account" in entry.keep or "@" in later or used & later or ("+" in later and not used <= set(item))
    return bool(undecided) or bool(search(entry.keep, item))


def _taken(entry: Entry, detail: DetailCall, reply: Mapping[str, Any]) -> _Kept:
    found = search(detail.join.list if detail.join else detail.take, reply)
    if found is None:
        wanted = detail.join.list if detail.join else detail.take
        return _Kept(error=f"the reply has no {wanted}" if _lacks(wanted, reply) and (detail.into == "@" or detail.batch) else None)
    if detail.join:
        return _Kept(documents=tuple((None, search(detail.take, element)) for element in found))
    elements = found if detail.batch else [found]
    if detail.into == "@" and entry.keep and "$account" not in entry.keep:
        elements = [element for element in elements if search(entry.keep, element) is not False]
    return _Kept(documents=tuple((None, element) for element in elements))
