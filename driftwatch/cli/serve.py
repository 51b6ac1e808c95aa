"""`driftwatch serve`: the daemon."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import nullcontext

import typer

from driftwatch import wiring
from driftwatch.cli.context import ConfigOption
from driftwatch.daemon import Daemon
from driftwatch.telemetry import logs
from driftwatch.telemetry.listener import OperationsListener
from driftwatch.telemetry.metrics import Metrics


def serve(config: ConfigOption = None) -> None:
    """Scan on schedule, serve requests of other commands and the API, expose metrics and health; until SIGTERM.

    On a single machine it prints a link that signs you in, once.

    SIGHUP reads configuration, policy, people and baseline files anew: everything is checked first, and only then replaces what is in
    force. SIGTERM stops within 20 s; a scan that runs is marked aborted, and what it had read stays true. Exit code 0 after a signal, 1
    when driftwatch could not start, or another daemon took over.
    """
    from driftwatch.cli import product

    wired = wiring.load(config)
    settings = wired.config
    logs.configure(settings.log.level, json=settings.log.format == "json")
    metrics = Metrics()
    daemon = Daemon(wired, lambda: wiring.reload(wired), metrics)
    host, port = settings.operations.address
    listener = OperationsListener(host, port, metrics.registry, daemon.health(), daemon.token)
    opened = product.opened(daemon.loaded)
    listener.start()
    typer.echo(f"metrics and health on http://{listener.address}/", err=True)
    try:
        code = daemon.run(product.beside(*opened, daemon.loaded) if opened else nullcontext())
    finally:
        if opened:
            opened[0].stop()
        listener.stop()
        _close(wired)
    _exit(code)


def _close(wired: wiring.Wired) -> None:
    """Within two seconds: a thread that hangs may hold the store's lock."""
    closing = threading.Thread(target=wired.close, name="closing", daemon=True)
    closing.start()
    closing.join(2)


def _exit(code: int) -> None:
    """At once where a thread hangs: the interpreter would wait for it. Its writes are refused, so that nothing is lost."""
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    raise typer.Exit(code)
