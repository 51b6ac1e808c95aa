"""From a change in AWS to the phone of whoever is on call: a real daemon, a real Prometheus with the rules that are shipped, a real
Alertmanager with the routes that are shipped, and receivers that only listen.

Pauses of the routes are shortened (`shortened.py`). The rules are loaded as they are shipped; the two alerts whose times are minutes are
loaded a second time with shorter ones, under a label of their own.
"""

from __future__ import annotations

import base64
import functools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
import yaml

from driftwatch import wiring
from driftwatch.demo.tickets import Ticket
from driftwatch.domain.baseline import Actor, Assurance, Method
from driftwatch.domain.finding import Finding
from driftwatch.domain.notification import BACKOFF_CAP_S
from driftwatch.domain.request import RequestState
from driftwatch.operations import approvals, baselines, requests
from tests.alert_servers import Alertmanager, Prometheus
from tests.contract.notifiers.receiver import Receiver, receiving
from tests.deploy.shipped import PROMETHEUS, RULES
from tests.e2e import shortened
from tests.integration.daemon.processes import Place, Serving
from tests.integration.daemon.stage import wait_until
from tests.moto_server import moto_server

pytestmark = pytest.mark.slow

ACCOUNT, REGION, QUEUE = "123456789012", "eu-west-1", "AWS::SQS::Queue"
SCRAPE_S: Final = 5
EVALUATE_S: Final = 1
RESEND_S: Final = 10
"""The shortest that the notifier takes."""
PAUSES: Final = 60
TIMES: Final = 40
"""What the pauses of the routes, and the times of the two alerts, are divided by."""
GROUP_WAIT_S: Final = 30 / PAUSES
TOKEN: Final = "0123456789abcdef0123456789abcdef"
COUNTED, DOWN, BEATS, FOUND = "DriftwatchUnauthorizedChange", "DriftwatchDown", "DriftwatchHeartbeat", "DriftwatchFinding"
NOTIFIERS = """
notifiers:
  - {{name: pager, kind: alertmanager, url: "{manager}", resend_s: {resend_s}}}
  - {{name: siem, kind: webhook, url: "{sink}/siem", secret_file: siem.secret, allow_http: true, allow_private: [127.0.0.0/8]}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One alert as a receiver heard it: when, by which route, and what."""

    at: float
    route: str
    alert: dict[str, Any]

    def __getitem__(self, label: str) -> str:
        return str(self.alert["labels"].get(label, ""))


class House:
    """Everything that a team runs, and what it can be asked."""

    def __init__(self, place: Place, cloud: Any, sink: Receiver, manager: Alertmanager, prometheus: Prometheus) -> None:
        self.place, self.cloud, self.sink, self.manager, self.prometheus = place, cloud, sink, manager, prometheus
        self.serving = Serving(place)

    def close(self) -> None:
        self.serving.stop()
        if "wired" in vars(self):
            self.wired.close()

    def restart(self) -> None:
        self.serving = Serving(self.place, 2)
        self.serving.until_ready()

    # --- the cloud ---------------------------------------------------------------------------------------------------------------

    def queue(self, name: str) -> str:
        """Its ARN. It does not keep what it gets for long."""
        self.cloud.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "30"})
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    def change(self, name: str, seconds: int = 900) -> None:
        url = self.cloud.get_queue_url(QueueName=name)["QueueUrl"]
        self.cloud.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})

    def undo(self, name: str) -> None:
        self.change(name, 30)

    # --- the daemon --------------------------------------------------------------------------------------------------------------

    @functools.cached_property
    def wired(self) -> wiring.Wired:
        """The daemon's store, as any command opens it."""
        return wiring.load(self.place.config)

    def scan(self) -> None:
        """Asks the daemon for one, as `driftwatch scan` does, and waits for its end."""
        request = requests.ask(self.wired.installation, "scan", (), "test")
        ended = requests.wait(self.wired.installation, request.id, time.sleep, lambda _request: None)
        assert (ended.state, ended.error) == (RequestState.DONE, None)

    def approve(self, name: str) -> None:
        """Takes what is there as the baseline, by two people."""
        installation = self.wired.installation
        version = baselines.capture(installation, name, person("ana"))
        baselines.propose(installation, version.id, person("ana"))
        approvals.approve(installation, version.id, person("ben"), seen_hash=version.content_hash)

    def finding(self, name: str) -> Finding:
        """The latest of this queue."""
        with self.wired.installation.store.read() as uow:
            mine = [item for item in uow.findings.all() if item.resource_id.endswith(f":{name}")]
        return max(mine, key=lambda item: item.first_seen)

    # --- what receivers heard ----------------------------------------------------------------------------------------------------

    def heard(self, status: str, name: str, route: str = "on-call", since: float = 0.0) -> list[Notice]:
        notices = [(got.at, json.loads(got.body)) for got in list(self.sink.got) if got.path == f"/{route}" and got.at >= since]
        alerts = [Notice(at=at, route=route, alert=alert) for at, notice in notices for alert in notice["alerts"]]
        return [item for item in alerts if item.alert["status"] == status and item["alertname"] == name]

    def told(self, kind: str, finding: str) -> list[dict[str, Any]]:
        """The messages of the signed webhook that name the finding."""
        events = [json.loads(got.body) for got in list(self.sink.got) if got.path == "/siem"]
        return [item for item in events if item["type"] == f"driftwatch.finding.{kind}" and finding in item["data"]["finding_ids"]]

    def paged(self, finding: str, since: float = 0.0, status: str = "firing") -> list[Notice]:
        return [item for item in self.heard(status, FOUND, since=since) if item["finding"] == finding]

    def measured(self, expression: str) -> float | None:
        found = self.prometheus.query(expression)
        return float(found[0]["value"][1]) if found else None


def person(name: str) -> Actor:
    return Actor(person=name, method=Method.SIMULATED, assurance=Assurance.LOCAL)


def eventually(condition: Callable[[], Any], seconds: float = 40.0) -> Any:
    found: list[Any] = []
    wait_until(lambda: found.append(condition()) or found[-1], seconds)
    return found[-1]


def shipped(name: str) -> Any:
    return yaml.safe_load((PROMETHEUS / name).read_text())


def started(folder: Path, stack: ExitStack) -> House:
    """The programs in the order in which they need each other. Whatever was started is in `stack`."""
    sink = stack.enter_context(receiving())
    routes = shortened.alertmanager(shipped("alertmanager.yml"), PAUSES, sink.url)
    manager = Alertmanager(folder, yaml.safe_dump(routes))
    prometheus = Prometheus(folder, resend_s=EVALUATE_S)
    stack.callback(manager.kill)
    stack.callback(prometheus.kill)
    url = stack.enter_context(moto_server())
    place = installed(folder / "driftwatch", url, sink, manager)
    manager.start()
    write_prometheus(folder, place, manager)
    cloud = boto3.client("sqs", endpoint_url=url, region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")
    house = House(place, cloud, sink, manager, prometheus)
    stack.callback(house.close)
    return house


def installed(folder: Path, url: str, sink: Receiver, manager: Alertmanager) -> Place:
    folder.mkdir()
    place = Place(folder, url, ACCOUNT, more=", token_file: driftwatch.token")
    notifiers = NOTIFIERS.format(manager=manager.url, sink=sink.url, resend_s=RESEND_S)
    place.config.write_text(place.config.read_text() + notifiers)
    people = folder / "people.yaml"
    people.write_text(people.read_text().rstrip().removesuffix("]") + ", {id: ben}]\n")
    for name, text in (("driftwatch.token", TOKEN), ("siem.secret", f"whsec_{base64.b64encode(b'k' * 32).decode()}")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    return place


def write_prometheus(folder: Path, place: Place, manager: Alertmanager) -> None:
    """Its configuration and the very file of rules that is shipped, with the token beside them."""
    config = shortened.prometheus(
        shipped("prometheus.yml"),
        scrape_s=SCRAPE_S,
        evaluate_s=EVALUATE_S,
        target=f"127.0.0.1:{place.port}",
        manager=f"127.0.0.1:{manager.port}",
        more_rules="shortened.yaml",
    )
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    (folder / RULES.name).write_bytes(RULES.read_bytes())
    (folder / "shortened.yaml").write_text(yaml.safe_dump(shortened.rules(shipped(RULES.name), TIMES, [DOWN, BEATS])))
    (folder / "driftwatch.token").write_text(TOKEN)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A healthy installation with an approved baseline of three queues, watched by Prometheus."""
    with ExitStack() as stack:
        made = started(tmp_path_factory.mktemp("alerting"), stack)
        for name in ("covered", "rogue", "meanwhile"):
            made.queue(name)
        made.serving.until_ready()
        made.serving.until_told("scan_done")
        made.approve("production")
        made.scan()
        made.prometheus.start()
        wait_until(lambda: made.measured('driftwatch_cells{state="clean"}') == 2)
        yield made


def test_a_covered_change_pages_nobody(house: House) -> None:
    now, since = datetime.now(UTC), time.time()
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:covered"
    times = {"created_at": now - timedelta(minutes=5), "approved_at": now - timedelta(minutes=4)}
    ticket = Ticket(id="TCK-1", title="longer", resource_id=arn, attribute_paths=("/Attributes/VisibilityTimeout",), **times)
    ticket.write(house.place.folder / "changes")
    house.change("covered")
    house.scan()
    assert house.finding("covered").verdict_current.value == "authorized"

    eventually(lambda: house.measured('sum(driftwatch_findings_open{verdict="authorized"})') == 1)
    time.sleep(SCRAPE_S + 2 * EVALUATE_S + GROUP_WAIT_S)
    assert house.measured(f'count(ALERTS{{alertname="{COUNTED}"}})') is None
    assert [alert for alert in house.manager.alerts() if alert["labels"]["alertname"] in (COUNTED, FOUND)] == []
    assert house.heard("firing", COUNTED, since=since) == house.heard("firing", FOUND, since=since) == []
    assert [got.path for got in house.sink.got if got.path == "/siem"] == []
    assert house.heard("firing", BEATS, "dead-man", since), "the way to the receivers is open"
    house.undo("covered")


def test_a_rogue_change_pages_by_both_ways_within_two_scrapes_and_is_resolved_when_it_is_undone(house: House) -> None:
    house.change("rogue")
    house.scan()
    finding = house.finding("rogue")
    stored = finding.first_seen.timestamp()
    within = 2 * SCRAPE_S + GROUP_WAIT_S

    counted = eventually(lambda: house.heard("firing", COUNTED, since=stored))[0]
    labels = {name: counted[name] for name in ("job", "instance", "severity", "verdict")}
    assert labels == {"job": "driftwatch", "instance": "production", "severity": "critical", "verdict": "unauthorized"}
    assert counted.alert["annotations"]["summary"] == "1 findings of production are unauthorized"
    assert counted.alert["annotations"]["runbook_url"] == f"docs/runbooks/{COUNTED}.md"
    assert counted.at - stored < within

    found = eventually(lambda: house.paged(finding.id))[0]
    labels = {name: found[name] for name in ("service", "severity", "account", "region", "type", "baseline")}
    expected = {
        "service": "driftwatch",
        "severity": "critical",
        "account": ACCOUNT,
        "region": REGION,
        "type": QUEUE,
        "baseline": "production",
    }
    assert labels == expected
    assert "/Attributes/VisibilityTimeout" in found.alert["annotations"]["description"]
    assert found.at - stored < within
    (told,) = eventually(lambda: house.told("firing", finding.id))
    assert (told["data"]["findings"][0]["type"], told["data"]["findings"][0]["verdict"]) == (QUEUE, "unauthorized")

    house.undo("rogue")
    undone = time.time()
    house.scan()
    eventually(lambda: house.heard("resolved", COUNTED, since=undone))
    eventually(lambda: house.paged(finding.id, undone, "resolved"))
    eventually(lambda: house.told("resolved", finding.id))
    assert [alert for alert in house.manager.alerts() if alert["labels"]["alertname"] in (COUNTED, FOUND)] == []
    assert len(house.told("firing", finding.id)) == 1


def test_an_alertmanager_that_dies_is_told_everything_again_and_what_was_found_meanwhile(house: House) -> None:
    house.change("rogue")
    house.scan()
    before = house.finding("rogue")
    eventually(lambda: house.paged(before.id))
    eventually(lambda: house.told("firing", before.id))

    house.manager.kill()
    died = time.time()
    house.change("meanwhile")
    house.scan()
    meanwhile = house.finding("meanwhile")
    eventually(lambda: house.told("firing", meanwhile.id))  # the other notifier does not wait for the dead one
    eventually(lambda: house.measured(f'sum(ALERTS{{alertname="{COUNTED}",alertstate="firing"}})'))
    eventually(lambda: house.place.metric("driftwatch_deliveries_total", TOKEN, notifier="pager", result="retry"))

    house.manager.start()
    for finding in (before, meanwhile):
        eventually(lambda id_=finding.id: house.paged(id_, died), BACKOFF_CAP_S + RESEND_S)
    eventually(
        lambda: [item for item in house.heard("firing", COUNTED, since=died) if "2 findings" in item.alert["annotations"]["summary"]]
    )
    assert {alert["labels"]["finding"] for alert in house.manager.alerts() if alert["labels"]["alertname"] == FOUND} == {
        before.id,
        meanwhile.id,
    }
    assert [len(house.told("firing", finding.id)) for finding in (before, meanwhile)] == [1, 1]
    for name in ("rogue", "meanwhile"):
        house.undo(name)


def beats(house: House, since: float) -> list[Notice]:
    return [item for item in house.heard("firing", BEATS, "dead-man", since) if item[shortened.MARK]]


def test_a_daemon_that_stops_is_missed_by_the_switch_outside_and_by_whoever_is_on_call(house: House) -> None:
    eventually(lambda: beats(house, time.time() - 2))
    asked = time.time()
    code, _ = house.serving.end()
    assert code == 0

    # as it is shipped: it waits to fire, for three minutes
    eventually(lambda: house.measured(f'count(ALERTS{{alertname="{DOWN}",alertstate="pending",{shortened.MARK}=""}})') == 1)
    (down, *_) = eventually(lambda: [item for item in house.heard("firing", DOWN, since=asked) if item[shortened.MARK]])
    assert (down["severity"], down["instance"]) == ("critical", "production")
    # the switch outside hears nothing for longer than any pause that it is used to
    eventually(lambda: time.time() - max(item.at for item in beats(house, 0)) > 5)
    assert house.measured(f'count(ALERTS{{alertname="{BEATS}",{shortened.MARK}="yes"}})') is None
    assert house.measured(f'count(ALERTS{{alertname="{BEATS}",alertstate="firing",{shortened.MARK}=""}})') == 1, "ten minutes as shipped"

    house.restart()
    back = time.time()
    eventually(lambda: beats(house, back))
    eventually(lambda: [item for item in house.heard("resolved", DOWN, since=asked) if item[shortened.MARK]])
