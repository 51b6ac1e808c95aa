"""Small values for the store's tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from driftwatch.domain.activity import Activity, Actor, CallClass, Touched
from driftwatch.domain.baseline import BaselineCell, BaselineEntry, BaselineState, BaselineVersion
from driftwatch.domain.canonical import encode, sha256_hex
from driftwatch.domain.decision import Decision, Verdict
from driftwatch.domain.drift import Difference, Drift, DriftKind, Interval, Op
from driftwatch.domain.finding import Finding, FindingState
from driftwatch.domain.ledger import Checkpoint, checkpoint_body
from driftwatch.domain.resource import Cell, Json, Resource, Scope
from driftwatch.domain.snapshot import Stored, cell_digest
from driftwatch.ports import UnitOfWork

T0 = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
ODD = "a\x00b\x01\ud800\ue000\uffff\U0001f600'\"%\\"
"""What PostgreSQL and UTF-8 refuse, what our own escapes are made of, and what a careless statement breaks at."""


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def cell(type_: str = "AWS::S3::Bucket", account: str = "111111111111", region: str = "eu-central-1") -> Cell:
    return Cell(scope=Scope(account=account, region=region), type=type_)


def document(value: Json) -> dict[str, Json]:
    return {"config": {"Value": value}, "tags": {"owner": "ana"}}


def fingerprint(value: Json) -> str:
    return sha256_hex(encode(document(value)))


def resource(where: Cell, id_: str, value: Json = 0) -> Resource:
    return Resource(
        cell=where,
        id=id_,
        arn=f"arn:{id_}",
        label=f"label {id_}",
        tags={"owner": "ana"},
        config={"Value": value},
        fingerprint=fingerprint(value),
    )


def put(work: UnitOfWork, where: Cell, values: Mapping[str, Json], now: datetime = T0, known_at: datetime | None = None) -> list[int]:
    resources = [resource(where, id_, value) for id_, value in values.items()]
    return list(work.observations.put(where, resources, known_at=known_at, now=now).rows)


def prints(stored: Iterable[Stored | BaselineEntry]) -> dict[str, str]:
    return {item.id: item.fingerprint for item in stored}


def entries(values: Mapping[str, Json]) -> list[BaselineEntry]:
    return [BaselineEntry(id=id_, arn=f"arn:{id_}", label=None, fingerprint=fingerprint(values[id_])) for id_ in sorted(values)]


def part(where: Cell, values: Mapping[str, Json], shape: str = "shape") -> BaselineCell:
    digest = cell_digest((entry.id, entry.fingerprint) for entry in entries(values))
    return BaselineCell(cell=where, shape=shape, file_hash=sha256_hex(encode(dict(values))), digest=digest, count=len(values))


def version(
    id_: str,
    cells: Mapping[Cell, Mapping[str, Json]],
    *,
    name: str = "main",
    parent: str | None = None,
    removed: tuple[Cell, ...] = (),
) -> BaselineVersion:
    return BaselineVersion(
        id=id_,
        name=name,
        state=BaselineState.PROPOSED,
        author="ana",
        created_at=T0,
        content_hash=sha256_hex(id_.encode("utf-8", "surrogatepass")),
        parent=parent,
        cells=tuple(part(where, values) for where, values in sorted(cells.items())),
        removed=removed,
    )


def add(work: UnitOfWork, new: BaselineVersion, cells: Mapping[Cell, Mapping[str, Json]], *, activate: bool = True) -> None:
    """A version with its contents, active at once unless told otherwise."""
    work.baselines.add(new)
    for where, values in cells.items():
        work.baselines.put_cell(new.id, part(where, values), entries(values))
    if activate:
        work.baselines.activate(new.id)


def drift(id_: str = "drift-1") -> Drift:
    return Drift(
        id=id_,
        account="111111111111",
        region="eu-central-1",
        resource_type="AWS::S3::Bucket",
        resource_id="arn:aws:s3:::b",
        kind=DriftKind.UPDATED,
        tags_before={"owner": "ana"},
        changes=(Difference(path="/A/b~1c", op=Op.REPLACE, before=[1, ODD], after={"x": None, "n": 2**70}),),
        interval=Interval(last_good=None, detected=T0),
    )


def finding(id_: str = "f1", where: Cell | None = None, **changes: object) -> Finding:
    values: dict[str, object] = {
        "id": id_,
        "baseline": "main",
        "cell": where or cell(),
        "resource_id": "arn:aws:s3:::b",
        "resource": "b",
        "state": FindingState.OPEN,
        "drift": drift(),
        "drift_version": drift().version,
        "before_fingerprint": fingerprint(1),
        "after_fingerprint": None,
        "verdict_initial": None,
        "verdict_current": Verdict.UNAUTHORIZED,
        "settled": False,
        "policy_version": "p1",
        "first_seen": T0,
        "last_seen": T0,
    }
    return Finding(**values | changes)  # type: ignore[arg-type]


def decision(drift_id: str = "drift-1", verdict: Verdict = Verdict.UNAUTHORIZED) -> Decision:
    return Decision(
        drift_id=drift_id,
        verdict=verdict,
        paths=(),
        suppressed_paths=(ODD,),
        policy_version="p1",
        inputs_hash="0" * 64,
        decided_at=T0,
    )


def checkpoint(number: int = 1, seq: int = 0, head: str = "a" * 64, previous: str = "0" * 64, **changes: object) -> Checkpoint:
    values: dict[str, object] = {
        "number": number,
        "seq": seq,
        "head": head,
        "time": at(number),
        "previous": previous,
        "body": checkpoint_body(seq, head, at(number), previous),
        "signature": ODD,
        "key": ODD,
    }
    return Checkpoint(**values | changes)  # type: ignore[arg-type]


def touched(*ids: str, type_: str = "AWS::S3::Bucket") -> Touched:
    return Touched(type=type_, ids=ids)


def activity(id_: str = "e1", **changes: object) -> Activity:
    """A change of the bucket `b` by ana."""
    values: dict[str, object] = {
        "id": id_,
        "time": T0,
        "account": "111111111111",
        "region": "eu-central-1",
        "event_source": "s3.amazonaws.com",
        "event_name": "PutBucketTagging",
        "call": CallClass.CONFIG,
        "actor": Actor(principal="ana", names=("ana", "arn:aws:iam::111111111111:user/ana")),
        "resources": (touched("b", "arn:aws:s3:::b"),),
    }
    return Activity(**values | changes)  # type: ignore[arg-type]
