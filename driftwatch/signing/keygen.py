"""Running ssh-keygen, and what it answers."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Final

from driftwatch.errors import DriftwatchError

CHECK_TIMEOUT_S: Final = 10.0
SIGNATURE: Final = "-----BEGIN SSH SIGNATURE-----"


def run(
    program: str, arguments: Sequence[str], message: bytes = b"", timeout_s: float = CHECK_TIMEOUT_S
) -> subprocess.CompletedProcess[bytes]:
    """Runs it with `message` as its standard input. Raises DriftwatchError when it is missing, cannot be run, or hangs."""
    try:
        return subprocess.run(  # noqa: S603 - a list of arguments, no shell
            [program, *arguments], input=message, capture_output=True, timeout=timeout_s, check=False
        )
    except FileNotFoundError as error:
        raise DriftwatchError(f"{program} was not found: signatures need OpenSSH's ssh-keygen (8.2 or later) on the PATH") from error
    except subprocess.TimeoutExpired as error:
        raise DriftwatchError(f"{program} gave no answer within {timeout_s:g} s") from error
    except OSError as error:
        raise DriftwatchError(f"{program} cannot be run: {error.strerror}") from error


def last_line(output: bytes) -> str:
    """The last thing that it said, fit to be shown."""
    lines = [line for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    last = lines[-1] if lines else "it gave no reason"
    return last if last.isprintable() else ascii(last)
