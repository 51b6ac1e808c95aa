"""The digests of a trail: what proves the log complete, and every way in which it can have been tampered with."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from driftwatch.aws.cloudtrail import s3
from driftwatch.aws.cloudtrail.parsing.digests import BrokenDigestError, parse_digest
from driftwatch.aws.sessions import Account
from driftwatch.domain.activity import ActivityBatch, ActivityOrder, LogFault
from driftwatch.domain.resource import Json
from driftwatch.errors import SourceError
from tests.contract.activity_sources.conftest import Cloud
from tests.contract.activity_sources.trail import ACCOUNT, BUCKET, FINGERPRINT, NOW, REGION, Digests, event, log_file, log_key, parsed

HOUR, LAG = timedelta(hours=1), timedelta(minutes=15)


def packed(text: bytes) -> bytes:
    return gzip.compress(text, mtime=0)


class Log:
    """Four hours of a trail, each with a file and its digest; the last digest ends at NOW."""

    def __init__(self, cloud: Cloud) -> None:
        self.s3 = cloud.s3
        self.trail = cloud.trail
        self.trail.now = NOW
        self.chain = Digests(cloud.s3)
        self.trail.keys[FINGERPRINT] = self.chain.public
        self.files: list[str] = []
        self.digests: list[str] = []
        self.now = NOW + timedelta(minutes=10)
        self.position: Json = None
        self.complete: dict[str, datetime] = {}
        settings = s3.Settings(bucket=BUCKET, region=REGION, verify_digests=True, start_h=5)
        self.source = s3.create("log", settings, accounts=[Account(id=ACCOUNT, regions=(REGION,))], parse=parsed)
        for hours in (3, 2, 1, 0):
            self.hour(NOW - hours * HOUR)

    def hour(self, end: datetime, *, put: bool = True, anew: bool = False) -> None:
        key, data = log_key(end - HOUR / 2, "aaaa"), log_file([event(f"event-{end:%d-%H}", end - HOUR / 2)])
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=data)
        self.files.append(key)
        self.digests.append(self.chain.add(end, {key: data}, put=put, anew=anew))

    def fetch(self) -> list[tuple[LogFault, str]]:
        """What is wrong with the log: the fault, and the key that it is about."""
        batches: list[ActivityBatch] = []
        for batch in self.source.fetch(ActivityOrder(position=self.position, now=self.now), lambda: False):
            batches.append(batch)
            self.position = batch.position
        self.complete = {account: until for batch in batches for account, until in batch.complete_until.items()}
        problems = [problem for batch in batches for problem in batch.problems]
        assert all(problem.account == ACCOUNT and problem.region == REGION and problem.detail for problem in problems)
        return [(problem.fault, problem.where.removeprefix(f"s3://{BUCKET}/")) for problem in problems]

    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=BUCKET, Key=key)

    def rewrite(self, key: str, change: Callable[[bytes], bytes]) -> None:
        """Changes the contents of an object, and leaves its metadata as it is."""
        was = self.s3.get_object(Bucket=BUCKET, Key=key)
        body = gzip.compress(change(gzip.decompress(was["Body"].read())))
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body, Metadata=was["Metadata"])


@pytest.fixture
def log(cloud: Cloud) -> Log:
    return Log(cloud)


def test_a_log_as_it_was_delivered_is_proven_up_to_its_last_digest(log: Log) -> None:
    assert log.fetch() == []
    assert log.complete == {ACCOUNT: NOW - LAG}
    assert {asked.region for asked in log.trail.asked} == {REGION}


def test_the_chain_goes_on_at_the_next_fetch_and_over_a_restart(log: Log) -> None:
    log.fetch()
    log.now += HOUR
    assert log.fetch() == []
    assert log.complete == {ACCOUNT: NOW - LAG}  # the digest of this hour has not come yet
    log.hour(NOW + HOUR)
    assert log.fetch() == []
    assert log.complete == {ACCOUNT: NOW + HOUR - LAG}


def test_a_log_file_that_was_deleted(log: Log) -> None:
    log.delete(log.files[1])
    assert log.fetch() == [(LogFault.FILE_MISSING, log.files[1])]
    assert log.fetch() == []


def test_a_log_file_that_was_changed(log: Log) -> None:
    log.rewrite(log.files[2], lambda text: text.replace(b"AuthorizeSecurityGroupIngress", b"RevokeSecurityGroupIngress"))
    assert log.fetch() == [(LogFault.FILE_CHANGED, log.files[2])]


def test_a_log_file_that_was_only_compressed_anew_is_as_it_was(log: Log) -> None:
    log.rewrite(log.files[2], lambda text: text)
    assert log.fetch() == []


def test_a_digest_that_was_deleted(log: Log) -> None:
    log.delete(log.digests[1])
    assert log.fetch() == [(LogFault.DIGEST_MISSING, log.digests[1])]


def test_a_digest_that_was_changed(log: Log) -> None:
    """Its own signature does not fit, and the next one knew it otherwise."""
    log.rewrite(log.digests[1], lambda text: text.replace(b'"logFiles": [{', b'"logFiles": [], "was": [{'))
    assert log.fetch() == [(LogFault.DIGEST_SIGNATURE, log.digests[1]), (LogFault.DIGEST_CHAIN, log.digests[1])]


def test_a_digest_that_was_signed_by_another(cloud: Cloud) -> None:
    log = Log(cloud)
    log.trail.keys[FINGERPRINT] = Digests(cloud.s3).public
    assert log.fetch() == [(LogFault.DIGEST_SIGNATURE, key) for key in log.digests]
    assert log.complete == {}


def test_a_digest_whose_key_nobody_knows(log: Log) -> None:
    log.trail.keys.clear()
    assert log.fetch() == [(LogFault.DIGEST_SIGNATURE, key) for key in log.digests]


def test_a_digest_that_was_moved_here(log: Log) -> None:
    log.fetch()
    moved = log.chain.key(NOW + HOUR)
    log.s3.copy_object(Bucket=BUCKET, Key=moved, CopySource={"Bucket": BUCKET, "Key": log.digests[-1]})
    log.now += HOUR
    assert log.fetch() == [(LogFault.DIGEST_SIGNATURE, moved)]
    assert log.complete == {ACCOUNT: NOW - LAG}


@pytest.mark.parametrize("body", [b"no gzip", packed(b"no JSON"), packed(b"[]"), packed(b"{}"), b""])
def test_a_digest_that_is_none(log: Log, body: bytes) -> None:
    key = log.digests[-1]
    log.s3.put_object(Bucket=BUCKET, Key=key, Body=body, Metadata={"signature": "00", "signature-algorithm": "SHA256withRSA"})
    assert log.fetch() == [(LogFault.DIGEST_SIGNATURE, key)]


def test_a_digest_without_its_signature(log: Log) -> None:
    body = log.s3.get_object(Bucket=BUCKET, Key=log.digests[-1])["Body"].read()
    log.s3.put_object(Bucket=BUCKET, Key=log.digests[-1], Body=body)
    assert log.fetch() == [(LogFault.DIGEST_SIGNATURE, log.digests[-1])]


def test_a_chain_that_was_begun_anew(log: Log) -> None:
    log.fetch()
    log.hour(NOW + HOUR, anew=True)
    log.now += HOUR
    assert log.fetch() == [(LogFault.DIGEST_CHAIN, log.digests[-1])]
    log.hour(NOW + 2 * HOUR)
    log.now += HOUR
    assert log.fetch() == []
    assert log.complete == {ACCOUNT: NOW + 2 * HOUR - LAG}


def test_digests_that_stop_coming_are_told_once_and_nothing_is_proven_after_them(log: Log) -> None:
    log.fetch()
    log.now = NOW + 4 * HOUR
    ((fault, where),) = log.fetch()
    assert (fault, where) == (LogFault.DIGEST_MISSING, log.digests[-1].rpartition("/")[0] + "/")
    log.now += HOUR
    assert log.fetch() == []
    assert log.complete == {ACCOUNT: NOW - LAG}


def test_digests_that_come_late_are_followed(log: Log) -> None:
    log.fetch()
    log.now = NOW + 4 * HOUR
    log.fetch()
    for hours in (1, 2, 3, 4):
        log.hour(NOW + hours * HOUR)
    assert log.fetch() == []
    assert log.complete == {ACCOUNT: NOW + 4 * HOUR - LAG}


def test_log_files_without_any_digest_are_told_once(log: Log) -> None:
    for key in log.digests:
        log.delete(key)
    assert [fault for fault, _ in log.fetch()] == [LogFault.DIGEST_MISSING]
    log.now += HOUR
    assert (log.fetch(), log.complete) == ([], {})


def test_two_trails_have_two_chains(log: Log, cloud: Cloud) -> None:
    second = Digests(cloud.s3, trail="second_trail", private=log.chain.private)
    ends = [NOW - 2 * HOUR, NOW - HOUR]
    keys = [second.add(end, {}, put=end != ends[0]) for end in ends]
    assert log.fetch() == []
    assert log.complete == {ACCOUNT: NOW - HOUR - LAG}
    log.delete(keys[1])
    second.add(NOW, {})
    assert log.fetch() == []


def test_keys_that_may_not_be_asked_for_are_a_failure_of_the_source_and_no_fault_of_the_log(log: Log) -> None:
    log.trail.denied.add(REGION)
    with pytest.raises(SourceError, match="ListPublicKeys"):
        log.fetch()
    assert log.complete == {}
    log.trail.denied.clear()
    assert log.fetch() == []
    assert log.complete == {ACCOUNT: NOW - LAG}


def test_a_digest_of_a_form_that_nobody_knows_is_refused_without_its_contents() -> None:
    text = json.dumps({"digestS3Bucket": "b", "digestS3Object": "k", "digestEndTime": "secret", "previousDigestSignature": None}).encode()
    with pytest.raises(BrokenDigestError) as error:
        parse_digest(gzip.compress(text), {"signature": "00"}, "b", "k")
    assert "secret" not in str(error.value)
