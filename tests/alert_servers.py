"""A real Prometheus and a real Alertmanager, as processes on loopback with free ports. Each is stopped by its process, never by name."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Final

from tests.deploy.tools import found
from tests.integration.daemon.processes import free_port
from tests.integration.daemon.stage import wait_until

READY_S: Final = 40.0


class Server:
    """One program that answers on `url`, once `start` was called. What it says goes into a log in `folder`."""

    name = ""

    def __init__(self, program: str, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def arguments(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        with (self.folder / f"{self.name}.log").open("ab") as log:
            command = [self._program, *self.arguments(), f"--web.listen-address=127.0.0.1:{self.port}"]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self._ready, READY_S)

    def kill(self) -> None:
        """At once, with nothing saved; without effect where it does not run."""
        if self._process:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def get(self, path: str) -> bytes | None:
        """The answer's body; None where there is none, or an error."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return bytes(answer.read())
        except OSError:
            return None

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / f"{self.name}.log").read_text()
        return self.get("/-/ready") is not None


class Alertmanager(Server):
    """Starts with an empty memory each time, as one does whose disk is gone with it."""

    name = "alertmanager"

    def __init__(self, folder: Path, config: str) -> None:
        super().__init__(found("alertmanager", "prometheus-alertmanager"), folder)
        (folder / "alertmanager.yml").write_text(config)
        self._starts = 0

    def arguments(self) -> list[str]:
        self._starts += 1
        storage = self.folder / f"alertmanager-{self._starts}"
        return [f"--config.file={self.folder}/alertmanager.yml", f"--storage.path={storage}", "--cluster.listen-address="]

    def alerts(self) -> list[dict[str, Any]]:
        """What fires there."""
        answer: list[dict[str, Any]] = json.loads(self.get("/api/v2/alerts") or b"[]")
        return answer


class Prometheus(Server):
    """`folder` holds the files that the configuration names."""

    name = "prometheus"

    def __init__(self, folder: Path, resend_s: int) -> None:
        super().__init__(found("prometheus"), folder)
        self._resend_s = resend_s

    def arguments(self) -> list[str]:
        return [
            f"--config.file={self.folder}/prometheus.yml",
            f"--storage.tsdb.path={self.folder}/prometheus",
            f"--rules.alert.resend-delay={self._resend_s}s",
        ]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Every series of an instant vector: ``{"metric": labels, "value": [time, text]}``."""
        body = self.get(f"/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
        found_: list[dict[str, Any]] = json.loads(body)["data"]["result"] if body else []
        return found_
