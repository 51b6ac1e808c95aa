"""Change records as plain JSON: what the `changes` commands print, and the API answers with."""

from __future__ import annotations

from driftwatch.domain.authorization.unobserved import Unobserved
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.change import SourceStatus
from driftwatch.domain.codec import encode
from driftwatch.domain.resource import Json
from driftwatch.operations.register import Held


def held_document(held: Held) -> dict[str, Json]:
    """A record of the register with the hash that an approval names."""
    return {**encode(held.record), "content_hash": held.content_hash, "notes": list(held.notes)}


def source_document(source: SourceStatus, *, whole: bool = True) -> dict[str, Json]:
    """How a source's last reading went. Without `whole` only the number of the records that were set aside is told."""
    aside = [{"place": item.place, "id": item.id, "problem": item.problem} for item in source.set_aside]
    return {
        "name": source.name,
        "last_success": utc_text(source.last_success_at) if source.last_success_at else None,
        "last_attempt": utc_text(source.last_attempt_at) if source.last_attempt_at else None,
        "records": source.records,
        "error": source.error,
        "set_aside_total": len(aside),
        "set_aside": aside if whole else [],
    }


def unobserved_document(item: Unobserved) -> dict[str, Json]:
    """A record whose effect was not observed, or only in part, and what of it was not."""
    return {
        "record": item.record.id,
        "source": item.record.source,
        "title": item.record.title,
        "state": item.record.state.value,
        "observed": item.observed.value,
        "windows": encode(item.record.windows),
        "missing": [{"target": part.target, "id": part.id, "path": part.path} for part in item.missing],
    }
