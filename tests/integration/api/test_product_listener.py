"""The product listener over real sockets: its address, smuggling, unknown verbs, dawdlers, TLS."""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from driftwatch.api import strict_http
from driftwatch.api.server import CONNECTIONS, HEADERS_AT_MOST, ProductListener
from driftwatch.config.sections import Product
from driftwatch.errors import DriftwatchError, InputError
from tests.unit.api.caller import Stage
from tests.world import World


@pytest.fixture
def stage() -> Stage:
    return Stage(World())


Open = Callable[..., ProductListener]


@pytest.fixture
def opened(stage: Stage) -> Iterator[Open]:
    running: list[ProductListener] = []

    def open_(**settings: Any) -> ProductListener:
        product = Product(**{"listen": f"127.0.0.1:{free_port()}", "access": stage.config.product.access} | settings)
        stage.config = stage.config.model_copy(update={"product": product})
        made = ProductListener(product, stage.wired)
        running.append(made)
        made.start()
        return made

    yield open_
    for one in running:
        one.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_of(listener: ProductListener) -> int:
    return int(listener.url.rpartition(":")[2])


def told(listener: ProductListener, *pieces: bytes, seconds: float = 5.0) -> bytes:
    """Everything that is answered to these bytes until the connection ends, or nothing comes any more."""
    with socket.create_connection(("127.0.0.1", port_of(listener)), timeout=seconds) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.05 if len(pieces) > 1 else 0)
        answer = b""
        while True:
            try:
                part = connection.recv(65_536)
            except (TimeoutError, ConnectionResetError):
                return answer
            if not part:
                return answer
            answer += part


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


GET = b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /sign-out HTTP/1.1\r\nHost: x\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
PROBES = {
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 37\r\n\r\n" + SMUGGLED,
    "two lengths in one": POST + b"Content-Length: 0, 37\r\n\r\n" + SMUGGLED,
    "length and chunks": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "bare line feed": b"POST /sign-out HTTP/1.1\nHost: x\nContent-Length: 0\n\n",
    "one bare line feed": POST + b"X-One: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare line feed at the end": POST + b"Content-Length: 0\n\r\n",
    "bare carriage return": POST + b"X-One: a\rContent-Length: 37\r\n\r\n" + SMUGGLED,
    "folded line": POST + b"Content-Length:\r\n 37\r\n\r\n" + SMUGGLED,
    "space before the colon": POST + b"Content-Length : 37\r\n\r\n" + SMUGGLED,
    "chunks that are something else": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "length with a sign": POST + b"Content-Length: +37\r\n\r\n" + SMUGGLED,
    "length in base 16": POST + b"Content-Length: 0x25\r\n\r\n" + SMUGGLED,
    "no host": b"GET /api/v1/me HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /api/v1/me HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "zero byte": POST + b"X-One: a\x00b\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01",
}


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES)
def test_what_two_readers_could_read_differently_is_refused_and_the_connection_closed(opened: Open, probe: bytes) -> None:
    answer = told(opened(), probe)
    assert statuses(answer) in ([400], [501]), answer
    assert b"connection: close" in answer.lower()
    assert b"nosniff" in answer
    assert b"smuggled" not in answer


def test_the_rest_of_a_pipeline_is_read_as_strictly(opened: Open) -> None:
    answer = told(opened(), GET + b"\r\n" + PROBES["one bare line feed"])
    assert statuses(answer) == [401, 400]


def test_a_bare_line_feed_is_one_in_pieces_too(opened: Open) -> None:
    answer = told(opened(), GET + b"X-One: a\n", b"X-Two: b\r\n\r\n")
    assert statuses(answer) == [400]


def test_plain_requests_in_pieces_and_in_chunks_are_answered(opened: Open) -> None:
    listener = opened()
    close = b"Connection: close\r\n"
    assert statuses(told(listener, GET + close + b"\r\n")) == [401]
    assert statuses(told(listener, GET[:20], GET[20:] + close + b"\r", b"\n")) == [401]
    assert statuses(told(listener, POST + close + b"Transfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\n0\r\n\r\n")) == [403], (
        "a body may hold any byte"
    )


@pytest.mark.parametrize("verb", ["TRACE", "OPTIONS", "PUT", "DELETE", "PATCH", "BREW", "CONNECT", "PROPFIND"])
def test_unknown_verbs_are_refused(opened: Open, verb: str) -> None:
    answer = told(opened(), f"{verb} /api/v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Canary: canary\r\n\r\n".encode())
    assert statuses(answer) == [405]
    assert b"canary" not in answer


def test_headers_have_an_end(opened: Open) -> None:
    answer = told(opened(), GET + b"X-Long: " + b"a" * (2 * HEADERS_AT_MOST))
    assert statuses(answer) in ([400], [431])


def test_who_dawdles_is_cut_off(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_http, "REQUEST_WITHIN_S", 0.4)
    listener = opened()
    for first in (b"", GET, POST + b"Content-Length: 5\r\n\r\na"):
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", port_of(listener)), timeout=20) as connection:
            connection.sendall(first)
            while connection.recv(65_536):
                pass
        assert 0.3 < time.monotonic() - began < 8, first


def test_dawdlers_without_number_cost_a_place_each_and_no_more(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_http, "REQUEST_WITHIN_S", 1.5)
    listener = opened()
    idle = [socket.create_connection(("127.0.0.1", port_of(listener)), timeout=5) for _ in range(CONNECTIONS)]
    try:
        assert statuses(told(listener, GET + b"Connection: close\r\n\r\n")) == [503]
        time.sleep(2.0)
        assert statuses(told(listener, GET + b"Connection: close\r\n\r\n")) == [401]
    finally:
        for one in idle:
            one.close()


def test_before_it_starts_it_refuses_and_an_address_that_is_taken_is_told(stage: Stage, opened: Open) -> None:
    product = Product(listen=f"127.0.0.1:{free_port()}")
    waiting = ProductListener(product, stage.wired)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(product.address, timeout=1)
    waiting.stop()
    taken = opened()
    with pytest.raises(DriftwatchError, match="cannot listen on"):
        ProductListener(Product(listen=f"127.0.0.1:{port_of(taken)}"), stage.wired)


def test_after_a_stop_nobody_answers(opened: Open) -> None:
    listener = opened()
    assert statuses(told(listener, GET + b"Connection: close\r\n\r\n")) == [401]
    port = port_of(listener)
    listener.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_a_reload_counts_from_the_next_request_on(stage: Stage, opened: Open) -> None:
    listener = opened()
    ask = GET + b"Connection: close\r\nAuthorization: Bearer " + stage.secret("ana").encode() + b"\r\n\r\n"
    assert statuses(told(listener, ask)) == [200]
    stage.config = stage.config.model_copy(update={"product": Product(listen=stage.config.product.listen)})
    assert statuses(told(listener, ask)) == [403], "no role any more"


class TestTls:
    @pytest.fixture
    def files(self, tmp_path: Path) -> dict[str, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "driftwatch test")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .sign(key, hashes.SHA256())
        )
        certificate, private = tmp_path / "certificate.pem", tmp_path / "key.pem"
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        plain = serialization.NoEncryption()
        private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
        return {"tls_certificate": certificate, "tls_key": private}

    def spoken(self, listener: ProductListener, files: dict[str, Path], most: ssl.TLSVersion) -> tuple[str, bytes]:
        context = ssl.create_default_context(cafile=str(files["tls_certificate"]))
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = most
        context.set_ciphers("ALL:@SECLEVEL=0")
        with (
            socket.create_connection(("127.0.0.1", port_of(listener)), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
        ):
            secure.sendall(GET + b"Connection: close\r\n\r\n")
            answer = b""
            while part := secure.recv(65_536):
                answer += part
            return str(secure.version()), answer

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_it_speaks_tls_from_1_2_on(self, opened: Open, files: dict[str, Path], version: ssl.TLSVersion) -> None:
        listener = opened(**files)
        assert listener.url.startswith("https://")
        spoken, answer = self.spoken(listener, files, version)
        assert spoken == version.name.replace("v1_", "v1.")
        assert statuses(answer) == [401]
        assert b"strict-transport-security" in answer

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
    def test_anything_older_is_refused(self, opened: Open, files: dict[str, Path], version: ssl.TLSVersion) -> None:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            self.spoken(opened(**files), files, version)

    def test_plain_http_is_not_answered_there(self, opened: Open, files: dict[str, Path]) -> None:
        assert told(opened(**files), GET + b"\r\n") == b""

    def test_files_that_do_not_belong_together_are_refused(self, stage: Stage, files: dict[str, Path], tmp_path: Path) -> None:
        files["tls_key"].write_text("no key")
        product = Product(listen=f"127.0.0.1:{free_port()}", **files)
        with pytest.raises(InputError, match="certificate"):
            ProductListener(product, stage.wired)


def test_an_answer_that_is_no_http_is_a_problem_document(opened: Open) -> None:
    head, _, body = told(opened(), b"nonsense\r\n\r\n").partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == 400
