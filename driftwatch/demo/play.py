"""Playing the demo: the simulated account, an approved baseline, the daemon, and the story."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from driftwatch import wiring
from driftwatch.daemon import Daemon
from driftwatch.demo import setting
from driftwatch.demo.cloud import Cloud
from driftwatch.demo.people import People, administrators
from driftwatch.demo.seed import Client, seed
from driftwatch.demo.story import Step
from driftwatch.demo.trail import Trail
from driftwatch.domain.baseline import BaselineVersion
from driftwatch.domain.finding import Finding
from driftwatch.domain.request import RequestState
from driftwatch.errors import DriftwatchError
from driftwatch.operations import approvals, baselines, findings, requests, status
from driftwatch.operations.scan import ScanOrder, scan
from driftwatch.telemetry.metrics import Metrics
from driftwatch.wiring import Wired

EXPLAINED_WITHIN_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Actors:
    """Who can act in the simulated accounts: the administrator, by account, and the people of the story. All they do is logged."""

    administrator: dict[str, Client]
    people: People
    trail: Trail


@contextmanager
def simulated_aws() -> Iterator[tuple[Cloud, Actors]]:
    """A seeded simulation; while it stands, the environment of this process points AWS programs to it.

    The log files wait until all is made: to put one draws from the generator of ids.
    """
    cloud, trail = Cloud(), Trail()
    before = {name: os.environ.get(name) for name in (*cloud.environment, "AWS_PROFILE", "AWS_SESSION_TOKEN")}
    for name in before:
        os.environ.pop(name, None)
    os.environ.update(cloud.environment)
    try:
        made = administrators(trail)
        seed(made)
        trail.flush()
        trail.start()
        yield cloud, Actors(administrator=made, people=People(trail), trail=trail)
    finally:
        trail.stop()
        cloud.stop()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def first_baseline(wired: Wired) -> BaselineVersion:
    """Reads everything once; ana captures and proposes, ben approves."""
    installation = wired.installation
    done = scan(installation, ScanOrder(trigger="demo"), holder=wiring.holder())
    if done.scan.gaps:
        gaps = "\n".join(f"  {gap.cell}: {gap.reason.value} {gap.operation} {gap.detail}" for gap in status.overview(installation).gaps)
        raise DriftwatchError(f"the simulated account could not be read in full:\n{gaps}")
    version = baselines.capture(installation, setting.BASELINE, setting.AUTHOR, note="the simulated account as it was made")
    baselines.propose(installation, version.id, setting.AUTHOR)
    return approvals.approve(installation, version.id, setting.APPROVER, seen_hash=version.content_hash).version


@dataclass
class Stage:
    """Where the story is played: scans are asked of the daemon, as any other program would."""

    cloud: Cloud
    changes: Path
    actors: Actors
    wired: Wired
    exit_code: int = 3
    scans: int = field(default=0)

    def client(self, service: str, region: str, who: str) -> Any:
        return self.actors.people.client(who, service, region)

    def assume(self, who: str, role: str) -> str:
        return self.actors.people.assume(who, role, "incident-7")

    def one_log_file(self) -> AbstractContextManager[None]:
        return self.actors.trail.one_file()

    def scan(self, type_: str | None = None) -> None:
        self.actors.trail.flush()
        installation = self.wired.installation
        request = requests.ask(installation, "scan", (f"*/*/{type_}",) if type_ else (), "demo")
        ended = requests.wait(installation, request.id, time.sleep, lambda _request: None)
        if ended.state is not RequestState.DONE or ended.exit_code is None:
            raise DriftwatchError(f"a scan of the story {ended.state.value}: {ended.error}")
        self.exit_code = ended.exit_code
        self.scans += 1

    def now(self) -> datetime:
        return wiring.now()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def until_explained(self, resource: str) -> None:
        """Waits a moment for the log: the calls of a step come a little after them."""
        until = time.monotonic() + EXPLAINED_WITHIN_S
        while resource and time.monotonic() < until:
            with self.wired.installation.store.read() as uow:
                mine = [finding for finding in uow.findings.all() if finding.resource_id == resource]
                if mine and uow.activity.explaining(max(mine, key=lambda finding: finding.first_seen).id):
                    return
            time.sleep(0.1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What driftwatch made of a step: the last finding on its resource, whatever became of it."""

    finding: Finding | None


def play(stage: Stage, step: Step) -> Outcome:
    """Plays one step and looks up what driftwatch made of it."""
    resource = step.act(stage)
    stage.until_explained(resource)
    with stage.wired.installation.store.read() as uow:
        mine = [finding for finding in uow.findings.all() if finding.resource_id == resource]
    return Outcome(finding=max(mine, key=lambda finding: finding.first_seen, default=None))


def case_of(stage: Stage, finding: Finding) -> findings.Case:
    return findings.case(stage.wired.installation, finding.id)


def stage_of(cloud: Cloud, actors: Actors, wired: Wired) -> Stage:
    return Stage(cloud=cloud, changes=wired.path.parent / "changes", actors=actors, wired=wired)


def daemon_of(wired: Wired, metrics: Metrics, report: Callable[..., None]) -> Daemon:
    return Daemon(wired, lambda: wiring.load(wired.path, store=wired.installation.store), metrics, report)
