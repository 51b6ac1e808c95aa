"""The trail of the simulated accounts: what the administrator and the people of the story do is logged in the trails' buckets.

A hook in their clients makes each record from the request that was sent and the reply that came. A call that got no reply leaves none.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from driftwatch.demo.cloud import ACCOUNTS, REGIONS
from driftwatch.demo.trail_callers import Keyring, federated, federation_parameters, stranger
from driftwatch.demo.trail_files import LogFiles, Trails
from driftwatch.demo.trail_records import Call, Caller, record

Json = Any
NAME: Final = "main"
BUCKET_REGION: Final = REGIONS[0]
DELIVERED_EVERY_S: Final = 0.25
_NOTED: Final = "driftwatch-demo-trail"
_CREDENTIAL: Final = re.compile(r"Credential=([^/]+)/")


def bucket_of(account: str) -> str:
    return f"acme-{account[:3]}-logs"


BUCKET: Final = bucket_of(ACCOUNTS[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """What somebody calls AWS with, and from where. An empty `agent` is the SDK's own."""

    agent: str = ""
    source_ip: str
    console: bool = False


class Trail:
    """Logs the calls of the clients that it makes, in the accounts whose trails are started. Threads may share it."""

    def __init__(self) -> None:
        self.keys = Keyring()
        self._trails = Trails()
        self._files = LogFiles(self._put)
        self._writers: dict[str, Any] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def client(self, session: Any, service: str, region: str, tool: Tool) -> Any:
        """A client of a boto3 session whose calls are logged."""
        made = session.client(service, region_name=region)
        made.meta.events.register("provide-client-params", _note_parameters)
        made.meta.events.register_last("request-created", partial(_note_request, tool))
        made.meta.events.register("after-call", lambda **told: self._log(tool, region, told))
        return made

    def write_with(self, account: str, client: Any) -> None:
        """The S3 client that stores the log files of an account; nobody logs it."""
        self._writers[account] = client

    @contextmanager
    def one_file(self) -> Iterator[None]:
        """What is done meanwhile is delivered at the end, in one file of each region, as a trail mostly does."""
        with self._files.held():
            yield
        self.flush()

    def start(self) -> None:
        """From now on files are put soon after the calls."""
        self._thread = threading.Thread(target=self._deliver, name="simulated-trail", daemon=True)
        self._thread.start()

    def flush(self) -> None:
        """Puts the files of all calls that were made."""
        self._files.flush(datetime.now(UTC))

    def stop(self) -> None:
        self._stopping.set()
        if self._thread:
            self._thread.join()

    def _deliver(self) -> None:
        while not self._stopping.wait(DELIVERED_EVERY_S):
            self.flush()

    def _put(self, account: str, bucket: str, key: str, body: bytes) -> None:
        self._writers[account].put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json", ContentEncoding="gzip")

    def _log(self, tool: Tool, region: str, told: Mapping[str, Any]) -> None:
        noted = told["context"][_NOTED]
        call = Call(
            operation=told["model"],
            region=region,
            reply=told["parsed"],
            status=told["http_response"].status_code,
            at=datetime.now(UTC),
            **noted,
        )
        identity = self.keys.identity(call.key) if call.key else federated(call)
        caller = Caller(identity=identity, source_ip=tool.source_ip, console=tool.console, asserted=federation_parameters(call))
        account = str(identity.get("accountId") or str(call.params["RoleArn"]).split(":")[4])
        if call.failed:
            self._record(account, call, caller)
            return
        self.keys.learn(call)
        if call.name == "StopLogging":  # the call that ends a log is its last record
            self._record(account, call, caller)
        if call.service == "cloudtrail":
            self._trails.learn(account, call)
        if call.name != "StopLogging":
            self._record(account, call, caller)

    def _record(self, account: str, call: Call, caller: Caller) -> None:
        """One record in the caller's account; where a role of another account is assumed, a second one there, which shows less."""
        if call.is_data:
            return
        readers = [account]
        if call.name == "AssumeRole" and not call.failed and (other := str(call.params["RoleArn"]).split(":")[4]) != account:
            readers.append(other)
        shared = {"sharedEventID": str(uuid.uuid4())} if len(readers) > 1 else {}
        for reader in readers:
            seen = caller if reader == account else Caller(identity=stranger(caller.identity), source_ip=caller.source_ip)
            for trail in self._trails.that_log(reader, call.logged_region):
                self._files.add(trail, record(call, seen, reader) | shared)


def _note_parameters(params: Mapping[str, Any], context: dict[str, Any], **_rest: Any) -> None:
    """What the caller asked, before botocore makes a request of it."""
    context[_NOTED] = {"params": dict(params)}


def _note_request(tool: Tool, request: Any, **_rest: Any) -> None:
    """What is sent, signed: of a call that is tried again, the last one. The agent is no part of what is signed."""
    if tool.agent:
        request.headers.replace_header("User-Agent", tool.agent)
    signed = _CREDENTIAL.search(_text(request.headers.get("Authorization")))
    body = request.data if isinstance(request.data, bytes) else b""
    request.context[_NOTED] |= {
        "key": signed.group(1) if signed else None,
        "agent": _text(request.headers.get("User-Agent")),
        "url": request.url,
        "body": body,
    }


def _text(header: str | bytes | None) -> str:
    return header.decode() if isinstance(header, bytes) else header or ""
