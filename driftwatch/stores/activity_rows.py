"""Logged calls as rows: what is common to many of them as numbers, names and keys of any length as hashes."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from driftwatch.domain import codec
from driftwatch.domain.activity import Activity, Actor, Assumed, CallClass, Effect, Fate, RunRef, Touched
from driftwatch.stores.activity_values import SqlActivityValues

_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def event_key(event_id: str) -> bytes:
    """What an event id is stored under: the 16 bytes of a UUID, which it is in every genuine log, else its SHA-256."""
    if _UUID.fullmatch(event_id):
        return uuid.UUID(event_id).bytes
    return hashlib.sha256(_bytes(event_id)).digest()


def name_hash(name: str) -> int:
    """64 bits of a hash, signed. Two names may have the same: whoever looks one up compares the names as well."""
    return int.from_bytes(hashlib.blake2b(_bytes(name), digest_size=8).digest(), signed=True)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _operation(activity: Activity) -> tuple[str, str, str, bool | None]:
    return activity.region, activity.event_source, activity.event_name, activity.read_only


def _lasting(actor: Actor) -> Actor:
    """What is the same in many calls of an actor: not the key, address and run of each of them."""
    return replace(actor, access_key=None, source_ip=None, run_ref=None)


def _manner(touched: Touched) -> tuple[str, Effect, tuple[str, ...] | None, bool]:
    """What an operation does to a resource, whichever that is."""
    return touched.type, touched.effect, touched.paths, touched.sure


class ActivityRows:
    """Calls to rows and back."""

    def __init__(self, values: SqlActivityValues) -> None:
        self._values = values

    def of(self, activities: Collection[Activity], source: str, received: datetime) -> list[dict[str, Any]]:
        """The rows of `schema.activities`, without the number of the event, in the order of the calls."""
        actors = [_lasting(activity.actor) for activity in activities]
        shared = {value for activity in activities for value in _shared(activity)}
        numbers = self._values.numbers({source, *actors, *shared})
        common = {"source": numbers[source], "received": received, "finding": None}
        return [_row(activity, numbers) | {"actor": numbers[actor]} | common for activity, actor in zip(activities, actors, strict=True)]

    def names_of(self, activity: Activity, event: int) -> list[dict[str, Any]]:
        """The rows of `schema.activity_names` of a call that `of` has made a row of."""
        numbers = self._values.numbers({activity.account, *(touched.type for touched in activity.resources)})
        names = {(name_hash(name), numbers[touched.type]) for touched in activity.resources for name in touched.ids}
        common = {"account": numbers[activity.account], "time": activity.time, "event": event}
        return [{"name": name, "type": type_} | common for name, type_ in names]

    def principals_of(self, activities: Collection[Activity]) -> list[dict[str, Any]]:
        """The rows of `schema.activity_principals` of the actors of such calls."""
        actors = {_lasting(activity.actor) for activity in activities}
        numbers = self._values.numbers(actors)
        return [{"name": name, "actor": numbers[actor]} for actor in actors for name in {name_hash(one) for one in principals(actor)}]

    def activities(self, rows: Sequence[Row[Any]]) -> list[Activity]:
        """The calls of rows of `schema.activities`, in their order."""
        self._values.load(
            {number for row in rows for number in (row.account, row.operation, row.actor, *(item[0] for item in row.resources))}
        )
        return [self._activity(row) for row in rows]

    def _activity(self, row: Row[Any]) -> Activity:
        region, event_source, event_name, read_only = self._values.told(row.operation)
        more = row.more
        actor = replace(
            self._values.noun(Actor, row.actor),
            access_key=row.access_key,
            source_ip=row.source_ip,
            run_ref=codec.decode(RunRef, more["run_ref"]) if "run_ref" in more else None,
        )
        return Activity(
            id=more["id"] if "id" in more else str(uuid.UUID(bytes=bytes(row.key))),
            time=row.time,
            account=self._values.told(row.account),
            region=region,
            event_source=event_source,
            event_name=event_name,
            call=CallClass(row.call),
            actor=actor,
            resources=tuple(self._touched(number, ids) for number, *ids in row.resources),
            error=row.error,
            denied=row.denied,
            read_only=read_only,
            assumed=codec.decode(Assumed, more["assumed"]) if "assumed" in more else None,
        )

    def _touched(self, number: int, ids: Sequence[str]) -> Touched:
        type_, effect, paths, sure = self._values.told(number)
        return Touched(type=type_, ids=tuple(ids), effect=Effect(effect), paths=None if paths is None else tuple(paths), sure=sure)


def principals(actor: Actor) -> set[str]:
    """All names that somebody may look an actor's calls up by."""
    return {name for name in (actor.principal, *actor.names, actor.on_behalf_of) if name is not None}


def _shared(activity: Activity) -> Iterator[Hashable]:
    yield activity.account
    yield _operation(activity)
    for touched in activity.resources:
        yield touched.type
        yield _manner(touched)


def _row(activity: Activity, numbers: Mapping[Hashable, int]) -> dict[str, Any]:
    key, actor = event_key(activity.id), activity.actor
    more = {"run_ref": actor.run_ref, "assumed": activity.assumed, "id": None if len(key) == 16 else activity.id}
    return {
        "key": key,
        "time": activity.time,
        "day": activity.time.astimezone(UTC).toordinal(),
        "account": numbers[activity.account],
        "operation": numbers[_operation(activity)],
        "call": activity.call.value,
        "failed": activity.failed,
        "denied": activity.denied,
        "error": activity.error,
        "access_key": actor.access_key,
        "source_ip": actor.source_ip,
        "resources": [[numbers[_manner(touched)], *touched.ids] for touched in activity.resources],
        "more": {name: codec.encode(value) for name, value in more.items() if value is not None},
        "fate": Fate.PENDING.value if activity.is_config_change else None,
    }
