"""`driftwatch` in processes of its own, for the tests of what only a real process shows: signals, exit codes, two of them on one store."""

from __future__ import annotations

import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.integration.daemon.stage import scraped, wait_until

POLICY = 'extends: startup\nproduction_accounts: ["{account}"]\n'
CONFIG = """
state_dir: state
accounts: [{{id: "{account}", regions: [eu-west-1]}}]
types: ["AWS::SQS::Queue", "AWS::SNS::Topic"]
baselines: [{{name: production}}]
people: people.yaml
change_sources: [{{name: tickets, kind: files, path: changes}}]
schedule: {{every: 1h, jitter_s: 0}}
operations: {{listen: "127.0.0.1:{port}"{more}}}
product: {{listen: "127.0.0.1:{product_port}", access: [{{role: admin, to: [ana]}}]}}
log: {{level: debug}}
"""
GREETINGS = ("metrics and health on ", "API on ", "sign in, once")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Place:
    """A folder with a configuration, and the environment in which its processes find AWS."""

    def __init__(self, folder: Path, url: str, account: str, more: str = "") -> None:
        self.folder = folder
        self.port, self.product_port = free_port(), free_port()
        self.config = folder / "driftwatch.yaml"
        self.policy = folder / "policy.yaml"
        folder.joinpath("changes").mkdir()
        self.config.write_text(CONFIG.format(account=account, port=self.port, product_port=self.product_port, more=more))
        self.policy.write_text(POLICY.format(account=account))
        user = json.dumps(pwd.getpwuid(os.getuid()).pw_name)
        folder.joinpath("people.yaml").write_text(f"people: [{{id: ana, os_users: [{user}]}}]\n")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DRIFTWATCH_", "COV_"))}
        self.env: Mapping[str, str] = kept | {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "AKIDTEST",
            "AWS_SECRET_ACCESS_KEY": "secret-canary-0815",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def run(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "driftwatch", *arguments, "--config", str(self.config)]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=timeout, check=False)

    def get(self, path: str, token: str | None = None, method: str = "GET") -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except urllib.error.URLError:
            return 0, ""

    def product(self, path: str, form: str | None = None, cookie: str = "") -> tuple[int, str]:
        """(status, the cookie that was set, without its attributes) of the product listener."""
        url = f"http://127.0.0.1:{self.product_port}"
        body = None if form is None else form.encode()
        request = urllib.request.Request(url + path, body, {"Origin": url, "Cookie": cookie})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.headers.get("Set-Cookie", "").partition(";")[0]
        except urllib.error.HTTPError as error:
            return error.code, ""

    def product_bytes(self, path: str, cookie: str) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.product_port}{path}", headers={"Cookie": cookie})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bytes(answer.read())

    def metric(self, name: str, token: str | None = None, **labels: str) -> float | None:
        return scraped(self.get("/metrics", token)[1]).get((name, tuple(sorted(labels.items()))))


class Serving:
    """One `driftwatch serve`. Its standard error is kept in a file."""

    def __init__(self, place: Place, number: int = 1) -> None:
        self.place = place
        self.stderr = place.folder / f"serve-{number}.log"
        with self.stderr.open("w") as out:
            command = [sys.executable, "-m", "driftwatch", "serve", "--config", str(place.config)]
            self.process = subprocess.Popen(command, env=place.env, stdout=subprocess.DEVNULL, stderr=out)

    def until_ready(self) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, self.stderr.read_text()
            return self.place.get("/readyz")[0] == 200

        wait_until(ready, 30)

    def events(self) -> list[dict[str, Any]]:
        """Every line of its log; anything that is no JSON object fails the test (but the greetings for people)."""
        lines = self.stderr.read_text().splitlines()
        return [json.loads(line) for line in lines if not line.startswith(GREETINGS)]

    def until_told(self, event: str, seconds: float = 20, **fields: Any) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        def told() -> bool:
            found[:] = [item for item in self.events() if item["event"] == event and fields.items() <= item.items()]
            return bool(found)

        wait_until(told, seconds)
        return found[-1]

    def end(self, number: int = signal.SIGTERM, within: float = 20) -> tuple[int, float]:
        """(exit code, seconds) of its end by a signal."""
        began = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(within)
        return code, time.monotonic() - began

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
