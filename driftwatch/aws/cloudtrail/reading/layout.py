"""The keys under which CloudTrail delivers log files and digests.

Source: CloudTrail User Guide, "Getting and viewing your CloudTrail log files" and "CloudTrail digest file structure".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_DAY: Final = timedelta(days=1)
_REGION: Final = r"[a-z]{2}(?:-[a-z]+)+-\d{1,2}"
_LOG: Final = re.compile(rf"(?:^|/)AWSLogs/(?:o-[a-z0-9]+/)?\d{{12}}/CloudTrail/{_REGION}/\d{{4}}/\d\d/\d\d/[^/]+\.json(?:\.gz)?$")
_DIGEST: Final = re.compile(
    rf"/(?P<account>\d{{12}})_CloudTrail-Digest_(?P<region>{_REGION})_(?P<trail>.+)_(?P<home>{_REGION})_(?P<end>\d{{8}}T\d{{6}}Z)"
    r"(?P<backfill>_backfill)?\.json\.gz$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestName:
    """What a digest's key says. A trail's `backfill` digests, for files that came late, are a chain of their own."""

    key: str
    account: str
    region: str
    trail: str
    end: datetime
    chain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where a trail puts its files: below `prefix`, and below the organization's id for a trail of an organization."""

    prefix: str = ""
    organization: str | None = None

    def regions(self, account: str, kind: str = "CloudTrail") -> str:
        """The prefix below which each region of an account has its own; `kind` is CloudTrail or CloudTrail-Digest."""
        parts = [self.prefix.strip("/"), "AWSLogs", self.organization or "", account, kind]
        return "/".join(part for part in parts if part) + "/"

    def days(self, account: str, region: str, since: datetime, until: datetime, kind: str = "CloudTrail") -> Iterator[tuple[str, str]]:
        """For each day (UTC) from `since` to `until`: its prefix, and the key after which that day's part of the time begins."""
        day = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        while day <= until:
            prefix = f"{self.regions(account, kind)}{region}/{day:%Y/%m/%d}/"
            yield prefix, f"{prefix}{account}_{kind}_{region}_{since:%Y%m%dT%H%M}" if day <= since and kind == "CloudTrail" else prefix
            day += _DAY


def is_log_file(key: str) -> bool:
    """Whether an object of a trail's bucket is a log file (and not a digest, an Insight, or somebody else's)."""
    return _LOG.search(key) is not None


def day_of(key: str) -> str:
    """The day that a log file's key stands under, as YYYYMMDD."""
    return "".join(key.rsplit("/", 4)[-4:-1])


def digest_name(key: str) -> DigestName | None:
    """What the key of a digest says; None for a key of another form."""
    found = _DIGEST.search(key)
    if found is None:
        return None
    try:
        end = datetime.strptime(found["end"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    chain = f"{found['trail']}@{found['home']}{found['backfill'] or ''}"
    return DigestName(key=key, account=found["account"], region=found["region"], trail=found["trail"], end=end, chain=chain)
