"""Follows the chains of digests of an account and region, and tells of every fault in them.

Each trail has a chain of its own. Its state in the position is what the next digest must say of the last one, and the end of that one's
time; `overdue` notes that the digest after it was already told to be missing.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from driftwatch.aws.calls import CallFailed
from driftwatch.aws.cloudtrail.parsing.digests import BrokenDigestError, Digest, Link, LoggedFile, is_signed, parse_digest, sha256_of
from driftwatch.aws.cloudtrail.reading.access import is_gone
from driftwatch.aws.cloudtrail.reading.layout import DigestName, digest_name
from driftwatch.aws.cloudtrail.reading.place import Fetching, Place
from driftwatch.domain.activity import ActivityBatch, LogFault, LogProblem

_KIND: Final = "CloudTrail-Digest"
_EVERY: Final = timedelta(hours=1)
_LATE: Final = timedelta(hours=2)
_NO_CHAIN: Final = "none"
"""Where the position notes that a place has log files and no digests."""


@dataclass(slots=True)
class _Chain:
    """The state of a chain, as it stands in the position."""

    state: dict[str, Any]

    @property
    def end(self) -> datetime | None:
        return datetime.fromisoformat(self.state["end"]) if "end" in self.state else None

    @property
    def link(self) -> Link | None:
        return Link(**self.state["link"]) if self.state.get("link") else None

    @property
    def overdue(self) -> bool:
        return bool(self.state.get("overdue"))

    def reach(self, end: datetime, link: Link | None, *, proven: bool) -> None:
        """The chain now ends here. An unproven end does not move what is known to be complete."""
        self.state.update(
            end=end.isoformat(),
            link=None if link is None else {name: getattr(link, name) for name in ("bucket", "key", "sha256", "signature")},
            overdue=False,
        )
        if proven:
            self.state["proven"] = end.isoformat()

    @property
    def proven(self) -> datetime | None:
        return datetime.fromisoformat(self.state["proven"]) if "proven" in self.state else None


class Chains:
    """The chains of all places of one fetch. `until` says of the place followed last up to when its log is proven complete."""

    def __init__(self, fetching: Fetching, lag: timedelta) -> None:
        self.until: datetime | None = None
        self._fetching = fetching
        self._lag = lag
        self._keys: dict[tuple[str, str], bytes] = {}

    def follow(self, place: Place) -> Iterator[ActivityBatch]:
        """The digests of a place that are new, a batch for each. What cannot be fetched now is left for the next time."""
        self.until = None
        try:
            names = self._names(place)
            for chain, found in sorted(names.items()):
                state = _Chain(place.state.digests.setdefault(chain, {}))
                for name in found:
                    if self._fetching.stopped():
                        return
                    yield place.batch(problems=tuple(self._digest(place, name, state, {other.key for other in found})))
        except CallFailed as failed:
            self._fetching.failed(failed)
            return
        overdue = tuple(self._overdue(place))
        yield place.batch(problems=overdue)
        self.until = self._proven(place)

    def _names(self, place: Place) -> Mapping[str, Sequence[DigestName]]:
        """The new digests by chain, in order of time."""
        state, fetching = place.state, self._fetching
        ends = [end for chain in state.digests.values() if (end := _Chain(chain).end)]
        since = max(state.since, min([*ends, fetching.now]) - _LATE) if ends else state.since
        found: dict[str, list[DigestName]] = defaultdict(list)
        for prefix, _ in fetching.layout.days(place.account, place.region, since, fetching.now + _EVERY, _KIND):
            for key in fetching.objects.keys(prefix):
                name = digest_name(key)
                if name is None or name.end < state.since:
                    continue
                last = _Chain(state.digests.get(name.chain, {})).end
                if last is None or name.end > last:
                    found[name.chain].append(name)
        return {chain: sorted(names, key=lambda name: name.end) for chain, names in found.items()}

    def _digest(self, place: Place, name: DigestName, chain: _Chain, listed: set[str]) -> Iterator[LogProblem]:
        """The faults of one digest, after which the chain ends with it."""

        def problem(fault: LogFault, key: str, detail: str) -> LogProblem:
            where = f"s3://{self._fetching.objects.bucket}/{key}"
            return LogProblem(
                fault=fault, trail=name.trail, account=place.account, region=place.region, where=where, at=name.end, detail=detail
            )

        try:
            got = self._fetching.objects.get(name.key)
            digest = parse_digest(got.data, got.metadata, self._fetching.objects.bucket, name.key)
        except CallFailed as failed:
            if not is_gone(failed):
                raise
            chain.reach(name.end, None, proven=False)
            yield problem(LogFault.DIGEST_MISSING, name.key, "it was listed, and is gone")
            return
        except BrokenDigestError as error:
            chain.reach(name.end, None, proven=False)
            yield problem(LogFault.DIGEST_SIGNATURE, name.key, str(error))
            return
        faults = list(_breaks(digest, chain, listed))
        if self._is_genuine(digest, place.region):
            faults += [fault for file in digest.files for fault in self._file(file)]
        else:
            faults.append((LogFault.DIGEST_SIGNATURE, name.key, "its signature is not that of CloudTrail"))
        chain.reach(name.end, digest.link, proven=not faults)
        yield from (problem(*fault) for fault in faults)

    def _file(self, file: LoggedFile) -> Iterator[tuple[LogFault, str, str]]:
        try:
            got = self._fetching.objects.get(file.key, file.bucket)
        except CallFailed as failed:
            if not is_gone(failed):
                raise
            yield LogFault.FILE_MISSING, file.key, "the digest names it, and it is not there"
            return
        if sha256_of(got.data) != file.sha256:
            yield LogFault.FILE_CHANGED, file.key, "its contents are not those that were delivered"

    def _is_genuine(self, digest: Digest, region: str) -> bool:
        wanted = (region, digest.fingerprint)
        if wanted not in self._keys:
            # a key is listed for the time in which it signed: for a digest that came late, that is after its own time
            params = {"StartTime": digest.start, "EndTime": max(digest.end + _EVERY, self._fetching.now)}
            for page in self._fetching.objects.caller.pages("cloudtrail", "ListPublicKeys", params, region, None):
                for key in page.get("PublicKeyList") or ():
                    self._keys[region, key["Fingerprint"]] = _der(key["Value"])
        return wanted in self._keys and is_signed(digest, self._keys[wanted])

    def _overdue(self, place: Place) -> Iterator[LogProblem]:
        """Chains that stopped: CloudTrail makes a digest every hour, also when nothing happened."""
        now, chains = self._fetching.now, place.state.digests
        for name, state in chains.items():
            chain = _Chain(state)
            if name == _NO_CHAIN or name.endswith("_backfill") or chain.end is None or chain.overdue or now - chain.end < _EVERY + _LATE:
                continue
            state["overdue"] = True
            yield self._absent(place, name.partition("@")[0], chain.end + _EVERY, "the digest of this hour has not come")
        known = set(chains) - {_NO_CHAIN}
        if not known and _NO_CHAIN not in chains and place.state.seen and now - place.state.since >= _EVERY + _LATE:
            chains[_NO_CHAIN] = {"since": now.isoformat()}
            yield self._absent(place, "", place.state.since, "there are log files and no digests")
        elif known:
            chains.pop(_NO_CHAIN, None)

    def _absent(self, place: Place, trail: str, at: datetime, detail: str) -> LogProblem:
        where = f"s3://{self._fetching.objects.bucket}/{self._fetching.layout.regions(place.account, _KIND)}{place.region}/{at:%Y/%m/%d}/"
        return LogProblem(
            fault=LogFault.DIGEST_MISSING, trail=trail, account=place.account, region=place.region, where=where, at=at, detail=detail
        )

    def _proven(self, place: Place) -> datetime | None:
        """The earliest proven end among the chains that go on. A digest names what was delivered in its hour, which happened before."""
        chains = {name: _Chain(state) for name, state in place.state.digests.items() if name != _NO_CHAIN}
        going = [chain for name, chain in chains.items() if not chain.overdue and not name.endswith("_backfill")]
        ends = [chain.proven for chain in going or chains.values()]
        known = [end for end in ends if end is not None]
        return min(known) - self._lag if ends and len(known) == len(ends) else None


def _breaks(digest: Digest, chain: _Chain, listed: set[str]) -> Iterator[tuple[LogFault, str, str]]:
    """Where a digest does not follow upon the last one. The first that is ever read follows upon none that is known."""
    last, previous = chain.link, digest.previous
    if chain.end is None:
        return
    if previous is None:
        yield LogFault.DIGEST_CHAIN, digest.link.key, "the chain begins anew: logging or its validation was off for a while"
    elif last is None:
        return  # the one before is broken or gone, which was told
    elif previous.key != last.key:
        fault = LogFault.DIGEST_CHAIN if previous.key in listed else LogFault.DIGEST_MISSING
        yield fault, previous.key, "a digest that the next one follows upon is not there"
    elif (previous.sha256, previous.signature) != (last.sha256, last.signature):
        yield LogFault.DIGEST_CHAIN, last.key, "it is not the digest that the next one follows upon"


def _der(value: Any) -> bytes:
    """A key's bytes. The SDK undoes the base64 of the wire format; some clients of AWS did so a second time."""
    if isinstance(value, str):
        return base64.b64decode(value)
    return bytes(value)
