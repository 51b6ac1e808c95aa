"""What botocore's models say about an operation: shapes, paging, errors, regions. Only the type check asks; nothing here calls AWS."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import botocore
import botocore.session
from botocore.exceptions import DataNotFoundError, UnknownServiceError
from botocore.model import OperationModel, OperationNotFoundError, ServiceModel

from driftwatch.aws.entry import Paging
from driftwatch.aws.paging import page_rule
from driftwatch.aws.shapes import Type, of_shape

READING_VERBS = ("List", "Describe", "Get", "BatchGet", "BatchDescribe", "BatchList", "Search", "Lookup")

_INPUT_TOKEN = re.compile(
    r"^((next|page|nextpage|continuation|pagination|starting)?token|.*marker|position|exclusivestart.*|startrecord.*)$", re.IGNORECASE
)
_OUTPUT_TOKEN = re.compile(r"^(next.*|.*(page|continuation|pagination)token|.*marker|position|lastevaluated.*)$", re.IGNORECASE)
"""Every token member of botocore's 3,449 paginators (1.44.5) has such a name; 17 % of list operations have one, but no paginator."""

S3_ERROR_CODES = frozenset(
    {
        "AccessControlListNotSupported",
        "AccessGrantsInstanceNotExistsError",
        "AccessGrantsInstanceResourcePolicyNotExists",
        "AccessDenied",
        "MethodNotAllowed",
        "NoSuchAccessPointPolicy",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchConfiguration",
        "NoSuchCORSConfiguration",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "NoSuchTagSet",
        "NoSuchWebsiteConfiguration",
        "ObjectLockConfigurationNotFoundError",
        "OwnershipControlsNotFoundError",
        "ReplicationConfigurationNotFoundError",
        "ServerSideEncryptionConfigurationNotFoundError",
        "UnsupportedArgument",
        "UnsupportedOperation",
        "MetadataConfigurationNotFound",
        "MetadataTableConfigurationNotFound",
    }
)
"""S3's model names next to no error codes: these are the ones in its API reference and error list that a reading call can meet."""

GENERAL_ERROR_CODES = frozenset({"OptInRequired", "SubscriptionRequiredException", "UnknownOperationException", "UnsupportedOperation"})
"""Codes that every service may answer with, and no model names: not subscribed, not in this region."""


_SHORT = 4
"""Of a name with so few letters, one letter makes much of the difference."""


def sdk_version() -> str:
    return str(botocore.__version__)


class SdkError(Exception):
    """The installed SDK does not know the service or the operation. `near` is the most similar name that it knows."""

    def __init__(self, text: str, name: str = "", known: Sequence[str] = ()) -> None:
        self.near = next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.8 if len(name) > _SHORT else 0.66)), None)
        hint = f"; did you mean {self.near}?" if self.near else f"; it will not be read with the installed SDK, {sdk_version()}"
        super().__init__(text + hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of a service, with what its paginator says."""

    service: str
    name: str
    model: Any = field(repr=False)
    paginator: Mapping[str, Any] | None

    @property
    def input(self) -> Any:
        """The botocore shape of the parameters; None where there are none."""
        return self.model.input_shape

    @property
    def output(self) -> Type:
        return of_shape(self.model.output_shape)

    @property
    def token(self) -> str | None:
        """The input member that asks for the next page, or None; also where botocore has no paginator."""
        if not (self.input and self.model.output_shape):
            return None
        members = dict(self.model.output_shape.members)
        wrapped = next(iter(members.values())) if len(members) == 1 else None
        inside = wrapped.members if wrapped is not None and wrapped.type_name == "structure" else ()
        if not any(_OUTPUT_TOKEN.match(name) for name in (*members, *inside)):
            return None
        return next((name for name in self.input.members if _INPUT_TOKEN.match(name)), None)

    @property
    def can_follow_token(self) -> bool:
        """Whether the collector finds the way to the next page without a paginator."""
        return bool(page_rule(None, self.model, Paging.TOKEN).inputs)

    @property
    def result_roots(self) -> frozenset[str]:
        """The members under which the paginator's results stand."""
        keys = (self.paginator or {}).get("result_key", [])
        return frozenset(re.split(r"[.\[|]", key)[0].strip() for key in ([keys] if isinstance(keys, str) else keys))

    @property
    def error_codes(self) -> frozenset[str]:
        """The error codes that the model names for this operation."""
        shapes = self.model.error_shapes
        return frozenset({shape.name for shape in shapes} | {shape.metadata.get("error", {}).get("code", shape.name) for shape in shapes})


class Sdk:
    """botocore's models, each read once. Not for use by several threads at once."""

    def __init__(self, session: botocore.session.Session | None = None) -> None:
        self._session = session or botocore.session.get_session()
        self._services: dict[str, ServiceModel] = {}
        self._paginators: dict[str, Mapping[str, Any]] = {}

    @cached_property
    def services(self) -> tuple[str, ...]:
        """The client names that the SDK has."""
        return tuple(self._session.get_available_services())

    @cached_property
    def config_types(self) -> frozenset[str]:
        """The names by which AWS Config knows resource types."""
        return frozenset(self.service("config").shape_for("ResourceType").enum)

    def service(self, name: str) -> ServiceModel:
        if name not in self._services:
            try:
                self._services[name] = self._session.get_service_model(name)
            except (UnknownServiceError, DataNotFoundError) as error:
                raise SdkError(f"the SDK has no service {name}", name, self.services) from error
        return self._services[name]

    def operation(self, service: str, name: str) -> Operation:
        """Raises SdkError for an unknown service or operation."""
        model = self.service(service)
        try:
            operation: OperationModel = model.operation_model(name)
        except OperationNotFoundError as error:
            raise SdkError(f"{service} has no operation {name}", name, model.operation_names) from error
        if service not in self._paginators:
            try:
                self._paginators[service] = self._session.get_paginator_model(service)._paginator_config  # noqa: SLF001 - all of them
            except (UnknownServiceError, DataNotFoundError):
                self._paginators[service] = {}
        return Operation(service=service, name=name, model=operation, paginator=self._paginators[service].get(name))

    def operations(self, service: str) -> list[str]:
        return list(self.service(service).operation_names)

    def paginators(self, service: str) -> Mapping[str, Any]:
        """operation -> paginator configuration, for all operations of the service that have one."""
        names = self.operations(service)
        return {name: found.paginator for name in names if (found := self.operation(service, name)).paginator}

    def is_endpoint(self, prefix: str) -> bool:
        """Whether the region data has a service of that endpoint prefix."""
        return prefix in self._partition["services"]

    def is_partition_wide(self, service: str) -> bool | None:
        """Whether the service has one endpoint for the whole partition; None where the SDK's region data lacks the service."""
        known = self._partition["services"].get(self.service(service).endpoint_prefix)
        return None if known is None else known.get("isRegionalized") is False

    @cached_property
    def all_regions(self) -> frozenset[str]:
        """The names of all regions of all partitions that the SDK knows."""
        partitions = self._session.get_data("endpoints")["partitions"]
        return frozenset(name for partition in partitions for name in partition["regions"])

    @cached_property
    def _partition(self) -> Any:
        return self._session.get_data("endpoints")["partitions"][0]
