"""Baselines as plain JSON: what `baseline show` and `diff` print, and the API answers with."""

from __future__ import annotations

from collections.abc import Mapping

from driftwatch.domain.baseline import BaselineCell, BaselineVersion
from driftwatch.domain.codec import encode
from driftwatch.domain.resource import Cell, Json
from driftwatch.operations.approvals import Approved
from driftwatch.operations.baseline_views import Named, ResourceDiff
from driftwatch.operations.describe import difference_document, version_document


def baseline_document(named: Named) -> dict[str, Json]:
    """A baseline of the configuration, with its active version and its proposals."""
    return {
        "name": named.pattern.name,
        "accounts": list(named.pattern.accounts),
        "regions": list(named.pattern.regions),
        "types": list(named.pattern.types),
        "active": version_document(named.active) if named.active else None,
        "pending": [version_document(version) for version in named.pending],
    }


def whole_version_document(version: BaselineVersion, cells: Mapping[Cell, BaselineCell]) -> Json:
    """A version with what it says of each cell."""
    return version_document(version) | {
        "cells": [
            {"cell": str(cell), "resources": part.count, "shape": part.shape, "file_hash": part.file_hash}
            for cell, part in sorted(cells.items())
        ]
    }


def resource_diff_document(item: ResourceDiff) -> dict[str, Json]:
    """How one resource differs."""
    return {
        "cell": str(item.cell),
        "resource": item.resource_id,
        "differences": [difference_document(change) for change in item.differences],
    }


def approved_document(done: Approved) -> dict[str, Json]:
    """What an approval came to, with how each rule was judged."""
    return {
        "version": version_document(done.version),
        "active": done.active,
        "baselined": done.baselined,
        "results": [encode(result) for result in done.results],
    }
