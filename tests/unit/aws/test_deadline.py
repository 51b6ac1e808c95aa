"""The deadline and the size cap hold whatever the other side does. These tests fail when botocore's internals move."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.config import Config

from driftwatch.aws import deadline
from driftwatch.aws.deadline import Watchdog

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\nx-amzn-requestid: r\r\n\r\n" + b'{"logGroups": []}'


@contextmanager
def server(talk: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Reads a request and then lets `talk` answer, one connection after the other. With `context` it speaks TLS."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()
    open_now: list[socket.socket] = []

    def serve() -> None:
        while not over.is_set():
            with suppress(OSError), listener.accept()[0] as plain:
                open_now[:] = [plain.dup()]
                connection = context.wrap_socket(plain, server_side=True) if context else plain
                connection.settimeout(5)
                talk(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http{'s' if context else ''}://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        for open_one in (listener, *open_now):
            with suppress(OSError):
                open_one.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(6)


def drip(connection: socket.socket) -> None:
    connection.recv(65536)
    for byte in REPLY:
        connection.sendall(bytes([byte]))
        time.sleep(0.2)


def silent(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def prompt(connection: socket.socket) -> None:
    while connection.recv(65536):
        connection.sendall(REPLY)


@pytest.fixture
def make_client(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")

    def make(url: str) -> Any:
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=5)
        client = botocore.session.Session().create_client("logs", region_name="eu-west-1", endpoint_url=url, config=config)
        deadline.install(client)
        return client

    return make


def took(watchdog: Watchdog, client: Any, seconds: float, max_bytes: int = 10**6) -> tuple[float, deadline.WatchedCall, Exception | None]:
    begun = time.monotonic()
    problem: Exception | None = None
    with watchdog.watch(seconds, max_bytes) as call:
        try:
            client.describe_log_groups()
        except Exception as error:  # noqa: BLE001 - which one is botocore's affair
            problem = error
    return time.monotonic() - begun, call, problem


@pytest.mark.parametrize("talk", [drip, silent], ids=["drip", "silent"])
def test_a_slow_drip_from_the_first_byte_on_ends_at_the_deadline(make_client: Callable[[str], Any], talk: Any) -> None:
    with closing(Watchdog()) as watchdog, server(talk) as url:
        seconds, call, problem = took(watchdog, make_client(url), 0.6)
        assert 0.5 < seconds < 1.5
        assert call.expired
        assert problem is not None


def test_a_call_in_time_is_left_alone_and_its_connection_is_used_again(make_client: Callable[[str], Any]) -> None:
    with closing(Watchdog()) as watchdog, server(prompt) as url:
        client = make_client(url)
        for _ in range(3):
            _, call, problem = took(watchdog, client, 5)
            assert (call.expired, call.oversize, problem) == (False, False, None)
        time.sleep(0.1)
        _, call, problem = took(watchdog, client, 0.3)
        time.sleep(0.4)  # past the deadline of a call that is over: its connection is not touched
        assert took(watchdog, client, 5)[2] is None
        assert not call.expired


def test_a_reply_beyond_the_cap_is_not_read_to_its_end(make_client: Callable[[str], Any]) -> None:
    def endless(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nx-amzn-requestid: r\r\n\r\n")
        for _ in range(300):  # 20 MB
            connection.sendall(b"x" * 65536)

    with closing(Watchdog()) as watchdog, server(endless) as url:
        seconds, call, problem = took(watchdog, make_client(url), 20, max_bytes=1_000_000)
        assert call.oversize
        assert problem is not None
        assert "exceeds 1000000 bytes" in str(problem)
        assert seconds < 5


def test_many_calls_each_have_their_own_deadline(make_client: Callable[[str], Any]) -> None:
    with closing(Watchdog()) as watchdog, server(silent) as slow, server(prompt) as fast:
        ended: dict[str, float] = {}
        slow_client, fast_client = make_client(slow), make_client(fast)
        thread = threading.Thread(target=lambda: ended.update(slow=took(watchdog, slow_client, 0.8)[0]))
        thread.start()
        seconds, call, problem = took(watchdog, fast_client, 0.4)
        thread.join()
        assert (call.expired, problem) == (False, None)
        assert seconds < 0.4
        assert 0.7 < ended["slow"] < 1.6


def test_closing_the_watchdog_ends_calls_on_their_way(make_client: Callable[[str], Any]) -> None:
    watchdog = Watchdog()
    with server(silent) as url:
        client = make_client(url)
        threading.Timer(0.3, watchdog.close).start()
        seconds, call, _ = took(watchdog, client, 20)
        assert call.expired
        assert seconds < 2


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    bundle = tmp_path / "server.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    bundle.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle)
    return context


def test_the_deadline_holds_through_tls(make_client: Callable[[str], Any], tls: ssl.SSLContext) -> None:
    with closing(Watchdog()) as watchdog, server(prompt, tls) as url:
        assert took(watchdog, make_client(url), 5)[2] is None
    with closing(Watchdog()) as watchdog, server(drip, tls) as url:
        seconds, call, _ = took(watchdog, make_client(url), 0.6)
        assert call.expired
        assert seconds < 1.5


@pytest.mark.usefixtures("tls")
def test_the_deadline_holds_during_the_tls_handshake(make_client: Callable[[str], Any]) -> None:
    """A server that takes the connection and never says a word of TLS."""
    with closing(Watchdog()) as watchdog, server(silent) as url:
        seconds, call, _ = took(watchdog, make_client(url.replace("http:", "https:")), 0.6)
        assert call.expired
        assert seconds < 1.5
