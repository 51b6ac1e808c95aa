"""`driftwatch serve` as a process: other processes reach it, signals mean what they should, and a kill loses nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from driftwatch.daemon.pace import Pace
from driftwatch.domain.scan import ScanStatus
from driftwatch.stores.store import SqlStore, open_store
from tests.integration.aws.aws_server import ACCOUNT, Asked, AwsServer, Reply, aws_server, reply_json
from tests.integration.daemon.processes import Place, Serving, free_port
from tests.integration.daemon.stage import wait_until
from tests.moto_server import moto_server

SEED = int(os.environ.get("DRIFTWATCH_TEST_SEED", "20260310"))
MOTO_ACCOUNT = "123456789012"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def serve() -> Iterator[Callable[[Place], Serving]]:
    running: list[Serving] = []

    def start(place: Place) -> Serving:
        running.append(Serving(place, len(running) + 1))
        return running[-1]

    yield start
    for one in running:
        one.stop()


class Cloud:
    """A scripted AWS whose queues can stop answering."""

    def __init__(self, aws: AwsServer) -> None:
        self.aws = aws
        self.hangs = threading.Event()
        self.asked = threading.Event()
        self.released = threading.Event()
        aws.answers["sqs"] = self._queues
        aws.answers["sns"] = Reply(
            body=b"<ListTopicsResponse><ListTopicsResult><Topics/></ListTopicsResult>"
            b"<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></ListTopicsResponse>"
        )

    def _queues(self, _asked: Asked) -> Reply:
        if self.hangs.is_set():
            self.asked.set()
            self.released.wait(60)
        return reply_json({})


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with aws_server() as aws:
        made = Cloud(aws)
        yield made
        made.released.set()


@pytest.fixture
def hanging(tmp_path: Path, cloud: Cloud, serve: Callable[[Place], Serving]) -> tuple[Place, Serving]:
    """A daemon whose scan waits for a call that does not return."""
    place = Place(tmp_path, cloud.aws.url, ACCOUNT)
    cloud.hangs.set()
    serving_ = serve(place)
    serving_.until_ready()
    assert cloud.asked.wait(20)
    return place, serving_


def store_of(place: Place) -> SqlStore:
    return open_store(f"sqlite:///{place.folder / 'state' / 'driftwatch.db'}")


def scans_of(place: Place) -> list[Any]:
    store = store_of(place)
    try:
        with store.read() as uow:
            return list(uow.scans.latest(10))
    finally:
        store.close()


def test_a_daemon_from_its_start_to_its_end(tmp_path: Path, moto: str, serve: Callable[[Place], Serving]) -> None:
    """One story, since starting a process costs most of its time."""
    place = Place(tmp_path, moto, MOTO_ACCOUNT)
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "eu-west-1", "endpoint_url": moto}
    queue = boto3.client("sqs", **keys).create_queue(QueueName="one")["QueueUrl"]
    daemon = serve(place)
    daemon.until_ready()
    first = daemon.until_told("scan_done")
    assert (first["trigger"], first["status"], first["resources"]) == ("start", "complete", 1)

    # the listener: what it serves, and nothing else
    assert place.get("/healthz") == (200, "ok\n")
    assert place.get("/nothing")[0] == 404
    assert place.get("/metrics/../etc/passwd")[0] == 404
    for verb in ("POST", "PUT", "DELETE", "TRACE", "OPTIONS", "HEAD", "BREW"):
        assert place.get("/metrics", method=verb)[0] == 405
    wait_until(lambda: place.metric("driftwatch_cells", state="unbaselined") == 2)
    assert place.metric("driftwatch_scan_runs_total", status="complete") == 1
    assert (place.metric("driftwatch_aws_calls_total", service="sqs") or 0) >= 1
    assert place.metric("driftwatch_coverage_ratio", account=MOTO_ACCOUNT) == 0

    # commands of other processes
    scanned = place.run("scan", "--json")
    assert scanned.returncode == 3, scanned.stdout + scanned.stderr
    document = json.loads(scanned.stdout)
    assert document["summary"]["exit_code"] == 3
    assert {cell["state"] for cell in document["cells"]} == {"unbaselined"}
    assert daemon.until_told("scan_done", scan=document["scan_id"])
    asked = place.run("scan", "--no-wait")
    assert asked.returncode == 0
    daemon.until_told("request_ended", request=asked.stdout.strip(), state="done")
    assert json.loads(place.run("status", "--json").stdout)["daemon"] is True

    refreshed = place.run("baseline", "refresh", "production", "--json")
    assert refreshed.returncode == 0, refreshed.stderr
    assert (json.loads(refreshed.stdout)["state"], json.loads(refreshed.stdout)["author"]) == ("proposed", "ana")
    assert daemon.until_told("request_ended", kind="refresh", state="done")

    # the product listener: closed to nobody, open to whoever has the link that was printed once
    told = daemon.stderr.read_text()
    assert place.product("/api/v1/me")[0] == 401
    (link,) = [line for line in told.splitlines() if line.startswith("sign in, once")]
    code_of_link = link.partition("?code=")[2]
    assert link.partition("http://")[2].startswith(f"127.0.0.1:{place.product_port}/sign-in/first?code=")
    status, cookie = place.product("/sign-in/first", form=f"code={code_of_link}")
    assert (status, cookie.startswith("driftwatch_session=")) == (200, True)
    assert place.product("/api/v1/me", cookie=cookie)[0] == 200
    assert place.product("/sign-in/first", form=f"code={code_of_link}")[0] == 403

    # a port that is taken
    refused = place.run("serve")
    assert refused.returncode == 1
    assert "cannot listen on" in refused.stderr
    assert "Traceback" not in refused.stderr

    # reload: a bad one changes nothing, a good one everything
    before = place.policy.read_text()
    place.policy.write_text("extends: nonsense\n")
    daemon.process.send_signal(signal.SIGHUP)
    failed = daemon.until_told("reload_failed")
    assert "policy.yaml:1:" in failed["error"]
    assert place.metric("driftwatch_config_reload_total", result="failed") == 1
    assert place.get("/readyz")[0] == 200
    place.policy.write_text(before)
    config = place.config.read_text()
    place.config.write_text(config.replace(str(place.product_port), str(free_port())))
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: place.metric("driftwatch_config_reload_total", result="failed") == 2)
    assert "another product.listen than at the start" in daemon.until_told("reload_failed")["error"]
    place.config.write_text(config.replace("role: admin", "role: viewer"))
    place.policy.write_text(before + "ignore:\n  - {resource_types: ['*'], attribute_paths: ['/X'], reason: noise}\n")
    (place.folder / "changes" / "bad.yaml").write_text("id: CHG-1\nnonsense: true\n")
    daemon.process.send_signal(signal.SIGHUP)
    reloaded = daemon.until_told("reloaded")
    daemon.until_told("scan_done", trigger="reload")
    assert b'"roles":["viewer"]' in place.product_bytes("/api/v1/me", cookie)
    aside = daemon.until_told("source_synced", source="tickets", set_aside=1)
    assert aside["level"] == "warning"
    wait_until(lambda: place.metric("driftwatch_records_set_aside", source="tickets") == 1)
    assert json.loads(place.run("status", "--json").stdout)["policy"]["version"] == reloaded["policy"]

    code, seconds = daemon.end()
    assert (code, seconds < 5) == (0, True)
    events = daemon.events()
    assert events[-1]["event"] == "stopped"
    assert all({"event", "level", "timestamp"} <= event.keys() for event in events)
    judged = [event for event in events if event["event"] == "cell_judged"]
    assert all({"scan", "account", "region", "type"} <= event.keys() for event in judged)
    assert judged
    text = daemon.stderr.read_text()
    assert "secret-canary" not in text
    assert (place.folder / "state" / "installation.key").read_bytes().hex() not in text
    assert text.count(code_of_link) == 1, "printed, never logged"
    assert queue not in text, "documents are not logged"


def test_a_second_daemon_on_the_same_store_is_refused(tmp_path: Path, cloud: Cloud, serve: Callable[[Place], Serving]) -> None:
    place = Place(tmp_path, cloud.aws.url, ACCOUNT)
    first = serve(place)
    first.until_ready()
    others = place.config.read_text().replace(str(place.port), str(free_port())).replace(str(place.product_port), str(free_port()))
    place.config.write_text(others)
    refused = place.run("serve")
    assert refused.returncode == 1
    assert "another daemon works on this store" in refused.stderr
    assert first.process.poll() is None


def test_sigterm_while_a_call_hangs(hanging: tuple[Place, Serving]) -> None:
    place, daemon = hanging
    code, seconds = daemon.end()
    assert code == 0
    assert seconds < 20
    assert scans_of(place)[0].status is ScanStatus.ABORTED
    assert daemon.events()[-1]["event"] == "stopped"


def test_sigterm_at_any_moment_ends_with_0_in_time_and_leaves_no_scan_running(
    tmp_path: Path, cloud: Cloud, serve: Callable[[Place], Serving]
) -> None:
    place = Place(tmp_path, cloud.aws.url, ACCOUNT)
    cloud.aws.latency_s = 0.05
    moments = random.Random(SEED)
    for _ in range(4):
        daemon = serve(place)
        daemon.until_ready()
        delay = moments.uniform(0, 0.6)
        time.sleep(delay)
        code, seconds = daemon.end()
        assert (code, seconds < 20) == (0, True), f"seed {SEED}, {delay:.3f} s after it was ready"
        assert not [scan for scan in scans_of(place) if scan.status is ScanStatus.RUNNING]


def test_a_second_sigterm_ends_at_once(hanging: tuple[Place, Serving]) -> None:
    _, daemon = hanging
    daemon.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(Pace().stop_gently_s) == 0, "it did not wait for the scan"


def test_a_killed_daemon_is_followed_by_one_that_takes_everything_up(
    hanging: tuple[Place, Serving], cloud: Cloud, serve: Callable[[Place], Serving]
) -> None:
    place, daemon = hanging
    asked = place.run("scan", "--no-wait", "*/eu-west-1/AWS::SQS::Queue").stdout.strip()
    daemon.process.kill()
    daemon.process.wait(10)
    (interrupted,) = scans_of(place)
    assert interrupted.status is ScanStatus.RUNNING
    cloud.hangs.clear()
    cloud.released.set()
    second = serve(place)
    second.until_ready()
    second.until_told("request_ended", request=asked, state="done")
    assert next(scan for scan in scans_of(place) if scan.id == interrupted.id).status is ScanStatus.ABORTED
    assert second.end()[0] == 0


def test_with_a_token_only_the_probes_answer_without_it(tmp_path: Path, cloud: Cloud, serve: Callable[[Place], Serving]) -> None:
    token = "0123456789abcdef0123"
    (tmp_path / "token").write_text(f"{token}\n")
    place = Place(tmp_path, cloud.aws.url, ACCOUNT, more=", token_file: token")
    daemon = serve(place)
    daemon.until_ready()
    assert place.get("/healthz")[0] == 200
    assert place.get("/metrics")[0] == place.get("/nothing")[0] == place.get("/metrics", token="0" * 20)[0] == 401
    assert place.get("/metrics", token)[0] == 200
    renewed = token.upper()
    (tmp_path / "token").write_text(renewed)
    daemon.process.send_signal(signal.SIGHUP)
    daemon.until_told("reloaded")
    assert (place.get("/metrics", token)[0], place.get("/metrics", renewed)[0]) == (401, 200)
    assert token not in daemon.stderr.read_text()
