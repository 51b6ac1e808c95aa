"""An emulated AWS account for commands that run in this process."""

from __future__ import annotations

import logging
import os
import urllib.request
from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    yield url
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST")).close()
    server.stop()


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
