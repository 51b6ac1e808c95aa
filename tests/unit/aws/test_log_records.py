"""From bytes to records: every form that holds them, and that nothing which can be read is lost to what cannot."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftwatch.aws.cloudtrail.parsing.inflate import Contents
from driftwatch.aws.cloudtrail.parsing.records import read
from driftwatch.aws.cloudtrail.parsing.scan import Scanner
from driftwatch.domain.activity import Refusal, Refused

Event = dict[str, Any]


def event(id_: str, **rest: Any) -> Event:
    odd: Event = {"text": 'a "quoted" \\ {brace} [list] ü\u2028', "list": [{"a": []}, {}], "none": None}
    return {"eventVersion": "1.08", "eventID": id_, "eventName": "RunInstances", "requestParameters": odd, **rest}


EVENTS = [event(f"id-{number}") for number in range(5)]
LOG = json.dumps({"Records": EVENTS}).encode()


def told(data: bytes, where: str = "log", **limits: int) -> tuple[list[Any], list[Refusal]]:
    """The records, and why what is none was refused."""
    found = list(read(data, where, **limits))
    refused = [one for one in found if isinstance(one, Refused)]
    assert all(one.where.startswith(where) and one.detail for one in refused)
    return [one for one in found if not isinstance(one, Refused)], [one.reason for one in refused]


def text(value: Any) -> str:
    return json.dumps(value)


FORMS: Mapping[str, bytes] = {
    "a log file": LOG,
    "a log file of lines": json.dumps({"Records": EVENTS}, indent=2).encode(),
    "compressed": gzip.compress(LOG),
    "of several members": gzip.compress(LOG[:100]) + gzip.compress(LOG[100:]),
    "with padding": gzip.compress(LOG) + b"\0" * 100,
    "with a byte order mark": b"\xef\xbb\xbf" + LOG,
    "a list": text(EVENTS).encode(),
    "lines": b"\n".join(text(one).encode() for one in EVENTS) + b"\n",
    "lines of envelopes": b"\n".join(text({"detail-type": "x", "detail": one}).encode() for one in EVENTS),
    "a list of envelopes": text([{"detail-type": "x", "detail": one} for one in EVENTS]).encode(),
    "LookupEvents": text({"NextToken": "t", "Events": [{"EventId": "x", "CloudTrailEvent": text(one)} for one in EVENTS]}).encode(),
    "SQS": text({"Messages": [{"MessageId": "m", "Body": text({"detail": one})} for one in EVENTS]}).encode(),
    "SQS by Lambda": text({"Records": [{"messageId": "m", "body": text({"detail": one})} for one in EVENTS]}).encode(),
    "SNS": text({"Type": "Notification", "TopicArn": "t", "Message": LOG.decode()}).encode(),
    "SNS by Lambda": text({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text(one)}} for one in EVENTS]}).encode(),
    "SNS in SQS": text({"Messages": [{"Body": text({"Message": text({"detail": one})})} for one in EVENTS]}).encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_its_records_in_order(form: str) -> None:
    assert told(FORMS[form]) == (EVENTS, [])


@pytest.mark.parametrize("single", [EVENTS[0], {"detail": EVENTS[0]}, {"CloudTrailEvent": text(EVENTS[0])}, {"Body": text(EVENTS[0])}])
def test_a_single_event(single: Event) -> None:
    assert told(text(single).encode()) == ([EVENTS[0]], [])


def test_no_events_are_no_failure() -> None:
    assert told(b'{"Records": []}') == ([], [])
    assert told(b"[]") == ([], [])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Refusal.TRUNCATED),
        (b"hello", Refusal.NOT_JSON),
        (b"<html><style>p {x}</style></html>", Refusal.NOT_JSON),
        (b"{}", Refusal.NO_RECORDS),
        (b'{"Records": {"a": 1}}', Refusal.NO_RECORDS),
        (b'{"records": []}', Refusal.NO_RECORDS),
        (b"3", Refusal.NOT_AN_EVENT),
        (b'"text"', Refusal.NOT_AN_EVENT),
        (b'{"Message": "no JSON"}', Refusal.NOT_JSON),
        (b'{"Message": "3"}', Refusal.NOT_AN_EVENT),
        (gzip.compress(b"hello", mtime=0), Refusal.NOT_JSON),
        (b"\x1f\x8b\x08\x00garbage that is not deflated", Refusal.NOT_GZIP),
        (bytes(1000), Refusal.NOT_JSON),
    ],
)
def test_what_holds_no_record_is_refused_once_and_by_its_reason(data: bytes, reason: Refusal) -> None:
    refused = [reason]
    if data.startswith(b"<html>"):
        refused = [Refusal.NOT_JSON, Refusal.NOT_JSON]
    assert told(data) == ([], refused)


def test_a_name_that_promises_gzip() -> None:
    assert told(b"hello", "s3://b/log.json.gz") == ([], [Refusal.NOT_GZIP])
    assert told(LOG, "s3://b/log.json.gz") == (EVENTS, [])


# --- cut -------------------------------------------------------------------------------------------------------------------------------


def assert_prefix(data: bytes, events: Sequence[Event], *, at_least: int) -> None:
    good, refused = told(data)
    assert good == events[: len(good)]
    assert len(good) >= at_least
    assert refused == [Refusal.TRUNCATED]


texts = st.text(alphabet=st.sampled_from('a"\\{}[],:\n üé\u2028🂡'), max_size=30)
values = st.recursive(
    texts | st.integers() | st.none(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)
logs = st.lists(st.builds(lambda value: event("id", requestParameters=value), values), min_size=1, max_size=6)


@given(events=logs, cut=st.floats(min_value=0, max_value=1, exclude_max=True))
@settings(deadline=None)
def test_a_compressed_file_cut_anywhere_gives_a_prefix_of_its_records(events: list[Event], cut: float) -> None:
    whole = gzip.compress(json.dumps({"Records": events}, ensure_ascii=False).encode())
    assert_prefix(whole[: int(len(whole) * cut)], events, at_least=0)


@given(events=logs, cut=st.floats(min_value=0, max_value=1, exclude_max=True))
@settings(deadline=None)
def test_a_text_cut_anywhere_gives_every_record_that_ends_before_the_cut(events: list[Event], cut: float) -> None:
    texts = [json.dumps(one, ensure_ascii=False).encode() for one in events]
    whole = b'{"Records": [' + b", ".join(texts) + b"]}"
    at, end, ends = int(len(whole) * cut), len(b'{"Records": ['), []
    for one in texts:
        ends.append(end + len(one))
        end = ends[-1] + 2
    assert_prefix(whole[:at], events, at_least=sum(one <= at for one in ends))


def test_a_file_that_only_lacks_its_checksum_gives_all_of_its_records() -> None:
    whole = gzip.compress(LOG)
    for missing in range(1, 9):
        assert_prefix(whole[:-missing], EVENTS, at_least=5)


def test_a_damaged_file_gives_what_came_before_the_damage() -> None:
    whole = gzip.compress(json.dumps({"Records": [event(str(n), text=f"{n * 7919:x}") for n in range(2000)]}).encode())
    damaged = whole[: len(whole) // 2] + bytes(20) + whole[len(whole) // 2 + 20 :]
    good, refused = told(damaged)
    assert 500 < len(good) < 2000
    assert [one["eventID"] for one in good[:500]] == [str(n) for n in range(500)]
    assert refused[-1] is Refusal.TRUNCATED


def test_a_wrong_checksum_is_told_after_all_records() -> None:
    whole = bytearray(gzip.compress(LOG))
    whole[-6] ^= 1
    assert told(bytes(whole)) == (EVENTS, [Refusal.TRUNCATED])


@given(data=st.binary(max_size=300))
@settings(deadline=None)
def test_no_bytes_make_it_fail(data: bytes) -> None:
    for some in (data, b"\x1f\x8b" + data, gzip.compress(data), b'{"Records": [' + data, LOG[:200] + data + LOG[200:]):
        for one in read(some, "log"):
            assert isinstance(one, Mapping | Refused)


# --- one bad record among good ones ------------------------------------------------------------------------------------------------------


def among(bad: bytes) -> bytes:
    good = [text(one).encode() for one in EVENTS]
    return b'{"Records": [' + b", ".join([*good[:2], bad, *good[2:]]) + b"]}"


@pytest.mark.parametrize(
    ("bad", "reasons"),
    [
        (b"3", [Refusal.NOT_AN_EVENT]),
        (b"null", [Refusal.NOT_AN_EVENT]),
        (b"[]", [Refusal.NOT_AN_EVENT]),
        (b'{"other": 1}', [Refusal.NO_RECORDS]),
        (b'{"eventVersion": nul}', [Refusal.NOT_JSON]),
        (b'{"eventVersion": "1", "x": "a" b"}', [Refusal.NOT_JSON]),
        (b'{"eventVersion": "1", "x": ]}', [Refusal.NOT_JSON]),
        (b'{"eventVersion": "1", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}", [Refusal.NOT_JSON]),
    ],
)
def test_a_bad_record_is_refused_alone(bad: bytes, reasons: list[Refusal]) -> None:
    good, refused = told(among(bad))
    assert good == EVENTS
    assert set(refused[:1]) == set(reasons)


@pytest.mark.parametrize("bad", [b'{"eventVersion": "1", "x": [1}', b'{"eventVersion": "1", "x": "a}', b'{"eventVersion": "1", "x": {}'])
def test_what_a_broken_record_swallowed_is_found_again(bad: bytes) -> None:
    assert told(among(bad)) == (EVENTS, [Refusal.NOT_JSON])


def test_a_broken_record_larger_than_the_limit_swallows_nothing() -> None:
    events = [event(str(number), blob="x" * 100_000) for number in range(60)]
    texts = [text(one).encode() for one in events]
    data = b'{"Records": [' + b", ".join([b'{"eventVersion": "1", "x": [1}', *texts]) + b"]}" + b" " * (17 << 20)
    assert told(data, max_record=2 << 20) == (events, [Refusal.NOT_JSON])


def test_half_of_a_pair_and_bytes_of_no_text_cost_no_record() -> None:
    good, refused = told(among(b'{"eventVersion": "1", "eventID": "odd", "x": "\\ud800 \xff"}'))
    assert refused == []
    assert [one["eventID"] for one in good] == ["id-0", "id-1", "odd", "id-2", "id-3", "id-4"]
    json.dumps(good, ensure_ascii=False).encode()  # nothing in it that no store could hold


# --- large -----------------------------------------------------------------------------------------------------------------------------


def test_a_record_of_ten_megabytes_is_read() -> None:
    large = event("large", blob='x\\"{' * (10 << 18))
    assert told(gzip.compress(json.dumps({"Records": [EVENTS[0], large, EVENTS[1]]}).encode())) == ([EVENTS[0], large, EVENTS[1]], [])


@pytest.mark.slow
def test_a_file_too_large_to_be_parsed_at_once_gives_the_same_records() -> None:
    events = [event(str(number), blob='"{' * 200_000) for number in range(40)]
    assert told(json.dumps({"Records": events}).encode()) == (events, [])
    assert told("\n".join(map(json.dumps, events)).encode()) == (events, [])


@pytest.mark.parametrize("piece", [1, 7, 64, 4096])
def test_records_are_found_however_the_pieces_fall(piece: int) -> None:
    scanner = Scanner()
    found = [json.loads(one.text) for one in scanner.scan(LOG[at : at + piece] for at in range(0, len(LOG), piece))]
    assert (found, scanner.cut, scanner.noise) == (EVENTS, False, False)


def test_a_record_over_the_limit_is_refused_alone() -> None:
    large = event("large", blob='"{' * 9_000_000)
    data = json.dumps({"Records": [EVENTS[0], large, EVENTS[1]]}).encode()
    assert told(data, max_record=4 << 20) == ([EVENTS[0], EVENTS[1]], [Refusal.TOO_LARGE])


@pytest.mark.slow
def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b'{"Records": [' + text(EVENTS[0]).encode() + b", " + b" " * (200 << 20))
    tracemalloc.start()
    assert told(bomb, max_bytes=64 << 20) == ([EVENTS[0]], [Refusal.TOO_LARGE])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 48 << 20


@pytest.mark.slow
def test_a_file_made_to_be_slow_is_not() -> None:
    """Each beginning of a record in it could be where the next one is lost."""
    before = time.monotonic()
    told(b'{"Records": [' + b'{"eventVersion":' * 200_000)
    assert time.monotonic() - before < 30


def test_contents_say_whether_they_are_whole() -> None:
    contents = Contents(gzip.compress(bytes(3 << 20)), cap=2 << 20)
    assert sum(map(len, contents.pieces())) == 2 << 20
    assert contents.refusal is Refusal.TOO_LARGE
