"""What the `driftwatch changes` commands print of records."""

from __future__ import annotations

from collections.abc import Sequence

from driftwatch.cli.output import emit_json, say, table
from driftwatch.domain.authorization.unobserved import Part, Unobserved
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.change import ChangeRecord
from driftwatch.domain.resource import Json
from driftwatch.operations.describe_changes import held_document
from driftwatch.operations.register import Held

_MOST_SHOWN = 20


def tell_held(held: Held, *, json: bool) -> None:
    """What became of a record of the register."""
    if json:
        emit_json(held_document(held))
        return
    say(f"{held.record.id} is {held.record.state.value}", f"content hash {held.content_hash}", *held.notes)


def tell_record(document: dict[str, Json]) -> None:
    """Everything that a record says."""
    for name, value in document.items():
        if value not in (None, [], {}, ""):
            say(f"{name}: {value}")


def tell_summary(held: Held) -> None:
    """What an approver looks at before typing the hash."""
    record = held.record
    say(f"{record.id}: {record.title}", f"{record.type.value}, asked for by {record.requester}, {record.state.value}")
    rows = [
        (
            number,
            _listed(target.ids or target.resource_types or ()),
            _listed([item.value for item in target.operations or ()]),
            _listed(target.attribute_paths or ()),
            len(target.expected),
        )
        for number, target in enumerate(record.scope, start=1)
    ]
    table(("target", "resources", "operations", "paths", "expected values"), rows)
    say(f"content hash {held.content_hash}")


def records_table(records: Sequence[ChangeRecord]) -> None:
    rows = [
        (item.id, item.source, item.type.value, item.state.value, item.requester, utc_text(item.created_at), item.title) for item in records
    ]
    table(("record", "source", "type", "state", "requester", "created", "title"), rows)


def unobserved_table(items: Sequence[Unobserved]) -> None:
    """One line for each part that was not observed."""
    rows: list[tuple[object, ...]] = []
    for item in items:
        named = (item.record.id, item.record.state.value, item.observed.value, _window(item.record))
        rows.extend((*named, *_part(part)) for part in item.missing[:_MOST_SHOWN] or (None,))
        if len(item.missing) > _MOST_SHOWN:
            rows.append((item.record.id, "", "", "", f"and {len(item.missing) - _MOST_SHOWN} more", ""))
    table(("record", "state", "observed", "until", "not observed", "path"), rows)


def _part(part: Part | None) -> tuple[str, str]:
    if part is None:
        return "anything: it has no scope", ""
    return part.id or f"any resource of target {part.target}", part.path or "(anything)"


def _window(record: ChangeRecord) -> str:
    ends = [window.end for window in record.windows]
    return utc_text(max(ends)) if ends else ""


def _listed(items: Sequence[str]) -> str:
    shown = ", ".join(items[:3])
    return f"{shown} (+{len(items) - 3})" if len(items) > 3 else shown
