"""Every extension point of driftwatch. Adapters implement these and inherit nothing.

Times are UTC and aware. A method raises `StoreError` or `SourceError` when it could not do its work; it never answers with less.
"""

from driftwatch.ports.outside import BaselineFiles, ChangeSource, CheckpointPlace, CheckpointSigner, Collector, Engine, Signer
from driftwatch.ports.store import (
    Baselines,
    Cells,
    Changes,
    Documents,
    Exceptions,
    Findings,
    Leases,
    Ledger,
    Observations,
    Policies,
    Register,
    Requests,
    Scans,
    Store,
    UnitOfWork,
)

__all__ = [
    "BaselineFiles",
    "Baselines",
    "Cells",
    "ChangeSource",
    "Changes",
    "CheckpointPlace",
    "CheckpointSigner",
    "Collector",
    "Documents",
    "Engine",
    "Exceptions",
    "Findings",
    "Leases",
    "Ledger",
    "Observations",
    "Policies",
    "Register",
    "Requests",
    "Scans",
    "Signer",
    "Store",
    "UnitOfWork",
]
