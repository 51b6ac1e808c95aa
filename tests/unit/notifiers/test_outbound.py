"""What driftwatch calls: the address that was checked, never one that leads inside, and never a metadata service."""

from __future__ import annotations

import ipaddress
import ssl
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from driftwatch.domain.message import Result
from driftwatch.notifiers.outbound.addresses import EVERYWHERE, METADATA, PostFailed, checked, resolve
from driftwatch.notifiers.outbound.post import Receiver, Reply, _seconds, outcome_of, post


def answering(*addresses: str) -> object:
    return lambda _host, _port: list(addresses)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.1.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_what_leads_inside_is_refused_unless_it_is_listed(address: str) -> None:
    with pytest.raises(PostFailed, match="allow_private"):
        checked("host.example", 443, (), answering(address))  # type: ignore[arg-type]
    assert checked("host.example", 443, EVERYWHERE, answering(address))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "address", [*sorted(map(str, METADATA)), "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "::ffff:a9fe:a9fe"]
)
def test_metadata_services_are_refused_whatever_is_listed(address: str) -> None:
    with pytest.raises(PostFailed, match="metadata"):
        checked("host.example", 80, EVERYWHERE, answering(address))  # type: ignore[arg-type]


def test_one_bad_answer_among_good_ones_is_enough() -> None:
    with pytest.raises(PostFailed):
        checked("host.example", 443, (), answering("93.184.216.34", "10.0.0.1"))  # type: ignore[arg-type]
    assert str(checked("host.example", 443, (), answering("93.184.216.34"))) == "93.184.216.34"  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost"])
def test_other_spellings_of_loopback_are_seen_through(host: str) -> None:
    with pytest.raises(PostFailed):
        checked(host, 80, (), resolve)


def test_only_the_listed_network_is_opened() -> None:
    listed = (ipaddress.ip_network("10.1.0.0/16"),)
    assert checked("host.example", 443, listed, answering("10.1.9.9"))  # type: ignore[arg-type]
    with pytest.raises(PostFailed):
        checked("host.example", 443, listed, answering("10.2.0.1"))  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", [[], ["rubbish"]])
def test_a_name_without_an_address_is_told_without_the_name(answer: list[str]) -> None:
    with pytest.raises(PostFailed) as failure:
        checked("secret-host.example", 443, (), answering(*answer))  # type: ignore[arg-type]
    assert "secret-host" not in str(failure.value)


# --- the call itself ------------------------------------------------------------------------------------------------------------------


@dataclass
class Secure:
    """An HTTPS server for the name hooks.example, on loopback."""

    port: int
    ca_file: Path
    names: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Secure]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "key.pem").write_bytes(key.private_bytes(*plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.hosts.append(self.headers["Host"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    found = Secure(port=server.server_address[1], ca_file=tmp_path / "ca.pem")
    context.sni_callback = lambda _socket, name, _context: found.names.append(name)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


def test_the_checked_address_is_called_under_the_original_name(secure: Secure) -> None:
    """A name that answers differently the second time changes nothing: it is asked once."""
    asked: list[str] = []

    def once(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    url = f"https://hooks.example:{secure.port}/x"
    receiver = Receiver(url=url, deadline_s=5, allowed=LOOPBACK, ca_file=secure.ca_file, resolve=once)
    assert post(receiver, b"{}", {}).status == 204
    assert (asked, secure.names, secure.hosts) == (["hooks.example"], ["hooks.example"], [f"hooks.example:{secure.port}"])


def test_a_certificate_for_another_name_or_by_nobody_known_is_no_answer(secure: Secure) -> None:
    here = lambda _host, _port: ["127.0.0.1"]  # noqa: E731
    other = Receiver(url=f"https://other.example:{secure.port}/", deadline_s=5, allowed=LOOPBACK, ca_file=secure.ca_file, resolve=here)
    unknown = Receiver(url=f"https://hooks.example:{secure.port}/", deadline_s=5, allowed=LOOPBACK, resolve=here)
    for receiver in (other, unknown):
        with pytest.raises(PostFailed, match="TLS failed"):
            post(receiver, b"{}", {})
    assert secure.hosts == []


def test_a_name_whose_resolution_hangs_costs_one_deadline() -> None:
    release = threading.Event()

    def hang(_host: str, _port: int) -> Sequence[str]:
        release.wait(20)
        return []

    with pytest.raises(PostFailed, match="no answer within the deadline"):
        post(Receiver(url="https://slow.example/", deadline_s=0.2, resolve=hang), b"", {})
    release.set()


def test_what_a_reply_means() -> None:
    assert outcome_of(Reply(status=204)).result is Result.DELIVERED
    for status in (400, 401, 403, 404, 410, 413, 422):
        assert outcome_of(Reply(status=status)).result is Result.REFUSED
    for status in (301, 408, 425, 429, 500, 503, 599, 199):
        assert outcome_of(Reply(status=status)).result is Result.RETRY


def test_retry_after_is_seconds_or_a_date() -> None:
    assert (_seconds("120"), _seconds("soon"), _seconds(None)) == (120, None, None)
    assert _seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert (_seconds("Wed, 21 Oct 2099 07:28:00 GMT") or 0) > 10**6
