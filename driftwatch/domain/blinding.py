"""Blinding: the calls that turn off what driftwatch, or whoever else watches the account, sees by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from driftwatch.domain.activity import Activity
from driftwatch.domain.drift import Blinds, Drift
from driftwatch.domain.resource import GLOBAL, Cell

_ALWAYS: Final = {
    ("cloudtrail.amazonaws.com", "StopLogging"): Blinds.TRAIL,
    ("cloudtrail.amazonaws.com", "DeleteTrail"): Blinds.TRAIL,
    ("cloudtrail.amazonaws.com", "UpdateTrail"): Blinds.TRAIL,
    ("cloudtrail.amazonaws.com", "PutEventSelectors"): Blinds.TRAIL,
    ("config.amazonaws.com", "StopConfigurationRecorder"): Blinds.RECORDER,
    ("config.amazonaws.com", "DeleteConfigurationRecorder"): Blinds.RECORDER,
    ("guardduty.amazonaws.com", "DeleteDetector"): Blinds.DETECTOR,
}
"""Whatever trail, recorder or detector it is."""

_OURS: Final = {
    ("s3.amazonaws.com", "DeleteBucket"): Blinds.BUCKET,
    ("s3.amazonaws.com", "DeleteBucketPolicy"): Blinds.BUCKET,
    ("s3.amazonaws.com", "PutBucketPolicy"): Blinds.BUCKET,
    ("s3.amazonaws.com", "PutBucketNotification"): Blinds.BUCKET,
    ("s3.amazonaws.com", "PutBucketNotificationConfiguration"): Blinds.BUCKET,
    ("sqs.amazonaws.com", "DeleteQueue"): Blinds.QUEUE,
    ("sqs.amazonaws.com", "PurgeQueue"): Blinds.QUEUE,
    ("sqs.amazonaws.com", "SetQueueAttributes"): Blinds.QUEUE,
    ("events.amazonaws.com", "DeleteRule"): Blinds.RULE,
    ("events.amazonaws.com", "DisableRule"): Blinds.RULE,
    ("events.amazonaws.com", "RemoveTargets"): Blinds.RULE,
    ("events.amazonaws.com", "PutRule"): Blinds.RULE,
}
"""Only what the configured sources read from."""

_TYPES: Final = {
    Blinds.TRAIL: "AWS::CloudTrail::Trail",
    Blinds.BUCKET: "AWS::S3::Bucket",
    Blinds.QUEUE: "AWS::SQS::Queue",
    Blinds.RULE: "AWS::Events::Rule",
    Blinds.RECORDER: "AWS::Config::ConfigurationRecorder",
    Blinds.DETECTOR: "AWS::GuardDuty::Detector",
    Blinds.LOG: "AWS::CloudTrail::Trail",
}

BLINDING_TYPES: Final = frozenset(_TYPES.values())
"""The resource types of findings about what was turned off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blinding:
    """What a call turned off: the type of the resource, and the names by which the call knows it."""

    what: Blinds
    type: str
    names: tuple[str, ...]


def blinding(activity: Activity, sources: Collection[str]) -> Blinding | None:
    """What a successful call turns off; None for any other. `sources` are the names (buckets, queues, rules) that driftwatch reads from."""
    if not activity.is_config_change:
        return None
    key = (activity.event_source, activity.event_name)
    names = tuple(name for touched in activity.resources for name in touched.ids)
    what = _ALWAYS.get(key)
    if what is None and (ours := _OURS.get(key)) and _is_ours(names, sources):
        what = ours
    if what is None:
        return None
    own = tuple(name for touched in activity.resources if touched.type == _TYPES[what] for name in touched.ids)
    return Blinding(what=what, type=_TYPES[what], names=own or names)


def _is_ours(names: Iterable[str], sources: Collection[str]) -> bool:
    return any(name in sources or name.rpartition(":")[2] in sources or name.rpartition("/")[2] in sources for name in names)


def blind_cells(cells: Iterable[Cell], drifts: Iterable[Drift]) -> dict[Cell, Blinds]:
    """The cells that live findings about what was turned off make blind to changes between two scans."""
    by_scope = _blind_scopes(drifts)
    if not by_scope:
        return {}
    found = ((cell, by_scope.get((cell.account, GLOBAL)) or by_scope.get((cell.account, cell.region))) for cell in cells)
    return {cell: what for cell, what in found if what}


def number_of_blind_cells(cells: Mapping[tuple[str, str], int], drifts: Iterable[Drift]) -> int:
    """How many `blind_cells` there are, where only the number of cells of each account and region is known."""
    by_scope = _blind_scopes(drifts)
    return sum(
        number for (account, region), number in cells.items() if not by_scope.keys().isdisjoint([(account, GLOBAL), (account, region)])
    )


def _blind_scopes(drifts: Iterable[Drift]) -> dict[tuple[str, str], Blinds]:
    """A recorder and a detector see their own region, all else the whole account: a trail is rarely of one region, and too wide a warning
    is the safer one."""
    by_scope: dict[tuple[str, str], Blinds] = {}
    for drift in drifts:
        if drift.blinds is not None:
            one_region = drift.blinds in (Blinds.RECORDER, Blinds.DETECTOR)
            by_scope.setdefault((drift.account, drift.region if one_region else GLOBAL), drift.blinds)
    return by_scope
