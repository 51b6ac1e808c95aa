"""What a digest of CloudTrail proves, and whether it is one.

Source: CloudTrail User Guide, "CloudTrail digest file structure" and "Custom implementations of CloudTrail log file integrity
validation". A digest names the log files of an hour with the SHA-256 of their uncompressed contents, and the digest before it with that
one's SHA-256 and signature. It is signed with RSA (PKCS #1 v1.5, SHA-256) by a key of its region; the signature is metadata of its
object. What is signed is four lines: the end of its time, bucket/key, the SHA-256 of its uncompressed contents, and the signature of the
digest before it (``null`` for the first of a chain). Public keys come from ListPublicKeys as DER of PKCS #1, found by their fingerprint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from driftwatch.aws.cloudtrail.parsing.inflate import Contents

ALGORITHM: Final = "SHA256withRSA"
_MAX_DIGEST: Final = 256 * 1024 * 1024


class BrokenDigestError(Exception):
    """It is no digest, or not the one that belongs there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedFile:
    """A log file as a digest knows it: where it was put, and the hex SHA-256 of its uncompressed contents."""

    bucket: str
    key: str
    sha256: str
    newest: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """By what a digest knows the one before it."""

    bucket: str
    key: str
    sha256: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A digest. `link` is what the next one has to say of it, `signed` the text that was signed."""

    link: Link
    start: datetime
    end: datetime
    fingerprint: str
    previous: Link | None
    files: tuple[LoggedFile, ...]
    signed: bytes


def sha256_of(data: bytes) -> str | None:
    """The hex SHA-256 of a file's uncompressed contents; None when they cannot be had whole."""
    contents, engine = Contents(data), hashlib.sha256()
    for piece in contents.pieces():
        engine.update(piece)
    return None if contents.refusal else engine.hexdigest()


def parse_digest(data: bytes, metadata: Mapping[str, str], bucket: str, key: str) -> Digest:
    """The digest that lies at `key`; raises BrokenDigestError for bytes that are none, or one that belongs elsewhere."""
    contents = Contents(data, cap=_MAX_DIGEST)
    text = b"".join(contents.pieces())
    if contents.refusal:
        raise BrokenDigestError(contents.detail)
    if metadata.get("signature-algorithm", ALGORITHM) != ALGORITHM or not metadata.get("signature"):
        raise BrokenDigestError(f"it has no signature of the kind {ALGORITHM}")
    try:
        return _digest(orjson.loads(text), text, metadata["signature"], bucket, key)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BrokenDigestError(f"it has not the form of a digest ({type(error).__name__})") from error


def is_signed(digest: Digest, public_key: bytes) -> bool:
    """Whether the digest was signed by the owner of this key (DER)."""
    try:
        key = load_der_public_key(public_key)
    except (ValueError, UnsupportedAlgorithm):
        return False
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    try:
        key.verify(bytes.fromhex(digest.link.signature), digest.signed, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def _digest(value: Mapping[str, Any], text: bytes, signature: str, bucket: str, key: str) -> Digest:
    if (value["digestS3Bucket"], value["digestS3Object"]) != (bucket, key):
        raise BrokenDigestError("it was moved here from another place")
    sha256 = hashlib.sha256(text).hexdigest()
    before = value["previousDigestSignature"]
    lines = (value["digestEndTime"], f"{bucket}/{key}", sha256, before if before is not None else "null")
    previous = None
    if value.get("previousDigestS3Object") is not None:
        previous = Link(
            bucket=str(value["previousDigestS3Bucket"]),
            key=str(value["previousDigestS3Object"]),
            sha256=str(value["previousDigestHashValue"]),
            signature=str(before),
        )
    return Digest(
        link=Link(bucket=bucket, key=key, sha256=sha256, signature=signature),
        start=_time(value["digestStartTime"]),
        end=_time(value["digestEndTime"]),
        fingerprint=str(value["digestPublicKeyFingerprint"]),
        previous=previous,
        files=tuple(_file(item) for item in value["logFiles"]),
        signed="\n".join(lines).encode(),
    )


def _file(value: Mapping[str, Any]) -> LoggedFile:
    newest = value.get("newestEventTime")
    if value.get("hashAlgorithm", "SHA-256") != "SHA-256":
        raise ValueError("another hash than SHA-256")
    return LoggedFile(
        bucket=str(value["s3Bucket"]), key=str(value["s3Object"]), sha256=str(value["hashValue"]), newest=_time(newest) if newest else None
    )


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
