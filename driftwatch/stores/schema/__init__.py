"""The tables. Cells, observations and logged calls are referred to by number, so that a row costs few bytes; all else by its own id."""

from driftwatch.stores.schema.activity import (
    activities,
    activity_completeness,
    activity_names,
    activity_principals,
    activity_refusals,
    activity_sessions,
    activity_set_aside,
    activity_sources,
    activity_values,
)
from driftwatch.stores.schema.approved import active_cells, approvals, entries, parts, versions
from driftwatch.stores.schema.base import metadata
from driftwatch.stores.schema.collected import (
    cell_readings,
    cell_status,
    cells,
    documents,
    facts,
    gaps,
    observations,
    resource_facts,
    scans,
    shapes,
)
from driftwatch.stores.schema.credentials import answers, sessions, tokens
from driftwatch.stores.schema.judged import checkpoints, decisions, exceptions, findings, ledger, record_effects
from driftwatch.stores.schema.notified import deliveries
from driftwatch.stores.schema.permissions import change_records, change_sources, policies, policy_activations, register
from driftwatch.stores.schema.processes import leases, requests

__all__ = [
    "active_cells",
    "activities",
    "activity_completeness",
    "activity_names",
    "activity_principals",
    "activity_refusals",
    "activity_sessions",
    "activity_set_aside",
    "activity_sources",
    "activity_values",
    "answers",
    "approvals",
    "cell_readings",
    "cell_status",
    "cells",
    "change_records",
    "change_sources",
    "checkpoints",
    "decisions",
    "deliveries",
    "documents",
    "entries",
    "exceptions",
    "facts",
    "findings",
    "gaps",
    "leases",
    "ledger",
    "metadata",
    "observations",
    "parts",
    "policies",
    "policy_activations",
    "record_effects",
    "register",
    "requests",
    "resource_facts",
    "scans",
    "sessions",
    "shapes",
    "tokens",
    "versions",
]
