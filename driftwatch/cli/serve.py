"""`driftwatch serve`: the daemon."""

from __future__ import annotations

import typer

from driftwatch import wiring
from driftwatch.cli.context import ConfigOption
from driftwatch.daemon import Daemon
from driftwatch.telemetry import logs
from driftwatch.telemetry.listener import OperationsListener
from driftwatch.telemetry.metrics import Metrics


def serve(config: ConfigOption = None) -> None:
    """Scan on schedule, serve requests of other commands, expose metrics and health; until SIGTERM.

    SIGHUP reads configuration, policy and baseline files anew: everything is checked first, and only then replaces what is in force.
    """
    wired = wiring.load(config)
    settings = wired.config
    logs.configure(settings.log.level, json=settings.log.format == "json")
    metrics = Metrics()
    daemon = Daemon(wired, lambda: wiring.load(config, store=wired.installation.store), metrics)
    host, port = settings.operations.address
    listener = OperationsListener(host, port, metrics.registry, daemon.health(), wired.token())
    listener.start()
    typer.echo(f"metrics and health on http://{listener.address}/", err=True)
    try:
        code = daemon.run()
    finally:
        listener.stop()
        wired.installation.store.close()
    raise typer.Exit(code)
