"""The simulated AWS: moto's server in a process of its own, with accounts, fixed ids, and services that can start to deny."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final

from driftwatch.demo.stand_in import Application, Environ, StandIn, StartResponse, signed_for
from driftwatch.errors import DriftwatchError

ACCOUNTS: Final = ("123456789012", "222222222222")
"""The first is reached by the caller's own credentials, the second through a role."""
ROLE: Final = "arn:aws:iam::222222222222:role/driftwatch-read"
REGIONS: Final = ("eu-west-1", "us-east-1")
SEED: Final = 20260310
"""Ids that AWS would choose come from a generator with this seed: the account is the same in every run."""

_DENIED = (
    b'{"__type":"AccessDeniedException","message":"User: arn:aws:iam::123456789012:user/driftwatch is not authorized to perform this"}'
)


class Cloud:
    """A simulated AWS in a process of its own, on a free loopback port; `environment` is what any AWS program needs to reach it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "driftwatch.demo.cloud"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=_quiet(os.environ),
        )
        self.url = self._said().strip()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIADEMODEMODEMODEMO",
            "AWS_SECRET_ACCESS_KEY": "simulated",
            "AWS_DEFAULT_REGION": REGIONS[0],
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def deny(self, service: str) -> None:
        """From now on this service (its signing name) answers AccessDenied to everybody."""
        if self._process.stdin is None:
            raise DriftwatchError("the simulated account takes no orders")
        self._process.stdin.write(f"{service}\n")
        self._process.stdin.flush()
        self._said()

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)

    def _said(self) -> str:
        """The next line that the process says; raises DriftwatchError when it has died instead."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise DriftwatchError("the simulated account did not start; the demo needs its extra: pip install 'driftwatch[demo]'")
        return line


def main() -> None:
    """Serves the simulation, says its URL, and denies each service that standard input names; ends with its input.

    Moto prints what it does not know: into the log, since nobody reads this end of the pipe, and a full pipe would stop every call.
    """
    answer, sys.stdout = sys.stdout, sys.stderr
    denying = _Denying(StandIn(_application()))
    server = _server(denying)
    threading.Thread(target=server.serve_forever, name="simulated-aws", daemon=True).start()
    answer.write(f"http://127.0.0.1:{server.server_port}\n")
    answer.flush()
    for line in sys.stdin:
        denying.services.add(line.strip())
        answer.write("denied\n")
        answer.flush()


def _quiet(environment: Mapping[str, str]) -> dict[str, str]:
    """The process's environment: no stock images, which would make more than a thousand snapshots."""
    return {**environment, "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}


class _Denying:
    """A WSGI layer before the simulation that denies the calls to some services, as a changed permission would."""

    def __init__(self, application: Application) -> None:
        self.services: set[str] = set()
        self._application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if signed_for(environ)[1] in self.services:
            headers = [("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-RequestId", "simulated-denial")]
            start_response("400 Bad Request", [*headers, ("Content-Length", str(len(_DENIED)))])
            return [_DENIED]
        return self._application(environ, start_response)


def _application() -> Application:
    """Moto's application, empty and with its generator of ids reset."""
    try:
        from moto.moto_api._internal import mock_random
        from moto.moto_api._internal.models import moto_api_backend
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    except ImportError as error:
        raise DriftwatchError("the demo needs moto: install driftwatch with its extra, `pip install 'driftwatch[demo]'`") from error
    moto_api_backend.reset()
    mock_random.seed(SEED)
    application: Application = DomainDispatcherApplication(create_backend_app)
    return application


def _server(application: _Denying) -> Any:
    import logging

    from werkzeug.serving import WSGIRequestHandler, make_server

    class Silent(WSGIRequestHandler):
        def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
            """Requests are not logged."""

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    return make_server("127.0.0.1", 0, application, threaded=True, request_handler=Silent)


if __name__ == "__main__":
    main()
