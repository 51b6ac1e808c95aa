"""What every command shares: which configuration, which installation, and who is asking."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from driftwatch import wiring
from driftwatch.domain.baseline import Actor
from driftwatch.errors import InputError
from driftwatch.operations import identify
from driftwatch.operations.denials import unidentified
from driftwatch.operations.identify import Act
from driftwatch.wiring import Wired

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="DRIFTWATCH_CONFIG", help="The configuration file (default: driftwatch.yaml here)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of tables.")]
AsOption = Annotated[str | None, typer.Option("--as", help="Who is asking; has to be you, or be shown by --key.")]
KeyOption = Annotated[Path | None, typer.Option("--key", help="An SSH key of that person: driftwatch signs this act with it.")]


@dataclass(frozen=True, slots=True)
class Asking:
    """How the caller wants to be identified."""

    claimed: str | None = None
    key: Path | None = None


@contextmanager
def wired(config: Path | None) -> Iterator[Wired]:
    """The installation that the configuration describes; closed at the end."""
    made = wiring.load(config)
    try:
        yield made
    finally:
        made.close()


def actor(made: Wired, asking: Asking, act: Act) -> Actor:
    """The identified person behind this command; whoever is not identified leaves an entry in the ledger."""
    if asking.key and not asking.claimed:
        raise InputError("--key was given without --as", expected="whose key it is")
    with unidentified(made.installation, act, os_user(), asking.claimed):
        if asking.claimed and asking.key:
            return identify.by_signature(made.installation, asking.claimed, asking.key, act)
        return identify.by_os_user(made.installation, os_user(), asking.claimed)


def os_user() -> str:
    """The OS user; under sudo the one who called it."""
    uid = int(os.environ.get("SUDO_UID") or os.getuid()) if os.getuid() == 0 else os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}"
