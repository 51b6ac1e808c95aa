"""The state of the installation in counts, for those who may read some accounts or all: `driftwatch status` without its lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from driftwatch.domain.canonical import utc_text
from driftwatch.domain.decision import UNCOVERED
from driftwatch.domain.finding import LIVE
from driftwatch.domain.report import ActivityMeasure
from driftwatch.domain.resource import Json
from driftwatch.domain.selection import CellSelection, FindingSelection
from driftwatch.domain.snapshot import CellState
from driftwatch.operations import policies, population, requests
from driftwatch.operations.coverage import fresh_since
from driftwatch.operations.installation import Installation
from driftwatch.operations.status import COVERED_CODE, COVERED_STATES, INCOMPLETE_CODE, UNCOVERED_CODE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """Cells by state and reason, live findings by verdict, and the accounts that were never read."""

    cells: Mapping[tuple[CellState, str | None], int]
    verdicts: Mapping[str, int]
    unread: tuple[str, ...]


def status_document(installation: Installation, accounts: tuple[str, ...]) -> Json:
    """What is known of these accounts. The log of calls and the store are told of to those only who may read every account."""
    whole = len(accounts) == len(installation.accounts)
    counted = _counted(installation, accounts, whole=whole)
    with installation.store.read() as uow:
        last = next(iter(uow.scans.latest()), None)
    production = installation.policy.context.production_accounts
    return {
        "exit_code": _exit_code(counted),
        "daemon": requests.daemon_is_alive(installation),
        "last_scan": last.id if last else None,
        "last_scan_status": last.status.value if last else None,
        "last_scan_ended": utc_text(last.ended_at) if last and last.ended_at else None,
        "cells": {state.value: sum(n for (of, _), n in counted.cells.items() if of is state) for state in CellState},
        "gaps": {why or "unnamed": n for (state, why), n in sorted(counted.cells.items(), key=str) if state is CellState.UNKNOWN},
        "findings": dict(counted.verdicts),
        "activity": activity_document(population.measure(installation, {})) if whole else None,
        "unread_accounts": list(counted.unread),
        "not_controlled_accounts": [account for account in accounts if production is not None and account not in production],
        "policy": {
            "extends": installation.policy.extends,
            "version": installation.policy.version,
            "expired_deviations": [item.rule for item in policies.expired(installation)],
        },
        "store": dict(installation.store.describe()) if whole else None,
    }


def activity_document(known: ActivityMeasure) -> Json:
    """How far the log of calls is known, what it held since yesterday, and what was turned off."""
    return {
        "sources": {
            name: {
                "last_read": utc_text(at) if at else None,
                "complete_until": utc_text(until) if (until := known.complete_until.get(name)) else None,
            }
            for name, at in known.synced.items()
        },
        "population": dict(known.population),
        "findings": {"attributed": known.attributed, "unattributed": known.unattributed},
        "unresolved_principals": known.unresolved,
        "blind": {what.value: number for what, number in known.blind.items() if number},
    }


def _counted(installation: Installation, accounts: tuple[str, ...], *, whole: bool) -> _Counted:
    some = None if whole else accounts
    with installation.store.read() as uow:
        cells = uow.cells.tally(CellSelection(fresh_since=fresh_since(installation), accounts=some))
        found = uow.findings.tally(FindingSelection(states=tuple(LIVE), accounts=some))
        read = uow.cells.read_at_all(accounts)
    verdicts: Counter[str] = Counter()
    for (_, verdict), number in sorted(found.items()):
        verdicts[verdict] += number
    return _Counted(cells=cells, verdicts=verdicts, unread=tuple(account for account in accounts if account not in read))


def _exit_code(counted: _Counted) -> int:
    """As `status.exit_code`, of counts."""
    if any(verdict in UNCOVERED for verdict in counted.verdicts):
        return UNCOVERED_CODE
    covered = all(state in COVERED_STATES for state, _ in counted.cells)
    return COVERED_CODE if counted.cells and covered and not counted.unread else INCOMPLETE_CODE
