"""Denied attempts: whoever tries what is not allowed leaves an entry in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from driftwatch.domain.baseline import Actor
from driftwatch.domain.resource import Json
from driftwatch.errors import BusyError, RefusedError
from driftwatch.operations.identify import Act
from driftwatch.operations.installation import Installation


@contextmanager
def denials(installation: Installation, action: str, object_: str, actor: Actor) -> Iterator[None]:
    """Within it, a RefusedError is recorded as `attempt_denied` before it goes on. Put the write transaction inside: it is rolled back."""
    try:
        yield
    except BusyError:  # nobody is denied anything by being told to wait
        raise
    except RefusedError as refusal:
        known = {"method": actor.method.value, "assurance": actor.assurance.value}
        _record(installation, {"action": action, "object": object_, "person": actor.person, "why": str(refusal)} | known)
        raise


@contextmanager
def unidentified(installation: Installation, act: Act, os_user: str, claimed: str | None) -> Iterator[None]:
    """Within it somebody is identified; whoever is not leaves an entry that says who they claimed to be."""
    try:
        yield
    except RefusedError as refusal:
        body = {"action": act.action, "object": act.object, "person": None, "why": str(refusal), "os_user": os_user, "claimed": claimed}
        _record(installation, body)
        raise


def _record(installation: Installation, body: Json) -> None:
    with installation.store.write() as uow:
        uow.ledger.append(installation.clock(), "attempt_denied", body)
