"""From a role session back to the person or the pipeline that began it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from driftwatch.domain.activity import Activity, Actor, ActorKind, Assumed, CallClass, RunRef
from driftwatch.domain.role_chain import LIMIT, origin

AT = datetime(2026, 11, 30, 10, tzinfo=UTC)
CARL = Actor(principal="arn:aws:iam::1:user/carl", kind=ActorKind.HUMAN, names=("arn:aws:iam::1:user/carl", "carl"), access_key="AKIACARL")


def session(role: str, key: str, kind: ActorKind = ActorKind.UNKNOWN) -> Actor:
    arn = f"arn:aws:sts::1:assumed-role/{role}/s"
    return Actor(principal=arn, kind=kind, names=(arn, f"role/{role}"), role=f"arn:aws:iam::1:role/{role}", access_key=key)


class Log:
    """The calls that began sessions."""

    def __init__(self, **began: Actor) -> None:
        self.calls = {key: self._call(key, actor) for key, actor in began.items()}

    @staticmethod
    def _call(key: str, actor: Actor) -> Activity:
        return Activity(
            id=f"began-{key}",
            time=AT,
            account="1",
            region="us-east-1",
            event_source="sts.amazonaws.com",
            event_name="AssumeRole",
            call=CallClass.SESSION,
            actor=actor,
            assumed=Assumed(access_key=key),
        )

    def __call__(self, key: str) -> Activity | None:
        return self.calls.get(key)


def test_a_person_who_assumed_a_role_is_the_actor_and_the_roles_names_stay() -> None:
    found, chain = origin(session("break-glass", "K1"), Log(K1=CARL))
    assert (found.principal, found.kind, chain) == (CARL.principal, ActorKind.HUMAN, ("began-K1",))
    assert {"carl", "role/break-glass"} <= set(found.names)


def test_a_chain_of_roles_is_followed_to_its_beginning() -> None:
    found, chain = origin(session("c", "K3"), Log(K3=session("b", "K2"), K2=session("a", "K1"), K1=CARL))
    assert (found.principal, chain) == (CARL.principal, ("began-K3", "began-K2", "began-K1"))


def test_a_pipeline_at_the_beginning_is_the_actor_with_its_run() -> None:
    run = RunRef(run_id="42")
    pipeline = Actor(
        principal="repo:acme/infra:ref:refs/heads/main",
        kind=ActorKind.PIPELINE,
        names=("repo:acme/infra:ref:refs/heads/main",),
        run_ref=run,
    )
    found, _ = origin(session("deploy", "K1"), Log(K1=pipeline))
    assert (found.principal, found.kind, found.run_ref) == (pipeline.principal, ActorKind.PIPELINE, run)


def test_a_pipelines_role_that_a_person_assumed_stays_a_pipeline_for_that_person() -> None:
    found, _ = origin(session("deploy", "K1", ActorKind.PIPELINE), Log(K1=CARL))
    assert (found.kind, found.on_behalf_of) == (ActorKind.PIPELINE, CARL.principal)


def test_a_missing_link_ends_the_way_with_what_is_known() -> None:
    middle = session("b", "K2")
    found, chain = origin(session("c", "K3"), Log(K3=middle))
    assert (found.principal, found.kind, chain) == (session("c", "K3").principal, ActorKind.UNKNOWN, ("began-K3",))
    assert "role/b" in found.names
    assert origin(session("c", "K3"), Log()) == (session("c", "K3"), ())


def test_a_loop_and_a_chain_without_end_are_left() -> None:
    assert origin(session("a", "K1"), Log(K1=session("b", "K2"), K2=session("a", "K1")))[1] == ("began-K1", "began-K2")
    endless = {f"K{n}": session(f"r{n}", f"K{n + 1}") for n in range(LIMIT + 5)}
    assert len(origin(session("x", "K0"), Log(**endless))[1]) == LIMIT


def test_an_actor_without_a_session_is_who_it_is() -> None:
    assert origin(CARL, Log()) == (CARL, ())
    assert origin(replace(CARL, access_key=None), Log(AKIACARL=CARL))[1] == ()
