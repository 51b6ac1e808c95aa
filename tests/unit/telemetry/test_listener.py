"""The operations listener serves three paths to whoever may see them, and cannot be worn out or led astray."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry, Gauge

from driftwatch.errors import DriftwatchError
from driftwatch.telemetry.listener import CONNECTIONS, Health, OperationsListener


@dataclass
class Probes:
    alive: str | None = None
    ready: str | None = None
    token: str | None = None
    health: Health = field(init=False)

    def __post_init__(self) -> None:
        self.health = Health(alive=lambda: self.alive, ready=lambda: self.ready)


@contextmanager
def listening(probes: Probes, host: str = "127.0.0.1") -> Iterator[Callable[[bytes], bytes]]:
    registry = CollectorRegistry()
    Gauge("driftwatch_something", "Text", registry=registry).set(7)
    listener = OperationsListener(host, 0, registry, probes.health, lambda: probes.token, patience_s=1.0)
    listener.start()
    port = int(listener.address.rpartition(":")[2])

    def talk(request: bytes) -> bytes:
        with socket.create_connection((host, port), timeout=10) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    talk.port = port  # type: ignore[attr-defined]
    try:
        yield talk
    finally:
        listener.stop()


def ask(path: str, method: str = "GET", *headers: str, body: str = "") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *headers, "", body]).encode("latin-1")


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_metrics_and_probes_are_served_and_nothing_else() -> None:
    with listening(Probes()) as talk:
        answer = talk(ask("/metrics"))
        assert b"driftwatch_something 7.0" in answer
        assert b"Content-Type: text/plain; version=" in answer
        assert status(talk(ask("/metrics?name=x"))) == 200
        for path in ("/", "/metrics/", "/metricsx", "/../metrics", "/debug", "*", "http://x/metrics"):
            assert status(talk(ask(path))) == 404


def test_the_probes_tell_the_truth_of_the_moment() -> None:
    probes = Probes()
    with listening(probes) as talk:
        assert (status(talk(ask("/healthz"))), status(talk(ask("/readyz")))) == (200, 200)
        probes.ready = "the store fails"
        assert (status(talk(ask("/healthz"))), status(talk(ask("/readyz")))) == (200, 503)
        assert talk(ask("/readyz")).endswith(b"the store fails\n")
        probes.alive = "the worker is gone"
        assert status(talk(ask("/healthz"))) == 503


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "HEAD", "BREW", "get"])
def test_other_verbs_are_refused_without_being_quoted(method: str) -> None:
    with listening(Probes()) as talk:
        answer = talk(ask("/metrics", method, "X-Secret: canary"))
        assert status(answer) == 405
        assert b"Allow: GET" in answer
        assert b"canary" not in answer


JUNK = [b"\x16\x03\x01\x02\x00\n\n", b"GET\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n", b"A" * 70_000 + b"\r\n\r\n"]


@pytest.mark.parametrize("junk", JUNK)
def test_what_is_no_http_is_refused(junk: bytes) -> None:
    with listening(Probes()) as talk:
        with suppress(ConnectionError):
            assert b"driftwatch_something" not in talk(junk)
        assert status(talk(ask("/healthz"))) == 200


def test_with_a_token_all_but_the_probes_need_it_also_what_does_not_exist() -> None:
    with listening(Probes(token="0123456789abcdef")) as talk:
        assert (status(talk(ask("/healthz"))), status(talk(ask("/readyz")))) == (200, 200)
        for path in ("/metrics", "/nothing"):
            answer = talk(ask(path))
            assert status(answer) == 401
            assert b"WWW-Authenticate: Bearer" in answer
        for wrong in ("Bearer", "Bearer 0123456789abcde", "Bearer 0123456789abcdefg", "Basic 0123456789abcdef", "Bearer \xff\xfe", ""):
            assert status(talk(ask("/metrics", "GET", f"Authorization: {wrong}"))) == 401
        assert status(talk(ask("/metrics", "GET", "Authorization: Bearer 0123456789abcdef"))) == 200


def test_a_token_that_was_renewed_holds_at_once() -> None:
    probes = Probes(token="0123456789abcdef")
    with listening(probes) as talk:
        probes.token = "fedcba9876543210"
        assert status(talk(ask("/metrics", "GET", "Authorization: Bearer 0123456789abcdef"))) == 401
        assert status(talk(ask("/metrics", "GET", "Authorization: Bearer fedcba9876543210"))) == 200


@pytest.mark.parametrize("first", ["POST", "GET"])
def test_what_follows_a_request_is_never_read_as_another_one(first: str) -> None:
    hidden = ask("/metrics").decode()
    with listening(Probes()) as talk:
        answer = talk(ask("/healthz", first, f"Content-Length: {len(hidden)}", body=hidden))
        assert answer.count(b"HTTP/1.1 ") == 1
        assert b"driftwatch_something" not in answer


def test_callers_who_dawdle_are_given_up_and_cost_no_more_than_their_share() -> None:
    with listening(Probes()) as talk, ExitStack() as held:
        port: int = talk.port  # type: ignore[attr-defined]
        for _ in range(CONNECTIONS):
            held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        answer, until = b"", time.monotonic() + 10
        while not answer and time.monotonic() < until:
            with suppress(ConnectionError):
                answer = talk(ask("/healthz"))
            time.sleep(0.1)
        assert status(answer) == 200
        assert threading.active_count() < CONNECTIONS


def test_it_listens_on_ipv6_too() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        with listening(Probes(), "::1") as talk:
            assert status(talk(ask("/healthz"))) == 200
    except DriftwatchError:
        pytest.skip("this machine has no ::1")


def test_a_port_that_is_taken_is_an_error_with_the_remedy() -> None:
    with listening(Probes()) as talk, pytest.raises(DriftwatchError, match=r"operations\.listen"):
        OperationsListener("127.0.0.1", talk.port, CollectorRegistry(), Probes().health)  # type: ignore[attr-defined]
