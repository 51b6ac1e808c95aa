"""shapes.json: what each shape digest of the manifest stands for, so that a reader can tell how the cells were normalised."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from driftwatch.baseline_files.manifest import hash_text
from driftwatch.documents import values
from driftwatch.documents.fields import Fields
from driftwatch.documents.problems import Problems
from driftwatch.documents.reader import read, read_file
from driftwatch.documents.tree import Limits, MapNode, Node, Scalar
from driftwatch.domain.canonical import canonical_json, sha256_hex
from driftwatch.domain.resource import Json


def shapes_bytes(shapes: Mapping[str, Json]) -> bytes:
    return (json.dumps(shapes, indent=2, sort_keys=True) + "\n").encode()


def read_shapes(path: Path, limits: Limits, used: set[str]) -> Mapping[str, Json]:
    """The shapes of the file; raises InputError when one has another digest, is missing, or is not used."""
    node = read(read_file(path, limits.size), str(path), limits)
    problems = Problems()
    entries = node.entries if isinstance(node, MapNode) else {}
    if not isinstance(node, MapNode):
        problems.add(node.place, values.found(node), "a mapping of digests to shapes")
    shapes = {digest: _shape(digest, item, problems) for digest, item in entries.items()}
    if isinstance(node, MapNode):
        for digest in shapes.keys() - used:
            if hash_text(Scalar(node.keys[digest], digest, plain=False), problems):
                problems.add(node.keys[digest], f"the shape {digest}", "only shapes that the manifest uses")
    for digest in sorted(used - shapes.keys()):
        problems.add(node.place, f"no shape {digest}", "every shape that the manifest uses")
    problems.check()
    return shapes


def _shape(digest: str, node: Node, problems: Problems) -> Json:
    """The fields {normaliser, rules, key_id}, if they have the digest they stand under (`domain.normalize.shape`)."""
    fields = Fields(node, problems, "a shape")
    parts = [fields.optional(key, values.json_value) for key in ("normaliser", "rules", "key_id")]
    fields.done()
    if sha256_hex(canonical_json(parts)) != digest:
        problems.add(node.place, "a shape with another digest", f"the shape with the digest {digest}")
    return dict(zip(("normaliser", "rules", "key_id"), parts, strict=True))
