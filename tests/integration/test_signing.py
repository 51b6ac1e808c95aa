"""SSH signatures with the real ssh-keygen: only an allowed signer's signature, over this message, in this namespace, holds."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from driftwatch.errors import DriftwatchError, InputError
from driftwatch.ports import Signer
from driftwatch.signing.ssh import SshSigner

NAMESPACE = "driftwatch-baseline"
MESSAGE = b"5f2c\n"


def make_key(path: Path, kind: str = "ed25519") -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", str(path)], check=True, stdin=subprocess.DEVNULL)
    return path.with_suffix(".pub").read_text().strip()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("keys")
    for name, kind in (("mia", "ed25519"), ("bob", "ecdsa"), ("eve", "ed25519")):
        make_key(folder / name, kind)
    return {name: folder / name for name in ("mia", "bob", "eve")}


def public(key: Path) -> str:
    return key.with_suffix(".pub").read_text().strip()


@pytest.fixture
def allowed(keys: dict[str, Path], tmp_path: Path) -> Path:
    path = tmp_path / "allowed_signers"
    path.write_text(f'mia@corp.example namespaces="{NAMESPACE}" {public(keys["mia"])}\nbob@corp.example {public(keys["bob"])}\n')
    return path


@pytest.fixture
def signer(allowed: Path) -> Signer:
    return SshSigner(allowed)


@pytest.mark.parametrize("name", ["mia", "bob"])
def test_an_allowed_signer_is_named(signer: Signer, keys: dict[str, Path], name: str) -> None:
    text = signer.sign(MESSAGE, keys[name], NAMESPACE)
    assert text.startswith("-----BEGIN SSH SIGNATURE-----")
    assert signer.principal_of(MESSAGE, text, NAMESPACE) == f"{name}@corp.example"


def test_a_key_that_nobody_allowed_counts_for_nothing(signer: Signer, keys: dict[str, Path]) -> None:
    assert signer.principal_of(MESSAGE, signer.sign(MESSAGE, keys["eve"], NAMESPACE), NAMESPACE) is None


@pytest.mark.parametrize("message", [b"5f2c", b"5f2d\n", b"", b"5f2c\n\n"])
def test_a_changed_message_does_not_hold(signer: Signer, keys: dict[str, Path], message: bytes) -> None:
    assert signer.principal_of(message, signer.sign(MESSAGE, keys["mia"], NAMESPACE), NAMESPACE) is None


def test_a_signature_for_another_purpose_does_not_hold(signer: Signer, keys: dict[str, Path]) -> None:
    """Neither one made in another namespace, nor one asked about in another, nor by a key that is allowed for another only."""
    other = "git"
    assert signer.principal_of(MESSAGE, signer.sign(MESSAGE, keys["bob"], other), NAMESPACE) is None
    assert signer.principal_of(MESSAGE, signer.sign(MESSAGE, keys["bob"], NAMESPACE), other) is None
    assert signer.principal_of(MESSAGE, signer.sign(MESSAGE, keys["bob"], other), other) == "bob@corp.example"
    assert signer.principal_of(MESSAGE, signer.sign(MESSAGE, keys["mia"], other), other) is None


@pytest.mark.parametrize(
    "text", ["", "no signature", "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n", "\ud800", "x" * 100_000]
)
def test_what_is_no_signature_does_not_hold(signer: Signer, text: str) -> None:
    assert signer.principal_of(MESSAGE, text, NAMESPACE) is None


def test_a_revoked_key_counts_for_nothing(allowed: Path, keys: dict[str, Path], tmp_path: Path) -> None:
    revoked = tmp_path / "revoked"
    revoked.write_text(public(keys["mia"]) + "\n")
    signer = SshSigner(allowed, revoked)
    assert signer.principal_of(MESSAGE, signer.sign(MESSAGE, keys["mia"], NAMESPACE), NAMESPACE) is None
    assert signer.principal_of(MESSAGE, signer.sign(MESSAGE, keys["bob"], NAMESPACE), NAMESPACE) == "bob@corp.example"
    revoked.unlink()
    with pytest.raises(InputError, match="a file of revoked keys"):
        signer.principal_of(MESSAGE, signer.sign(MESSAGE, keys["bob"], NAMESPACE), NAMESPACE)


def test_a_key_that_is_no_longer_valid_counts_for_nothing(allowed: Path, keys: dict[str, Path]) -> None:
    allowed.write_text(f'mia@corp.example valid-before="20200101" {public(keys["mia"])}\n')
    signer = SshSigner(allowed)
    assert signer.principal_of(MESSAGE, signer.sign(MESSAGE, keys["mia"], NAMESPACE), NAMESPACE) is None


def test_an_entry_for_everybody_names_nobody(allowed: Path, keys: dict[str, Path]) -> None:
    allowed.write_text(f"* {public(keys['eve'])}\n*@corp.example {public(keys['eve'])}\n")
    signer = SshSigner(allowed)
    assert signer.principal_of(MESSAGE, signer.sign(MESSAGE, keys["eve"], NAMESPACE), NAMESPACE) is None


def test_a_key_with_two_principals_is_the_first(allowed: Path, keys: dict[str, Path]) -> None:
    allowed.write_text(f"mia@corp.example,mia {public(keys['mia'])}\n")
    signer = SshSigner(allowed)
    assert signer.principal_of(MESSAGE, signer.sign(MESSAGE, keys["mia"], NAMESPACE), NAMESPACE) == "mia@corp.example"


def test_what_is_missing_is_said_plainly(allowed: Path, keys: dict[str, Path], tmp_path: Path) -> None:
    signer = SshSigner(allowed)
    text = signer.sign(MESSAGE, keys["mia"], NAMESPACE)
    with pytest.raises(InputError, match=r"no such key"):
        signer.sign(MESSAGE, tmp_path / "absent", NAMESPACE)
    with pytest.raises(InputError, match=r"ssh-keygen could not sign"):
        signer.sign(MESSAGE, allowed, NAMESPACE)
    with pytest.raises(InputError, match=r"a file of allowed signers"):
        SshSigner(tmp_path / "absent").principal_of(MESSAGE, text, NAMESPACE)
    with pytest.raises(DriftwatchError, match=r"was not found: signatures need OpenSSH's ssh-keygen"):
        SshSigner(allowed, program="ssh-keygen-that-is-absent").principal_of(MESSAGE, text, NAMESPACE)


def test_nothing_in_a_name_is_taken_for_an_option(allowed: Path, keys: dict[str, Path]) -> None:
    allowed.write_text(f"-Overify-time=20200101 {public(keys['mia'])}\n")
    signer = SshSigner(allowed)
    text = signer.sign(MESSAGE, keys["mia"], NAMESPACE)
    assert signer.principal_of(MESSAGE, text, NAMESPACE) in {"-Overify-time=20200101", None}
    assert signer.principal_of(b"another", text, NAMESPACE) is None
