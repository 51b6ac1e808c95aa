"""The objects of a bucket: listed and fetched, each with its metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from driftwatch.aws.cloudtrail.reading.access import LogCaller


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """An object's bytes, and the metadata that was stored with it (``x-amz-meta-...``, names in small letters)."""

    data: bytes
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """The objects of a bucket that `caller` may see. All of it raises CallFailed."""

    caller: LogCaller
    bucket: str
    region: str

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        """The keys below a prefix that sort after `after`, in their order, over all pages."""
        params = {"Bucket": self.bucket, "Prefix": prefix, **({"StartAfter": after} if after > prefix else {})}
        for page in self.caller.pages("s3", "ListObjectsV2", params, self.region, None):
            yield from (item["Key"] for item in page.get("Contents") or ())

    def folders(self, prefix: str) -> Iterator[str]:
        """The names of the folders right below a prefix (which ends with a slash)."""
        params = {"Bucket": self.bucket, "Prefix": prefix, "Delimiter": "/"}
        for page in self.caller.pages("s3", "ListObjectsV2", params, self.region, None):
            yield from (item["Prefix"][len(prefix) :].rstrip("/") for item in page.get("CommonPrefixes") or ())

    def get(self, key: str, bucket: str | None = None) -> Fetched:
        reply = self.caller.call("s3", "GetObject", {"Bucket": bucket or self.bucket, "Key": key}, self.region)
        metadata = {name.lower(): value for name, value in (reply.get("Metadata") or {}).items()}
        return Fetched(data=reply["Body"], metadata=metadata)
