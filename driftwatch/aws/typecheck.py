"""The type check: every entry of the catalogue against botocore's models, without a single call to AWS.

A misspelt member or parameter does not fail at run time: JMESPath answers null, and the type looks empty for ever. So nothing that the
models can refute gets into the catalogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from driftwatch.aws.catalog import Catalog
from driftwatch.aws.entry import entry_faults
from driftwatch.aws.inspection import Inspection, Level, Problem
from driftwatch.aws.one import one_faults
from driftwatch.aws.sdk import Sdk
from driftwatch.aws.typecheck_calls import check_calls, check_names
from driftwatch.aws.typecheck_document import check_document
from driftwatch.aws.typecheck_one import check_one

__all__ = ["Level", "Problem", "check"]


def check(catalog: Catalog, session: Any = None, *, types: Sequence[str] | None = None) -> list[Problem]:
    """Every problem of every entry (of those in `types`, where given), in the order of the catalogue.

    `session` is a botocore session; only its data is read.
    """
    sdk = Sdk(session)
    problems: list[Problem] = []
    for entry in catalog.values() if types is None else [catalog[type_] for type_ in types]:
        inspection = Inspection(catalog=catalog, entry=entry, sdk=sdk)
        faults = [*entry_faults(entry), *one_faults(entry)]
        for needle, text in faults:
            inspection.report(text, needle)
        check_names(inspection)
        read = None if faults else check_calls(inspection)
        if read:
            check_document(inspection, read)
            check_one(inspection, read)
        problems += inspection.problems
    return problems
