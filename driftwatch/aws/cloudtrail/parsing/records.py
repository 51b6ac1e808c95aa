"""From the bytes of a log file or message to CloudTrail's records, whatever holds them: what can be read is never lost to what cannot.

The forms are those of AWS's documentation: log files (``{"Records": [...]}``), EventBridge envelopes (``detail``), replies of
LookupEvents (`CloudTrailEvent` strings), messages of SNS (`Message`) and SQS (`Body`, in Lambda `body`), single events, lists and lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

import orjson

from driftwatch.aws.cloudtrail.parsing.inflate import MAX_BYTES, Contents, is_gzip
from driftwatch.aws.cloudtrail.parsing.scan import MAX_RECORD, Found, Scanner, another
from driftwatch.domain.activity import Refusal, Refused

Record = Mapping[str, Any]

_AT_ONCE: Final = 16 * 1024 * 1024
"""So many bytes are parsed as one text; a larger file is taken record by record, so that memory stays bounded."""
_DEEPEST: Final = 6
"""Messages within messages that are opened."""
_RESCUES: Final = 100
_RESCUED_BYTES: Final = 64 * 1024 * 1024
"""How often in one file the scan begins anew behind damage, and over how much: a file made for it could else take hours."""
_EVENT_KEYS: Final = frozenset({"eventID", "eventName", "eventSource", "eventTime", "eventVersion"})
_ENVELOPED: Final = ("detail", "event")
"""Where an object holds one record: EventBridge's envelope, and what people write who keep events with notes."""
_WRAPPED: Final = ("CloudTrailEvent", "Message", "Body", "body")


def read(data: bytes, where: str, *, max_bytes: int = MAX_BYTES, max_record: int = MAX_RECORD) -> Iterator[Record | Refused]:
    """The records in `data` in their order, and a Refused for what is none; `where` names the data in it. Never raises.

    Of data that was cut or is damaged every whole record is given, then a Refused says so. `max_bytes` bounds what is decompressed,
    `max_record` one record of a file that is not parsed at once.
    """
    contents = Contents(data, cap=max_bytes)
    pieces = contents.pieces()
    begun: list[bytes] = []
    size = 0
    for piece in pieces:
        begun.append(piece)
        size += len(piece)
        if size > _AT_ONCE:
            break
    if size <= _AT_ONCE and contents.refusal is None:
        try:
            whole = orjson.loads(b"".join(begun))
        except orjson.JSONDecodeError:
            pass
        else:
            yield from _opened(whole, where)
            return
    yield from _scanned(chain(begun, pieces), contents, where, max_record)


# --- the good path ---------------------------------------------------------------------------------------------------------------------


def _opened(value: Any, where: str, depth: int = 0) -> Iterator[Record | Refused]:
    """The records that a parsed value is, or holds."""
    if isinstance(value, dict):
        yield from _of_object(value, where, depth)
    elif isinstance(value, list):
        yield from _of_list(value, where, depth)
    elif isinstance(value, str) and depth:
        yield from _of_text(value, where, depth)
    else:
        yield Refused(reason=Refusal.NOT_AN_EVENT, where=where, detail="neither an object nor a list")


def _of_object(value: Mapping[str, Any], where: str, depth: int) -> Iterator[Record | Refused]:
    if not _EVENT_KEYS.isdisjoint(value):
        yield value
    elif depth > _DEEPEST:
        yield Refused(reason=Refusal.NOT_AN_EVENT, where=where, detail=f"messages within messages, more than {_DEEPEST} deep")
    elif listed := next((value[key] for key in ("Records", "Events", "Messages") if isinstance(value.get(key), list)), None):
        yield from _of_list(listed, where, depth)
    elif envelope := next((value[key] for key in _ENVELOPED if isinstance(value.get(key), dict)), None):
        yield envelope
    elif wrapped := next((value[key] for key in _WRAPPED if isinstance(value.get(key), str)), None):
        yield from _of_text(wrapped, where, depth + 1)
    elif isinstance(value.get("Sns"), dict):
        yield from _of_object(value["Sns"], where, depth + 1)
    elif listed is None:
        yield Refused(reason=Refusal.NO_RECORDS, where=where, detail="an object that holds no records and is none")


def _of_list(values: list[Any], where: str, depth: int) -> Iterator[Record | Refused]:
    for number, value in enumerate(values, 1):
        if isinstance(value, dict) and not _EVENT_KEYS.isdisjoint(value):
            yield value
        elif isinstance(value, dict):
            yield from _of_object(value, f"{where}#{number}", depth + 1)
        else:
            yield Refused(reason=Refusal.NOT_AN_EVENT, where=f"{where}#{number}", detail="no object")


def _of_text(text: str, where: str, depth: int) -> Iterator[Record | Refused]:
    try:
        value = _parsed(text.encode("utf-8", "surrogatepass"))
    except ValueError as error:
        yield Refused(reason=Refusal.NOT_JSON, where=where, detail=f"a text within it is no JSON: {error}")
        return
    yield from _opened(value, where, depth)


# --- what the good path could not read -------------------------------------------------------------------------------------------------


def _scanned(pieces: Iterator[bytes], contents: Contents, where: str, max_record: int) -> Iterator[Record | Refused]:
    scanner = Scanner(max_record)
    number, rescues, rescued = 0, _RESCUES, _RESCUED_BYTES
    for found in scanner.scan(pieces):
        if not found.whole and scanner.cut and not another(found.text):
            continue  # the last of a text that was cut: that it was says it all
        number += 1
        place = f"{where}#{number}"
        if not found.fits:
            yield Refused(reason=Refusal.TOO_LARGE, where=place, detail=f"a record of more than {max_record} bytes")
            continue
        try:
            value = _whole(found)
        except ValueError as error:
            yield Refused(reason=Refusal.NOT_JSON, where=place, detail=str(error))
            offset = another(found.text)
            if offset and rescues > 0 and rescued >= len(found.text):
                rescues, rescued = rescues - 1, rescued - len(found.text)
                scanner.resume(offset)
        else:
            yield from _opened(value, place)
    if contents.refusal:
        yield Refused(reason=_told(contents, number), where=where, detail=contents.detail)
    elif scanner.cut or not contents.data:
        yield Refused(reason=Refusal.TRUNCATED, where=where, detail="the text ends before its end" if contents.data else "no data")
    elif scanner.noise or not number:
        yield from _not_json(contents, where, number)


def _whole(found: Found) -> Any:
    if not found.whole:
        raise ValueError("a record that does not end")
    return _parsed(found.text)


def _told(contents: Contents, records: int) -> Refusal:
    """A file whose compression breaks before anything came out of it is none of gzip's."""
    broken = contents.refusal is Refusal.TRUNCATED and "damaged" in contents.detail and not records
    return Refusal.NOT_GZIP if broken else contents.refusal or Refusal.TRUNCATED


def _not_json(contents: Contents, where: str, records: int) -> Iterator[Refused]:
    if records:
        yield Refused(reason=Refusal.NOT_JSON, where=where, detail="something between the records")
    elif where.endswith(".gz") and not is_gzip(contents.data):
        yield Refused(reason=Refusal.NOT_GZIP, where=where, detail="neither gzip nor JSON")
    else:
        yield Refused(reason=Refusal.NOT_JSON, where=where, detail="no JSON object in it")


def _parsed(text: bytes) -> Any:
    """The value of a JSON text; what orjson is too strict for is mended. Raises ValueError without the text's contents."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return _mended(json.loads(text.decode("utf-8", "replace"), parse_constant=lambda _: None))
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _mended(value: Any) -> Any:
    """Halves of UTF-16 pairs, which no other encoding can hold, become question marks."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    return [_mended(item) for item in value] if isinstance(value, list) else value
