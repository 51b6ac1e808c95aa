"""The ledger's own key: it signs checkpoints in ``ssh-keygen -Y`` form, in a namespace that nothing else is signed in."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from driftwatch.domain.ledger import Checkpoint
from driftwatch.errors import InputError, Place
from driftwatch.signing.keygen import CHECK_TIMEOUT_S, SIGNATURE, last_line, run

NAMESPACE: Final = "driftwatch-ledger"
KEY_FILE: Final = "ledger_ed25519"
_PUBLIC: Final = re.compile(r"ssh-ed25519 [A-Za-z0-9+/]{60,100}={0,2}")
_PRINCIPAL: Final = "ledger"
_OTHERS: Final = 0o077


class SshCheckpoints:
    """Implements `ports.CheckpointSigner` with the private key in `file`; `trusted` names further public keys, one a line.

    With `makes`, a key that is not there yet can be made, with its public half beside it.
    """

    def __init__(self, file: Path, *, makes: bool, trusted: Path | None = None, program: str = "ssh-keygen") -> None:
        self._file = file
        self._makes = makes
        self._trusted = trusted
        self._program = program

    def key(self, *, first: bool) -> str:
        """The public key as ``ssh-ed25519 AAAA...``; a missing one is made where that is the ledger's `first`.

        Raises InputError for a key that is missing, that others may read, that is no Ed25519 key or has a passphrase.
        """
        place = Place(str(self._file))
        if not self._file.exists():
            if not (self._makes and first):
                remedy = "the file that signed the former checkpoints; or another key (ssh-keygen -t ed25519), the former one's public half"
                raise InputError("the ledger's signing key is missing", expected=f"{remedy} in `ledger.trusted_keys`", place=place)
            self._make()
        if (mode := self._file.stat().st_mode) & _OTHERS:
            raise InputError(f"the signing key has mode {mode & 0o777:04o}, so that others can read it", expected="mode 0600", place=place)
        done = run(self._program, ["-y", "-P", "", "-f", str(self._file)])
        public = _public(done.stdout.decode("ascii", "replace"))
        if done.returncode or public is None:
            why = last_line(done.stderr) if done.returncode else "it is of another kind"
            raise InputError(f"the signing key cannot be used: {why}", expected="an Ed25519 key without passphrase", place=place)
        return public

    def sign(self, body: bytes) -> str:
        """The armoured signature. Raises InputError when the key cannot be used."""
        done = run(self._program, ["-Y", "sign", "-f", str(self._file), "-n", NAMESPACE], body)
        signature = done.stdout.decode("ascii", "replace")
        if done.returncode or not signature.startswith(SIGNATURE):
            place = Place(str(self._file))
            raise InputError(f"ssh-keygen could not sign: {last_line(done.stderr)}", expected="a usable Ed25519 key", place=place)
        return signature

    @contextmanager
    def checker(self) -> Iterator[Callable[[Checkpoint], str | None]]:
        """Says why the signature of a checkpoint does not hold; None when it does. Threads may share it."""
        known = self._known()
        with tempfile.TemporaryDirectory(prefix="driftwatch-ledger-") as folder:

            def check(checkpoint: Checkpoint) -> str | None:
                if checkpoint.key not in known:
                    return f"it is signed with {checkpoint.key}, which is neither the ledger's key nor one of `ledger.trusted_keys`"
                return None if self._holds(checkpoint, Path(folder)) else "the signature is not of this checkpoint by this key"

            yield check

    def _holds(self, checkpoint: Checkpoint, folder: Path) -> bool:
        """Only the very key that the checkpoint names is allowed: another trusted one is no excuse."""
        with (
            tempfile.NamedTemporaryFile("w", dir=folder, suffix=".signer") as signer,
            tempfile.NamedTemporaryFile("wb", dir=folder, suffix=".sig") as signature,
        ):
            signer.write(f'{_PRINCIPAL} namespaces="{NAMESPACE}" {checkpoint.key}\n')
            signature.write(checkpoint.signature.encode("utf-8", "replace"))
            signer.flush()
            signature.flush()
            command = ["-Y", "verify", "-f", signer.name, "-I", _PRINCIPAL, "-n", NAMESPACE, "-s", signature.name]
            return run(self._program, command, checkpoint.body, CHECK_TIMEOUT_S).returncode == 0

    def _known(self) -> frozenset[str]:
        """The keys whose signatures count."""
        if self._trusted is None:
            return self._own()
        if not self._trusted.is_file():
            raise InputError("no such file", expected="a file of public Ed25519 keys, one a line", place=Place(str(self._trusted)))
        return self._own() | frozenset(_publics(self._trusted))

    def _own(self) -> frozenset[str]:
        """The ledger's public key: from the private one, else (where only a copy is checked) from the file beside it."""
        if self._file.exists():
            return frozenset({self.key(first=False)})
        return frozenset(_publics(self._beside())) if self._beside().exists() else frozenset()

    def _make(self) -> None:
        """Makes the key as a whole: two processes that start together end up with one and the same."""
        folder = self._file.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".driftwatch-", dir=folder) as draft:
            made = Path(draft) / KEY_FILE
            done = run(self._program, ["-q", "-t", "ed25519", "-N", "", "-C", NAMESPACE, "-f", str(made)])
            if done.returncode or not made.is_file():
                raise InputError(f"ssh-keygen could not make a key: {last_line(done.stderr)}", place=Place(str(self._file)))
            with made.open("rb") as file:
                os.fsync(file.fileno())
            try:
                os.link(made, self._file)
            except FileExistsError:
                return
            made.with_suffix(".pub").replace(self._beside())

    def _beside(self) -> Path:
        return self._file.with_name(f"{self._file.name}.pub")


def _public(line: str) -> str | None:
    """Kind and key of a line of a public key, without its comment; None for any other line."""
    text = " ".join(line.split()[:2])
    return text if _PUBLIC.fullmatch(text) else None


def _publics(path: Path) -> Iterator[str]:
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        public = _public(line)
        if public is None:
            raise InputError("no public key", expected="ssh-ed25519 and the key, one a line", place=Place(str(path), number))
        yield public
