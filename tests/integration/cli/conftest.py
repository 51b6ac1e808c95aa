"""An emulated AWS account for commands that run in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.moto_server import moto_server


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(autouse=True)
def _aws(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS programs of this process reach the emulation, or nothing at all."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "DRIFTWATCH_"))]:
        monkeypatch.delenv(name)
    url = request.getfixturevalue("moto") if "moto" in request.fixturenames else "http://127.0.0.1:9"
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
