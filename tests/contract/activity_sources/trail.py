"""A trail for tests: events, the log files and digests that hold them, and where CloudTrail would put these."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from driftwatch.domain.activity import Activity, Actor, CallClass, Refusal, Refused

ACCOUNT = "111111111111"
OTHER = "222222222222"
REGION = "eu-west-1"
BUCKET = "trail-bucket"
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
FINGERPRINT = "31e8b5433410dfb61a9dc45cc65b22ff"


def event(id_: str, time: datetime = NOW - timedelta(hours=1), **rest: Any) -> dict[str, Any]:
    """A record of CloudTrail; its name begins with Get for a reading call."""
    return {
        "eventVersion": "1.08",
        "eventTime": f"{time:%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "AuthorizeSecurityGroupIngress",
        "awsRegion": REGION,
        "eventID": id_,
        "recipientAccountId": ACCOUNT,
        **rest,
    }


def parsed(record: object, *, where: str = "", now: datetime | None = None) -> Activity | Refused:
    """As much of a record as these tests look at."""
    assert isinstance(record, Mapping)
    if "eventID" not in record:
        return Refused(reason=Refusal.NO_ID, where=where, detail="no eventID")
    return Activity(
        id=record["eventID"],
        time=datetime.fromisoformat(record["eventTime"]),
        account=record["recipientAccountId"],
        region=record["awsRegion"],
        event_source=record["eventSource"],
        event_name=record["eventName"],
        call=CallClass.READ if record["eventName"].startswith("Get") else CallClass.CONFIG,
        actor=Actor(),
    )


def log_file(events: Sequence[Mapping[str, Any]]) -> bytes:
    return gzip.compress(json.dumps({"Records": list(events)}).encode(), mtime=0)


def log_key(at: datetime, random: str, account: str = ACCOUNT, region: str = REGION, root: str = "AWSLogs") -> str:
    return f"{root}/{account}/CloudTrail/{region}/{at:%Y/%m/%d}/{account}_CloudTrail_{region}_{at:%Y%m%dT%H%MZ}_{random}.json.gz"


@dataclass
class Digests:
    """A chain of digests, made and signed as AWS publishes it."""

    s3: Any
    trail: str = "audit"
    region: str = REGION
    private: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    last: dict[str, Any] | None = None
    last_text: bytes = b""
    last_signature: str = ""

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)

    def key(self, end: datetime) -> str:
        name = f"{ACCOUNT}_CloudTrail-Digest_{self.region}_{self.trail}_{self.region}_{end:%Y%m%dT%H%M%SZ}.json.gz"
        return f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/{self.region}/{end:%Y/%m/%d}/{name}"

    def add(self, end: datetime, files: Mapping[str, bytes], *, put: bool = True, anew: bool = False) -> str:
        """The digest of the hour that ends at `end`, over log files as they were delivered; answers with its key."""
        before = None if anew else self.last
        digest = {
            "awsAccountId": ACCOUNT,
            "digestStartTime": f"{end - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
            "digestEndTime": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            "digestS3Bucket": BUCKET,
            "digestS3Object": self.key(end),
            "digestPublicKeyFingerprint": FINGERPRINT,
            "digestSignatureAlgorithm": "SHA256withRSA",
            "previousDigestS3Bucket": before and BUCKET,
            "previousDigestS3Object": before and before["digestS3Object"],
            "previousDigestHashValue": before and hashlib.sha256(self.last_text).hexdigest(),
            "previousDigestHashAlgorithm": before and "SHA-256",
            "previousDigestSignature": before and self.last_signature,
            "logFiles": [
                {
                    "s3Bucket": BUCKET,
                    "s3Object": key,
                    "hashValue": hashlib.sha256(gzip.decompress(data)).hexdigest(),
                    "hashAlgorithm": "SHA-256",
                    "newestEventTime": None,
                    "oldestEventTime": None,
                }
                for key, data in files.items()
            ],
        }
        text = json.dumps(digest).encode()
        lines = [
            digest["digestEndTime"],
            f"{BUCKET}/{self.key(end)}",
            hashlib.sha256(text).hexdigest(),
            digest["previousDigestSignature"] or "null",
        ]
        signature = self.private.sign("\n".join(str(line) for line in lines).encode(), padding.PKCS1v15(), hashes.SHA256()).hex()
        self.last, self.last_text, self.last_signature = digest, text, signature
        if put:
            self.put(self.key(end), text, signature)
        return self.key(end)

    def put(self, key: str, text: bytes, signature: str) -> None:
        metadata = {"signature": signature, "signature-algorithm": "SHA256withRSA"}
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(text, mtime=0), Metadata=metadata)
