"""Route 53's record sets: one call changes many, and what names each stands in three members of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from driftwatch.aws.cloudtrail.parsing.members import MAX_IDS
from driftwatch.domain.activity import Effect
from driftwatch.domain.pointer import key_segment

TYPE: Final = "AWS::Route53::RecordSet"
EVENT: Final = "ChangeResourceRecordSets"
_EFFECTS: Final = {"CREATE": Effect.CREATE, "DELETE": Effect.DELETE}


def record_sets(record: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Effect]]:
    """The names of each record set that the call changes (zone, name with its final dot, type and set identifier joined; the name as it was
    written), and what it does to it. Source: Route 53 API Reference, ChangeResourceRecordSets."""
    asked = record.get("requestParameters")
    zone = asked.get("hostedZoneId") if isinstance(asked, dict) else None
    batch = asked.get("changeBatch") if isinstance(asked, dict) else None
    changes = batch.get("changes") if isinstance(batch, dict) else None
    if not isinstance(zone, str) or not isinstance(changes, list):
        return
    for change in changes[:MAX_IDS]:
        told = change.get("resourceRecordSet") if isinstance(change, dict) else None
        if isinstance(told, dict) and isinstance(name := told.get("name"), str):
            parts = [told.get("type"), told.get("setIdentifier")]
            kind, apart = (part if isinstance(part, str) else "" for part in parts)
            full = name if name.endswith(".") else f"{name}."
            bare = zone.rpartition("/")[2]
            yield (key_segment((bare, full, kind, apart)), name), _EFFECTS.get(str(change.get("action")).upper(), Effect.UPDATE)
