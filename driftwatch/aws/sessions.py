"""Sessions and clients: one session for each account, its clients created under a lock and kept while they are used."""

from __future__ import annotations

import platform
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, DeferredRefreshableCredentials, create_assume_role_refresher
from botocore.exceptions import ClientError, UnknownServiceError

from driftwatch import __version__
from driftwatch.aws import deadline
from driftwatch.aws.failures import CredentialsUnavailableError, classify
from driftwatch.aws.replies import StrictParserFactory
from driftwatch.aws.traffic import Limits

HOME_REGIONS: Mapping[str, str] = MappingProxyType({"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"})
"""Where global services are asked in each partition."""

_USER_AGENT = f"driftwatch/{__version__} Botocore/{botocore.__version__} Python/{platform.python_version()}"
"""The whole of it: botocore's own is put together anew twice for every call, which takes a twentieth of the call's CPU time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account to read, and by which credentials: the caller's own (`role_arn` None) or a role to assume.

    `profile` names the AWS profile of the caller's credentials (None: boto3's usual chain). `regions` None means all enabled ones.
    """

    id: str
    role_arn: str | None = None
    external_id: str | None = None
    profile: str | None = None
    regions: tuple[str, ...] | None = None
    partition: str = "aws"
    session_name: str = "driftwatch"

    @property
    def home(self) -> str:
        return HOME_REGIONS[self.partition]


@lru_cache(maxsize=1)
def _service_descriptions() -> Any:
    """botocore's loader of service descriptions. Loaded ones stay in memory (ec2's takes 15 MB): one loader serves the whole process."""
    return botocore.session.Session().get_component("data_loader")


class Sessions:
    """The sessions of all accounts. Service descriptions are loaded once for all; the clients used last are kept, up to
    `limits.clients`."""

    def __init__(self, accounts: Iterable[Account], limits: Limits) -> None:
        self._accounts = {account.id: account for account in accounts}
        self._limits = limits
        self._lock = threading.RLock()
        self._loader = _service_descriptions()
        self._parsers = StrictParserFactory()
        self._sessions: dict[str, Any] = {}
        self._clients: OrderedDict[tuple[str, str, str], Any] = OrderedDict()
        self._paginators: dict[tuple[str, str], Mapping[str, Any] | None] = {}

    def client(self, account: str, region: str, service: str) -> Any:
        """The client, made if need be. Raises what botocore raises (UnknownServiceError, ProfileNotFound, ...)."""
        key = (account, region, service)
        with self._lock:  # sessions are not thread-safe; clients are
            client = self._clients.get(key)
            if client is None:
                client = self._make_client(self._session(account), service, region)
                self._clients[key] = client
                if len(self._clients) > self._limits.clients:
                    self._clients.popitem(last=False)  # not closed: a thread may be using it
            self._clients.move_to_end(key)
            return client

    def paginator(self, account: str, service: str, operation: str) -> Mapping[str, Any] | None:
        """botocore's paginator data of an operation; None where it has none."""
        with self._lock:
            if (service, operation) not in self._paginators:
                try:
                    found = self._session(account).get_paginator_model(service).get_paginator(operation)
                except (UnknownServiceError, ValueError):  # no paginators file for the service; none for the operation
                    found = None
                self._paginators[(service, operation)] = found
            return self._paginators[(service, operation)]

    def known_in(self, account: str, service: str, region: str) -> bool:
        """Whether the SDK knows the service in the region. Its list has holes: a service without any region counts as known."""
        with self._lock:
            regions = self._session(account).get_available_regions(service, partition_name=self._accounts[account].partition)
        return not regions or region in regions

    def regions(self, account: Account) -> tuple[str, ...]:
        """The regions of the account's partition that the SDK knows, enabled or not."""
        with self._lock:
            session = self._plain_session(replace(account, profile=None))
            return tuple(session.get_available_regions("ec2", partition_name=account.partition))

    def _session(self, account_id: str) -> Any:
        if account_id not in self._sessions:
            account = self._accounts[account_id]
            session = self._plain_session(account)
            if account.role_arn:
                credentials = self._assumed(session, account)
                session = self._plain_session(account)
                session.register_component("credential_provider", CredentialResolver([_AssumedRole(credentials)]))
            self._sessions[account_id] = session
        return self._sessions[account_id]

    def _plain_session(self, account: Account) -> Any:
        session = botocore.session.Session(profile=account.profile)
        session.register_component("data_loader", self._loader)
        session.register_component("response_parser_factory", self._parsers)
        session.set_config_variable("sts_regional_endpoints", "regional")  # a token of the global endpoint is refused in opt-in regions
        return session

    def _make_client(self, session: Any, service: str, region: str) -> Any:
        config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},  # `calls` retries: it knows the slots and the budget
            connect_timeout=self._limits.connect_timeout_s,
            read_timeout=self._limits.read_timeout_s,
            max_pool_connections=self._limits.calls_per_place,
            parameter_validation=False,  # the catalogue's type check did that
            user_agent=_USER_AGENT,
        )
        client = session.create_client(service, region_name=region, config=config)
        deadline.install(client)
        return client

    def _assumed(self, source: Any, account: Account) -> DeferredRefreshableCredentials:
        """Credentials of the account's role, renewed by themselves before they expire. The first call that needs them assumes the role."""
        params = {"RoleArn": account.role_arn, "RoleSessionName": account.session_name}
        if account.external_id:
            params["ExternalId"] = account.external_id
        region = account.regions[0] if account.regions else account.home

        def refresh() -> Any:
            # made here, not before: without any credentials of its own the source must fail as a call, not as a constructor
            with self._lock:
                sts = self._make_client(source, "sts", region)
            return create_assume_role_refresher(sts, params)()

        return DeferredRefreshableCredentials(refresh_using=_named(refresh, f"{account.role_arn}"), method="assume-role")


def _named(refresh: Callable[[], Any], role: str) -> Callable[[], Any]:
    """`refresh`, with every failure told as one of the credentials of `role`."""

    def attempt() -> Any:
        try:
            return refresh()
        except Exception as error:
            failed = classify(error, "sts:AssumeRole")
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else failed.detail
            raise CredentialsUnavailableError(f"cannot assume {role}: {code}", retryable=failed.retryable) from error

    return attempt


class _AssumedRole(CredentialProvider):  # type: ignore[misc]  # botocore has no type hints
    METHOD = "assume-role"

    def __init__(self, credentials: DeferredRefreshableCredentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> DeferredRefreshableCredentials:
        return self._credentials
