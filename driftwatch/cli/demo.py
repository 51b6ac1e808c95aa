"""`driftwatch demo`: the main job on a simulated AWS account."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.status import Status

from driftwatch.cli.context import os_user
from driftwatch.cli.output import say
from driftwatch.domain.authorization.explain import explain
from driftwatch.domain.baseline import BaselineVersion
from driftwatch.domain.codec import decode
from driftwatch.domain.decision import Decision
from driftwatch.domain.report import Event
from driftwatch.operations import status
from driftwatch.operations.findings import Case
from driftwatch.operations.installation import Installation

if TYPE_CHECKING:
    from driftwatch.demo.play import Stage
    from driftwatch.demo.story import Step
    from driftwatch.wiring import Wired

PAUSE_S = 1.5


def demo(
    once: Annotated[bool, typer.Option("--once", help="Play the story without pauses and exit with the scan's exit code.")] = False,
    folder: Annotated[Path, typer.Option(help="Where the demo's configuration and store are made anew.")] = Path(".driftwatch-demo"),
    port: Annotated[int, typer.Option(help="The port of the metrics on 127.0.0.1; 0 takes a free one.")] = 9464,
) -> None:
    """Watch driftwatch catch an unauthorised change, and stay silent about an authorised one, on a simulated AWS account.

    Two accounts that speak the real API are made on this machine; two people approve a baseline; the daemon starts; then nine things
    happen to the accounts, and their log says who did them. Nothing of yours is read or written but the demo's folder.
    """
    from driftwatch import wiring
    from driftwatch.demo import play, setting
    from driftwatch.demo.cloud import ACCOUNTS, REGIONS
    from driftwatch.demo.story import steps
    from driftwatch.telemetry import logs
    from driftwatch.telemetry.listener import OperationsListener
    from driftwatch.telemetry.metrics import Metrics

    logs.configure("error", json=False)
    with play.simulated_aws() as (cloud, clients):
        say(f"A simulated AWS answers on {cloud.url}: accounts {', '.join(ACCOUNTS)} in {', '.join(REGIONS)}.")
        wired = wiring.load(setting.write(folder, port or 9464, _free_port(), os_user()))
        with _busy("reading everything for the first time"):
            version = play.first_baseline(wired)
        _tell_baseline(wired.installation, version)
        metrics = Metrics()
        daemon = play.daemon_of(wired, metrics, _silent)
        listener = OperationsListener("127.0.0.1", 0 if once else port, metrics.registry, daemon.health(), None)
        listener.start()
        daemon.start()
        stage = play.stage_of(cloud, clients, wired)
        try:
            for number, step in enumerate(steps(), start=1):
                _tell_step(stage, number, step, pause=not once)
            _tell_end(wired, stage, listener.address, once=once)
            if not once:
                _run_on(daemon.loaded)
        except KeyboardInterrupt:
            say("", "stopping")
        finally:
            daemon.stop()
            listener.stop()
            wired.installation.store.close()
    raise typer.Exit(stage.exit_code)


def _free_port() -> int:
    """One that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run_on(loaded: Callable[[], Wired]) -> None:
    """Until Ctrl-C, with the API and a link that signs the visitor in as ben."""
    from driftwatch.cli import product

    opened = product.opened(loaded)
    with product.beside(*opened, loaded) if opened else nullcontext():
        while True:
            time.sleep(1)


def _silent(_event: Event) -> None:
    """The story tells what happens; the daemon's own reports would repeat it."""


def _busy(what: str) -> Status:
    return Console(stderr=True).status(what)


def _tell_baseline(installation: Installation, version: BaselineVersion) -> None:
    view = status.overview(installation)
    resources = sum(item.count for item in view.cells)
    types = len({item.cell.type for item in view.cells if item.count})
    say(
        f"Read {resources} resources of {types} types in {len(view.cells)} cells.",
        f"Ana captured and proposed the baseline, Ben approved it: {version.id}, content hash {version.content_hash[:16]}.",
        "The daemon runs.",
    )


def _tell_step(stage: Stage, number: int, step: Step, *, pause: bool) -> None:
    from driftwatch.demo import play

    say("", f"{number}. {step.title}", f"   {step.told}")
    if pause:
        time.sleep(PAUSE_S)
    with _busy("scanning"):
        outcome = play.play(stage, step)
    if outcome.finding is None:
        view = status.overview(stage.wired.installation)
        unknown = [item for item in view.cells if item.reason == "denied"]
        say(f"   -> {len(unknown)} cells are unknown (denied), their {sum(item.count for item in unknown)} resources are not deleted")
        return
    finding = outcome.finding
    say(f"   -> {finding.verdict_current.value}, {finding.state.value}   ({finding.id})")
    case = play.case_of(stage, finding)
    for line in _by(case):
        say(f"      {line}")
    last = case.decisions[-1]
    for line in explain(decode(Decision, last))[1:]:
        if not any(mark in line for mark in (", pass:", ", n/a:")):
            say(f"      {line}")


def _by(case: Case) -> list[str]:
    """Who made the change, as the log says."""
    if case.explained is None:
        return []
    told = []
    for call in case.explained.attribution.writers:
        behalf = f" for {call.event.on_behalf_of}" if call.event.on_behalf_of else ""
        through = case.explained.activities[call.event.id].actor.channel.value
        told.append(f"by {call.event.actor or 'nobody known'}{behalf}, through {through}: {call.event.event_name}")
    return told


def _tell_end(wired: Wired, stage: Stage, address: str, *, once: bool) -> None:
    view = status.overview(wired.installation)
    say("", f"{len(view.findings)} findings are live, the exit code of a scan is {stage.exit_code}.")
    if not once:
        say(
            f"The daemon keeps running: metrics on http://{address}/metrics, health on http://{address}/healthz. Try, in another terminal:",
            f"  driftwatch status --config {wired.path}",
            f"  driftwatch findings list --config {wired.path}",
            f"  driftwatch findings why FINDING --config {wired.path}",
            f"  driftwatch activity list --config {wired.path}",
            f"  driftwatch scan --config {wired.path}",
            "Ctrl-C ends it.",
        )
