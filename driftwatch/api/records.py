"""Change records for one caller: which of them they may see, which they may act on, and the drafts that they make."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from driftwatch.api.guard import Caller
from driftwatch.api.paging import cursor_of, moment_of, parts_of
from driftwatch.documents.drafts import draft
from driftwatch.domain.access import Permission
from driftwatch.domain.authorization import reach
from driftwatch.domain.authorization.register_rules import content_hash
from driftwatch.domain.authorization.unobserved import Unobserved
from driftwatch.domain.change import ChangeRecord, ChangeState, RecordPlace, place_of
from driftwatch.domain.resource import Json
from driftwatch.errors import BusyError, NotFoundError
from driftwatch.operations import changes, drafting, register, unobserved
from driftwatch.operations.register import Held

_PORTIONS: Final = 5
_PORTION: Final = 200
"""Records that are looked at for one page, beside the first portion, until enough of them may be read."""


def page(
    caller: Caller, sources: Collection[str], states: Collection[ChangeState], after: RecordPlace | None, limit: int
) -> tuple[list[ChangeRecord], RecordPlace | None]:
    """The next records that they may read, the newest first, and after which place the next page begins (None: there is no more).

    May be fewer than `limit` with more to come: so much was looked at.
    """
    found: list[ChangeRecord] = []
    portion = limit + 1
    for _ in range(_PORTIONS):
        part, following = changes.page(caller.installation, sources, states, after, portion)
        for record in part:
            if len(found) == limit:
                return found, after
            after = place_of(record)
            if readable(caller, record):
                found.append(record)
        if following is None:
            return found, None
        portion = _PORTION
    return found, after


def unseen(caller: Caller, after: RecordPlace | None, limit: int) -> tuple[list[Unobserved], RecordPlace | None]:
    """The next records whose effect was not observed, or only in part, as `page`."""
    found = [
        item
        for item in unobserved.listed(caller.installation)
        if (after is None or place_of(item.record) < after) and readable(caller, item.record)
    ]
    shown = found[:limit]
    return shown, place_of(shown[-1].record) if len(found) > limit else None


def record_for(caller: Caller, record_id: str) -> ChangeRecord:
    """The record, for somebody who may read every account that it is about: to others it does not exist."""
    missing = NotFoundError(f"no change record {record_id} is known")
    try:
        found = changes.record(caller.installation, record_id)
    except NotFoundError:
        raise missing from None
    if not readable(caller, found):
        raise missing
    return found


def held_for(caller: Caller, record_id: str, permission: Permission, action: str) -> Held:
    """The record of the register, for somebody who may do this in every account that it is about."""
    found = record_for(caller, record_id)
    caller.require(permission, touched(caller, found), action, record_id)
    return register.get(caller.installation, record_id)


def readable(caller: Caller, record: ChangeRecord) -> bool:
    return caller.rights.allows(Permission.READ, touched(caller, record))


def touched(caller: Caller, record: ChangeRecord) -> frozenset[str]:
    """The accounts in which a change may happen by this record."""
    return reach.of_scope(record.scope, caller.installation.accounts)


def drafted(caller: Caller, document: Mapping[str, Json], origin: str) -> ChangeRecord:
    """The record that somebody wrote, read as strictly as a file of records; raises InputError that names the key after `origin`."""
    whole = {"id": caller.installation.new_id("change"), **document}
    return draft(whole, origin, caller.installation.clock(), {key: f"{origin}.{key}" for key in whole})


def amended(caller: Caller, held: Held, wanted: ChangeRecord) -> Held:
    """The record with what `wanted` says; raises BusyError where somebody changed it since it was `held`. It takes the permission in the
    accounts that it is about then, too."""
    caller.require(Permission.OPERATE, touched(caller, wanted), "change_amend", held.record.id)

    def same(present: ChangeRecord) -> ChangeRecord:
        if content_hash(present) != held.content_hash:
            raise BusyError(f"{present.id} was changed by somebody else meanwhile: look at it again")
        return wanted

    return register.amend(caller.installation, held.record.id, same, caller.actor)


def draft_of_finding(caller: Caller, finding: str, said: Mapping[str, Json], origin: str) -> Held:
    """A new draft of theirs that covers exactly what a finding shows, with whatever they said besides."""
    made = drafting.from_finding(caller.installation, finding)
    record = drafted(caller, {"title": made.title, **said, "scope": list(made.scope)}, origin)
    held = register.new(caller.installation, record, caller.actor)
    return Held(record=held.record, content_hash=held.content_hash, notes=(*made.notes, *held.notes))


def place_cursor(place: RecordPlace | None) -> str | None:
    """Where a page ended, as text; None after the last one."""
    if place is None:
        return None
    created_at, id_, source = place
    return cursor_of(created_at.isoformat(), id_, source)


def place_at(cursor: str | None) -> RecordPlace | None:
    """What `place_cursor` was made of; raises Problem (400) for anything else."""
    parts = parts_of(cursor, 3)
    return (moment_of(parts[0]), parts[1], parts[2]) if parts else None
