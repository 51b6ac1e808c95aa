"""Where what stands: <folder>/manifest.json, shapes.json, <account>/<region>/<type>.json and signatures/<principal>.sig."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote, unquote

from driftwatch.domain.resource import Cell

MANIFEST: Final = "manifest.json"
SHAPES: Final = "shapes.json"
SIGNATURES: Final = "signatures"
SIGNATURE_SUFFIX: Final = ".sig"

PARTITION: Final = re.compile(r"aws|aws-cn|aws-us-gov")
ACCOUNT: Final = re.compile(r"[0-9]{12}")
REGION: Final = re.compile(r"[a-z][a-z0-9-]{1,40}")
TYPE: Final = re.compile(r"[A-Za-z0-9]{1,64}(::[A-Za-z0-9]{1,64}){1,4}")
HASH: Final = re.compile(r"[0-9a-f]{64}")


def file_of(cell: Cell) -> PurePosixPath:
    """The file of a cell below the folder; its parts can only be names, since `cell` has been checked against the patterns here."""
    return PurePosixPath(cell.account, cell.region, cell.type.replace("::", "-") + ".json")


def signature_name(principal: str) -> str:
    """A file name for any principal: special characters and a leading dot are %XX."""
    name = quote(principal, safe="@+=")
    return ("%2E" + name[1:] if name.startswith(".") else name) + SIGNATURE_SUFFIX


def principal_of(name: str) -> str:
    """The principal that a signature file is named after."""
    return unquote(name.removesuffix(SIGNATURE_SUFFIX))
