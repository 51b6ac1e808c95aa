"""Logs: one JSON line per event on standard error, with scan, account and region bound. No secret and no raw configuration.

Whatever libraries log, and errors that nobody foresaw, take the same form. Of an unforeseen error its type and the places it came through
are told, never its text: that may quote what was being read.
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO

import structlog

from driftwatch.domain.authorization.clocks import Clock
from driftwatch.domain.report import (
    ActivityRead,
    Blinded,
    CellJudged,
    ClockStruck,
    Event,
    FindingChanged,
    NotifierTold,
    Rescanned,
    ScanDone,
    ScanPlanned,
    SourceSynced,
)

LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def configure(level: str = "info", *, json: bool = True, stream: TextIO | None = None) -> None:
    """Sets structlog and the standard library's logging up for this process; libraries are heard from warnings on."""
    out = stream or sys.stderr
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_traceback,
    ]
    renderer = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=out.isatty())
    last = [renderer] if json else [_printable, renderer]  # JSON escapes by itself
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    formatting = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
    foreign = [structlog.stdlib.add_logger_name, *shared]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=foreign, processors=formatting))
    logging.basicConfig(handlers=[handler], level=max(LEVELS[level], logging.WARNING), force=True)
    threading.excepthook = _thread_failed


def unexpected(event: str, error: BaseException, **fields: Any) -> str:
    """Logs an error that nobody foresaw, and answers with the id under which the log tells of it."""
    error_id = secrets.token_hex(4)
    structlog.get_logger().error(event, error_id=error_id, error_type=type(error).__name__, where=_where(error.__traceback__), **fields)
    return error_id


def _where(trace: TracebackType | None) -> list[str]:
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)[-8:]]


def _thread_failed(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        unexpected("thread_failed", args.exc_value, thread=args.thread.name if args.thread else None)


def _without_traceback(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A library's ``exc_info`` becomes the error's type and the places it came through."""
    info = event.pop("exc_info", None)
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    elif info and not isinstance(info, tuple):
        info = sys.exc_info()
    if info and info[0] is not None:
        event["error_type"], event["where"] = info[0].__name__, _where(info[2])
    return event


def _printable(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Text of others cannot begin a line of its own, nor steer the terminal."""
    return {name: _escaped(value) if isinstance(value, str) else value for name, value in event.items()}


def _escaped(text: str) -> str:
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def report_to_log(event: Event) -> None:
    """An operation's report as a log line."""
    match event:
        case ScanPlanned():
            structlog.get_logger().info("scan_planned", scan=event.scan_id, cells=event.cells)
        case CellJudged():
            _cell(event)
        case FindingChanged():
            _finding(event)
        case ClockStruck():
            _clock(event)
        case SourceSynced():
            _source(event)
        case ActivityRead():
            _activity(event)
        case Blinded():
            _blinded(event)
        case Rescanned():
            _rescanned(event)
        case NotifierTold():
            _told(event)
        case ScanDone():
            _scan(event)


def _cell(event: CellJudged) -> None:
    cell = event.cell
    log = structlog.get_logger().bind(scan=event.scan_id, account=cell.account, region=cell.region, type=cell.type)
    log.debug("cell_judged", state=event.state.value, reason=event.reason, resources=event.resources, calls=event.calls)
    for gap in event.gaps:
        log.warning("gap", reason=gap.reason.value, operation=gap.operation, detail=gap.detail, resource=gap.resource_id)


def _finding(event: FindingChanged) -> None:
    finding = event.finding
    cell = finding.cell
    log = structlog.get_logger().bind(scan=event.scan_id, account=cell.account, region=cell.region, type=cell.type)
    log.info(
        "finding",
        finding=finding.id,
        resource=finding.resource_id,
        kind=finding.drift.kind.value,
        state=finding.state.value,
        verdict=finding.verdict_current.value,
        former_verdict=event.before.verdict_current.value if event.before else None,
        violations=sorted({result.rule for result in event.decision.violations}) if event.decision else [],
        flapping=finding.handling.flapping,
    )


def _clock(event: ClockStruck) -> None:
    """A deadline is a warning before it has passed, and an error after."""
    log, clock = structlog.get_logger(), event.alert.clock
    tell = log.warning if clock in (Clock.REVIEW_75, Clock.EXCEPTION_EXPIRING) else log.error
    tell(
        "clock_struck",
        clock=clock.value,
        due_at=event.alert.due_at.isoformat(),
        finding=event.finding.id if event.finding else None,
        resource=event.finding.resource_id if event.finding else None,
        exception=event.exception.id if event.exception else None,
    )


def _source(event: SourceSynced) -> None:
    log = structlog.get_logger()
    tell = log.error if event.error else log.warning if event.set_aside else log.debug
    tell("source_synced", source=event.source, records=event.records, set_aside=event.set_aside, error=event.error)


def _activity(event: ActivityRead) -> None:
    log = structlog.get_logger()
    tell = log.error if event.error else log.warning if event.refused else log.debug
    counts = {"new": event.new, "changes": event.changes, "denied": event.denied, "refused": dict(event.refused)}
    tell("activity_read", source=event.source, error=event.error, **counts)


def _blinded(event: Blinded) -> None:
    where = {"account": event.account, "region": event.region, "resource": event.resource}
    structlog.get_logger().error("watching_turned_off", what=event.what.value, event_id=event.event, **where)


def _rescanned(event: Rescanned) -> None:
    counts = {"resources": event.resources, "calls": event.calls, "whole": event.whole}
    structlog.get_logger().debug("rescanned", seconds=round(event.seconds, 3), **counts)


def _told(event: NotifierTold) -> None:
    log = structlog.get_logger()
    tell = log.warning if event.problems else log.debug
    tell("notified", notifier=event.notifier, problems=list(event.problems), **event.results)


def _scan(event: ScanDone) -> None:
    scan = event.scan
    structlog.get_logger().info(
        "scan_done",
        scan=scan.id,
        trigger=scan.trigger,
        status=scan.status.value,
        cells=scan.cells,
        gaps=scan.gaps,
        resources=scan.resources,
        calls=scan.calls,
        seconds=round(event.seconds, 3),
        exit_code=event.exit_code,
        error=scan.error,
    )
