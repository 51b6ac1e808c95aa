"""Logs: one JSON line per event on standard error, with scan, account and region bound. No secret and no raw configuration."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog

from driftwatch.domain.report import CellJudged, Event, FindingChanged, ScanDone, ScanPlanned, SourceSynced

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(level: str = "info", *, json: bool = True, stream: TextIO | None = None) -> None:
    """Sets structlog up for this process; control characters in values are escaped, so that one event is one line."""
    renderer = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )


def report_to_log(event: Event) -> None:
    """An operation's report as a log line."""
    log = structlog.get_logger()
    match event:
        case ScanPlanned():
            log.info("scan_planned", scan=event.scan_id, cells=event.cells)
        case CellJudged():
            bound = log.bind(scan=event.scan_id, account=event.cell.account, region=event.cell.region, type=event.cell.type)
            bound.debug("cell_judged", state=event.state.value, reason=event.reason, resources=event.resources, calls=event.calls)
            for gap in event.gaps:
                bound.warning("gap", reason=gap.reason.value, operation=gap.operation, detail=gap.detail, resource=gap.resource_id)
        case FindingChanged():
            finding = event.finding
            log.bind(scan=event.scan_id, account=finding.cell.account, region=finding.cell.region, type=finding.cell.type).info(
                "finding",
                finding=finding.id,
                resource=finding.resource_id,
                kind=finding.drift.kind.value,
                state=finding.state.value,
                verdict=finding.verdict_current.value,
                former_verdict=event.before.verdict_current.value if event.before else None,
                violations=sorted({result.rule for result in event.decision.violations}) if event.decision else [],
            )
        case SourceSynced():
            (log.error if event.error else log.warning if event.set_aside else log.debug)(
                "source_synced", source=event.source, records=event.records, set_aside=event.set_aside, error=event.error
            )
        case ScanDone():
            scan = event.scan
            log.info(
                "scan_done",
                scan=scan.id,
                status=scan.status.value,
                cells=scan.cells,
                gaps=scan.gaps,
                resources=scan.resources,
                calls=scan.calls,
                seconds=round(event.seconds, 3),
                exit_code=event.exit_code,
                error=scan.error,
            )
