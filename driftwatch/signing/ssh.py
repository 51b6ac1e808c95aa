"""Signatures by ``ssh-keygen -Y``, in a namespace, against a file of allowed signers (ssh-keygen(1), ALLOWED SIGNERS)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from driftwatch.errors import InputError, Place
from driftwatch.signing.keygen import CHECK_TIMEOUT_S, SIGNATURE, last_line, run

SIGN_TIMEOUT_S: Final = 120.0
"""A person may have to type a passphrase or touch a key."""
_WILD: Final = frozenset("*?!")


class SshSigner:
    """The `Signer` of the ports. `revoked` names a key revocation list or a file of public keys that no longer count."""

    def __init__(self, allowed_signers: Path, revoked: Path | None = None, *, program: str = "ssh-keygen") -> None:
        self._allowed_signers = allowed_signers
        self._revoked = revoked
        self._program = program

    def sign(self, message: bytes, key: Path, namespace: str) -> str:
        """The armoured signature over `message` with the private key in `key` (or a public key whose private half the agent holds).

        Raises InputError when the key cannot be used, DriftwatchError when ssh-keygen is missing or hangs.
        """
        if not key.is_file():
            raise InputError("no such key", expected="the file of a private SSH key", place=Place(str(key)))
        done = run(self._program, ["-Y", "sign", "-f", str(key), "-n", namespace], message, SIGN_TIMEOUT_S)
        signature = done.stdout.decode("ascii", "replace")
        if done.returncode or not signature.startswith(SIGNATURE):
            raise InputError(f"ssh-keygen could not sign: {last_line(done.stderr)}", expected="a usable SSH key", place=Place(str(key)))
        return signature

    def principal_of(self, message: bytes, signature: str, namespace: str) -> str | None:
        """Which allowed signer made this signature over exactly this message in this namespace; None when none did.

        Raises InputError when the file of allowed signers is missing, DriftwatchError when ssh-keygen is missing or hangs.
        """
        if not self._allowed_signers.is_file():
            raise InputError("no such file", expected="a file of allowed signers", place=Place(str(self._allowed_signers)))
        with tempfile.NamedTemporaryFile(suffix=".sig") as file:
            file.write(signature.encode("utf-8", "replace"))
            file.flush()
            return next((name for name in self._candidates(file.name) if self._holds(message, file.name, name, namespace)), None)

    def _candidates(self, signature: str) -> list[str]:
        """The principals whose key made the signature; an entry for everybody (``*``) names nobody and counts for none."""
        done = run(self._program, ["-Y", "find-principals", "-s", signature, "-f", str(self._allowed_signers)], b"", CHECK_TIMEOUT_S)
        if done.returncode:
            return []
        names = [name.strip() for line in done.stdout.decode("utf-8", "replace").splitlines() for name in line.split(",")]
        return [name for name in dict.fromkeys(names) if name and not _WILD & set(name)]

    def _holds(self, message: bytes, signature: str, principal: str, namespace: str) -> bool:
        command = ["-Y", "verify", "-f", str(self._allowed_signers), "-I", principal, "-n", namespace, "-s", signature]
        if self._revoked is not None:
            if not self._revoked.is_file():
                raise InputError("no such file", expected="a file of revoked keys", place=Place(str(self._revoked)))
            command += ["-r", str(self._revoked)]
        return run(self._program, command, message, CHECK_TIMEOUT_S).returncode == 0
