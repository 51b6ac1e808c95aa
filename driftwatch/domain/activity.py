"""Activity: one logged API call, who made it and what it names; and the part of it that a decision needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from driftwatch.domain.resource import Json


class ActorKind(StrEnum):
    HUMAN = "human"
    PIPELINE = "pipeline"
    AWS_SERVICE = "aws_service"
    UNKNOWN = "unknown"


class Channel(StrEnum):
    """By which tool a call was made."""

    CONSOLE = "console"
    CLI = "cli"
    SDK = "sdk"
    TERRAFORM = "terraform"
    CLOUDFORMATION = "cloudformation"
    CDK = "cdk"
    PIPELINE = "pipeline"
    AWS_SERVICE = "aws-service"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRef:
    """What a pipeline run says it carried out: a change record, a commit, its own run id."""

    change_id: str | None = None
    commit: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who made a call, as the log tells it; nothing here is looked up in a policy.

    `principal` is the most telling of `names`, which are all names that a policy's identities, pipelines and machine actors may use for
    it, the most telling first. `account` is the caller's own, `role` the ARN of the role that a session was made from, `access_key` the
    id of the key that signed the call, by which a session leads to the call that began it.
    """

    principal: str | None = None
    kind: ActorKind = ActorKind.UNKNOWN
    names: tuple[str, ...] = ()
    on_behalf_of: str | None = None
    channel: Channel = Channel.UNKNOWN
    account: str | None = None
    source_ip: str | None = None
    invoked_by: str | None = None
    role: str | None = None
    access_key: str | None = None
    run_ref: RunRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """The session that a call began: the id of the key it was given, and its ARN."""

    access_key: str | None = None
    session: str | None = None


# --- what ------------------------------------------------------------------------------------------------------------------------------


class CallClass(StrEnum):
    """What a call is for, decided by its operation; the log's own flag for reading is absent in old events and wrong in some."""

    CONFIG = "config"
    READ = "read"
    SESSION = "session"
    """Sessions, logins, and credentials for them."""
    TELEMETRY = "telemetry"
    """Agents and services that report how things are: heartbeats, inventory, metrics."""
    DATA = "data"
    """Writes to what a resource holds: items, objects, messages, invocations."""
    DRY_RUN = "dry_run"


class Effect(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """A resource that a call names. `ids` are all names by which the event knows it (id, name, ARN).

    `paths` are the pointers that the operation can change in it (None: any, since nobody has said). Without `sure` the operation may
    change something else as well as this: the resource is worth a look, no more.
    """

    type: str
    ids: tuple[str, ...]
    effect: Effect = Effect.UPDATE
    paths: tuple[str, ...] | None = None
    sure: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One logged API call. `account` and `region` are where it worked; `error` is the code of one that failed, `denied` that it was not
    allowed; `read_only` the log's own flag."""

    id: str
    time: datetime
    account: str
    region: str
    event_source: str
    event_name: str
    call: CallClass
    actor: Actor
    resources: tuple[Touched, ...] = ()
    error: str | None = None
    denied: bool = False
    read_only: bool | None = None
    assumed: Assumed | None = None

    @property
    def failed(self) -> bool:
        return self.error is not None

    @property
    def is_config_change(self) -> bool:
        """Whether the call changed configuration: a call that failed changed nothing."""
        return self.call is CallClass.CONFIG and not self.failed

    @property
    def is_write(self) -> bool:
        """Whether it belongs to the population of writes that completeness is counted over."""
        return self.call is not CallClass.READ


class Fate(StrEnum):
    """What became of a configuration change that was logged: each has exactly one, and their counts add up to all of them."""

    PENDING = "pending"
    """Its resource was not read completely since."""
    MATCHED = "matched"
    """It explains the drift of a finding."""
    TRANSIENT = "transient"
    """Its resource is as it was: what it changed did not last."""
    BASELINED = "baselined"
    """It is older than what the baseline took up."""
    UNWATCHED = "unwatched"
    """Nothing that it names is of a watched type, account and region."""
    UNRESOLVED = "unresolved"
    """It names no resource that could be found."""


# --- where it comes from -----------------------------------------------------------------------------------------------------------------


class Refusal(StrEnum):
    """Why something that a source holds could not be read as an event."""

    NOT_GZIP = "not_gzip"
    TRUNCATED = "truncated"
    NOT_JSON = "not_json"
    NO_RECORDS = "no_records"
    NOT_AN_EVENT = "not_an_event"
    NO_ID = "no_id"
    NO_TIME = "no_time"
    FUTURE = "future"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    """The object or message is there, and could not be fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A file, message or record that was set aside: why, where it lies, and what was wrong in a sentence without its contents."""

    reason: Refusal
    where: str
    detail: str = ""


class LogFault(StrEnum):
    """What is wrong with the log itself."""

    DIGEST_MISSING = "digest_missing"
    DIGEST_SIGNATURE = "digest_signature"
    DIGEST_CHAIN = "digest_chain"
    FILE_MISSING = "file_missing"
    FILE_CHANGED = "file_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogProblem:
    """A part of the log that cannot be trusted: which trail in which account and region, which file, and of which hour."""

    fault: LogFault
    trail: str
    account: str
    region: str
    where: str
    at: datetime
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexplained:
    """A drift that nobody is known to have made: a source that must be asked is asked about these alone."""

    account: str
    region: str
    type: str
    names: tuple[str, ...]
    since: datetime | None
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityOrder:
    """What a source is asked for: everything after `position` (as it gave it itself; None: from its start), as of `now`."""

    position: Json
    now: datetime
    unexplained: tuple[Unexplained, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityBatch:
    """A part of what a source holds. It is stored in one transaction, with `position`: where the source goes on after it.

    `complete_until` says for an account up to when every event was told; `calls` counts requests made, `reads` the reading calls that
    were left out. `receipt` is the source's own, for `ActivitySource.done`.
    """

    activities: tuple[Activity, ...] = ()
    refused: tuple[Refused, ...] = ()
    problems: tuple[LogProblem, ...] = ()
    position: Json = None
    complete_until: Mapping[str, datetime] = field(default_factory=dict)
    reads: int = 0
    calls: int = 0
    receipt: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivitySourceStatus:
    """How far a source has been read. `complete_until` is by account."""

    name: str
    position: Json = None
    complete_until: Mapping[str, datetime] = field(default_factory=dict)
    last_success_at: datetime | None = None
    last_error: str | None = None
    refused: Mapping[str, int] = field(default_factory=dict)
    """How much was set aside, by reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationDay:
    """The writes of one account on one day (UTC), each counted once.

    `writes` = `failed` + the sum of `others` + `changes`, and `changes` = the sum of `fates`: an auditor adds them up. `denied` are
    those of the failed that were attempts to change and not allowed.
    """

    day: str
    account: str
    writes: int
    failed: int
    denied: int
    changes: int
    others: Mapping[CallClass, int]
    fates: Mapping[Fate, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorEvent:
    """A logged call that may explain a drift: who, on whose behalf, when, and which paths it can touch (None: any)."""

    id: str
    time: datetime
    event_name: str
    actor: str | None = None
    actor_kind: ActorKind = ActorKind.UNKNOWN
    on_behalf_of: str | None = None
    invoked_by: str | None = None
    paths: tuple[str, ...] | None = None
    run_ref: RunRef | None = None
    read_only: bool = False
    failed: bool = False
