"""Deciding on drifts against many change records: the time per drift must hardly grow with the records, since an index finds the few."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final

from driftwatch.documents.policies import preset
from driftwatch.domain.activity import ActorEvent, ActorKind
from driftwatch.domain.authorization.decide import CandidateIndex, decide
from driftwatch.domain.authorization.glob import glob_matches
from driftwatch.domain.change import Approval, ApprovalDecision, ChangeRecord, Target, Window
from driftwatch.domain.decision import Verdict
from driftwatch.domain.drift import Difference, Drift, DriftKind, Interval, Op
from tests.benchmarks.world import Bench, Line, Table, at_most

GOAL = 3.0
GLOB_GOAL = 1.5
"""A pattern ten times as long may take this much more than ten times the time: noise, not growth."""
ROUNDS = 3
DRIFTS = 10_000
ACCOUNT_WIDE = 5
ACCOUNTS: Final = [f"{number:012d}" for number in range(111111111111, 111111111121)]
TYPE = "AWS::EC2::SecurityGroup"
PATH = "/IngressRules/sgr-01/CidrIpv4"
NOON: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)


def arn(number: int) -> str:
    return f"arn:aws:ec2:eu-west-1:{ACCOUNTS[number % len(ACCOUNTS)]}:security-group/sg-{number:08x}"


def scope(number: int) -> Target:
    """How the record of a resource names it: of twenty records fourteen by exact id, three by a narrow glob, three by a tag."""
    kind = number % 20
    if kind < 14:
        return Target(ids=(arn(number),), attribute_paths=("/IngressRules",))
    if kind < 17:
        return Target(ids=(f"{arn(number)[:-1]}?",), attribute_paths=("/IngressRules",))
    return Target(tags={"service": (f"service-{number}",)}, accounts=(ACCOUNTS[number % len(ACCOUNTS)],))


def record(number: int, named: Target) -> ChangeRecord:
    approved = Approval(who="mia", decision=ApprovalDecision.APPROVED, at=NOON - timedelta(days=1))
    return ChangeRecord(
        id=f"CHG-{number:06d}",
        source="tickets",
        requester="alice",
        implementers=("bob",),
        approvals=(approved,),
        windows=(Window(start=NOON - timedelta(hours=number % 48 + 1), end=NOON + timedelta(hours=2)),),
        scope=(named,),
        created_at=NOON - timedelta(days=2),
    )


def drift(number: int) -> Drift:
    return Drift(
        id=f"D-{number}",
        account=ACCOUNTS[number % len(ACCOUNTS)],
        region="eu-west-1",
        resource_type=TYPE,
        resource_id=arn(number),
        resource=f"sg-{number:08x}",
        kind=DriftKind.UPDATED,
        tags_before={"service": f"service-{number}", "env": "prod"},
        changes=(Difference(path=PATH, op=Op.REPLACE, before="10.0.0.0/16", after="10.1.0.0/16"),),
        interval=Interval(last_good=NOON - timedelta(hours=1), detected=NOON),
    )


def decided(records: int, resources: int) -> dict[str, Any]:
    """Judges drifts that are spread evenly over the resources, the index made before; the records name the resources from the first on,
    and a few name a whole account."""
    policy = preset("startup")
    wide = [record(records + number, Target(accounts=(ACCOUNTS[number],))) for number in range(ACCOUNT_WIDE)]
    started = time.perf_counter()
    index = CandidateIndex([*(record(number, scope(number % resources)) for number in range(records)), *wide], policy)
    built = time.perf_counter() - started
    chosen = random.Random(resources)
    drifts = [drift(chosen.randrange(resources)) for _ in range(DRIFTS)]
    events = [ActorEvent(id="ev", time=NOON - timedelta(minutes=30), event_name="x", actor="bob", actor_kind=ActorKind.HUMAN)]
    started = time.perf_counter()
    covered = candidates = 0
    for item in drifts:
        decision = decide(item, events=events, records=index, sources=[], policy=policy, now=NOON)
        covered += decision.verdict is Verdict.AUTHORIZED
        candidates += len(decision.paths[0].considered)
    return {"seconds": time.perf_counter() - started, "built": built, "covered": covered, "candidates": candidates / DRIFTS}


def matched(length: int) -> dict[str, Any]:
    """Matches patterns of many wildcards, of about so many characters, that fit nearly to their end."""
    text = "1" * 10_000
    patterns = [unit * (length // len(unit)) + "2*" for unit in ("1*", "*?1", "?*1", "*1")]
    started = time.perf_counter()
    hits = sum(glob_matches(pattern, text) for pattern in patterns)
    return {"seconds": time.perf_counter() - started, "hits": hits}


def run(bench: Bench) -> Table:
    sizes = [1_000, 10_000] if bench.quick else [1_000, 10_000, 100_000]
    rounds = 1 if bench.quick else ROUNDS
    estates: dict[str, list[dict[int, Mapping[str, Any]]]] = {"own": [], "same": []}
    for _ in range(rounds):
        estates["own"].append({size: bench.fresh("decide", "decided", records=size, resources=size) for size in sizes})
    estates["same"].append({size: bench.fresh("decide", "decided", records=size, resources=sizes[-1]) for size in sizes})
    return Table(
        title=f"decide: {DRIFTS:,} drifts against many change records (exact ids, narrow globs, tags, {ACCOUNT_WIDE} account-wide)",
        lines=[
            *_lines("as many resources as records", estates["own"], goal=True),
            *_lines(f"{sizes[-1]:,} resources", estates["same"]),
            _globs(bench),
        ],
        notes=["every measurement in a fresh process; making the index is measured apart, since a scan makes it once"],
    )


def _lines(what: str, found: list[dict[int, Mapping[str, Any]]], *, goal: bool = False) -> list[Line]:
    """The seconds at each size; with `goal` the largest is bounded against the smallest."""
    smallest, *others = found[0]
    largest = max(found[0])
    lines = []
    for size in (smallest, *others):
        seconds = median(each[size]["seconds"] for each in found)
        ratio = median(each[size]["seconds"] / each[smallest]["seconds"] for each in found) if size != smallest else None
        near, built = found[0][size]["candidates"], median(each[size]["built"] for each in found)
        bound = at_most(GOAL, ratio) if goal and ratio and size == largest else {}
        name = f"{size:,} records, {what}: {near:.2f} candidates a drift, index in {built:.2f} s"
        lines.append(Line(what=name, measured=f"{seconds:.2f} s", ratio=ratio, against=f"{smallest:,} records" if ratio else "", **bound))
    return lines


def _globs(bench: Bench) -> Line:
    short, long = (median(bench.fresh("decide", "matched", length=length)["seconds"] for _ in range(ROUNDS)) for length in (1_000, 10_000))
    return Line(
        what="patterns of 10,000 characters full of wildcards, against 1,000",
        measured=f"{long * 1000:.1f} ms",
        ratio=long / short / 10,
        against="ten times",
        **at_most(GLOB_GOAL, long / short / 10),
    )
