"""Who is asking: nobody becomes somebody else by saying so."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftwatch.domain.baseline import Assurance, Method
from driftwatch.errors import RefusedError
from driftwatch.operations import identify
from driftwatch.operations.identify import NAMESPACE, Act
from tests.world import World

ACT = Act(action="baseline_approve", object="baseline-1", content_hash="abc")


class FakeSigner:
    """Keys are files named after their owner's principal; remembers what it was asked to sign."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, str]] = []

    def sign(self, message: bytes, key: Path, namespace: str) -> str:
        self.messages.append((message, namespace))
        return f"{key.name}|{message!r}|{namespace}"

    def principal_of(self, message: bytes, signature: str, namespace: str) -> str | None:
        name, signed, space = signature.split("|")
        return name if (signed, space) == (repr(message), namespace) and name.endswith("example") else None


def test_an_os_user_is_the_person_who_owns_it_with_local_assurance() -> None:
    actor = identify.by_os_user(World().installation, "ana")
    assert (actor.person, actor.method, actor.assurance) == ("ana", Method.OS_USER, Assurance.LOCAL)
    assert identify.by_os_user(World().installation, "ana", "ana").person == "ana"


@pytest.mark.parametrize(("user", "claimed"), [("ana", "ben"), ("mallory", None), ("mallory", "ana"), ("", "ana")])
def test_an_os_user_is_nobody_else(user: str, claimed: str | None) -> None:
    with pytest.raises(RefusedError):
        identify.by_os_user(World().installation, user, claimed)


def test_on_a_shared_store_an_os_user_says_nothing() -> None:
    world = World()

    class Shared:
        local = False

    world.change(store=Shared())
    with pytest.raises(RefusedError, match="shared store"):
        identify.by_os_user(world.installation, "ana")


def test_a_signature_over_this_very_act_identifies_with_signed_assurance() -> None:
    signer = FakeSigner()
    world = World(signer=signer)
    actor = identify.by_signature(world.installation, "ben", Path("ben@corp.example"), ACT)
    assert (actor.person, actor.method, actor.assurance) == ("ben", Method.SSH, Assurance.SIGNED)
    identify.by_signature(world.installation, "ben", Path("ben@corp.example"), ACT)
    (first, space), (second, _) = signer.messages
    assert space == NAMESPACE
    assert first.startswith(b"baseline_approve\nbaseline-1\nabc\n")
    assert first != second, "a signature is good for one act only"


@pytest.mark.parametrize("key", ["cleo@corp.example", "stranger@evil.example", "unknown-key"])
def test_the_key_of_somebody_else_is_refused(key: str) -> None:
    with pytest.raises(RefusedError):
        identify.by_signature(World(signer=FakeSigner()).installation, "ben", Path(key), ACT)


def test_without_allowed_signers_no_signature_counts() -> None:
    with pytest.raises(RefusedError, match="allowed_signers"):
        identify.by_signature(World().installation, "ben", Path("ben@corp.example"), ACT)
