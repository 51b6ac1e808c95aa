"""Every extension point of driftwatch. Adapters implement these and inherit nothing.

Times are UTC and aware. A method raises `StoreError` or `SourceError` when it could not do its work; it never answers with less.
"""

from driftwatch.ports.activity_log import ActivityLog
from driftwatch.ports.credentials import Answers, Sessions, Tokens
from driftwatch.ports.judged import Exceptions, Findings
from driftwatch.ports.notify import Deliveries, Notifier
from driftwatch.ports.outside import (
    ActivitySource,
    BaselineFiles,
    ChangeSource,
    CheckpointPlace,
    CheckpointSigner,
    Collector,
    Engine,
    Signer,
)
from driftwatch.ports.processes import Leases, Requests, Scans
from driftwatch.ports.store import (
    Baselines,
    Cells,
    Changes,
    Documents,
    Ledger,
    Observations,
    Policies,
    Register,
    Store,
    UnitOfWork,
)

__all__ = [
    "ActivityLog",
    "ActivitySource",
    "Answers",
    "BaselineFiles",
    "Baselines",
    "Cells",
    "ChangeSource",
    "Changes",
    "CheckpointPlace",
    "CheckpointSigner",
    "Collector",
    "Deliveries",
    "Documents",
    "Engine",
    "Exceptions",
    "Findings",
    "Leases",
    "Ledger",
    "Notifier",
    "Observations",
    "Policies",
    "Register",
    "Requests",
    "Scans",
    "Sessions",
    "Signer",
    "Store",
    "Tokens",
    "UnitOfWork",
]
