"""The strict reader: bytes of YAML or JSON in, a tree of nodes with their places out. A source that ends in .json is read as JSON.

It walks YAML's parser events and never builds foreign objects. Sizes are checked while the events arrive, before anything is built, because
the parser's own composer follows nesting by recursion and dies of it (200,000 open brackets end the process), and because aliases and
merge keys let a small file describe an enormous one. What a scalar means is decided later, by whoever knows what is wanted there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import yaml

from driftwatch.documents.json_reader import read_json
from driftwatch.documents.tree import LIMITS, Limits, ListNode, Node, Scalar, Tree, shown
from driftwatch.errors import InputError, Place

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BOM: Final = b"\xef\xbb\xbf"


def read(data: bytes, source: str, limits: Limits = LIMITS) -> Node:
    """The one document in `data`; raises InputError with the place in `source` of the first thing that is refused."""
    documents = read_all(data, source, limits)
    if not documents:
        raise InputError("nothing in it", expected="one document", place=Place(source))
    if len(documents) > 1:
        raise InputError("a second document (after ---)", expected="one document in this file", place=documents[1].place)
    return documents[0]


def read_all(data: bytes, source: str, limits: Limits = LIMITS) -> tuple[Node, ...]:
    """All documents in `data` that hold something, for files that may have several; raises InputError as `read` does."""
    tree = Tree(source, limits)
    text = _decoded(data, source, limits)
    if source.endswith(".json"):
        read_json(text, tree)
        return tuple(tree.documents)
    _refuse_unprintable(text, source)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            _take(event, tree)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(source, mark.line + 1, mark.column + 1) if mark else Place(source)
        context = f" {error.context}" if error.context else ""
        raise InputError(f"no valid YAML or JSON: {error.problem or 'unreadable'}{context}", place=place) from error
    except yaml.YAMLError as error:
        raise InputError("no valid YAML or JSON", place=Place(source)) from error
    return tuple(document for document in tree.documents if not (isinstance(document, Scalar) and document.plain and not document.text))


def read_file(path: Path, size: int = LIMITS.size) -> bytes:
    """The bytes of a regular file of at most `size` bytes; raises InputError naming the file, whatever is wrong with it."""
    place = Place(str(path))
    try:
        if not path.is_file():
            raise InputError("no such file" if not path.exists() else "this is not a file", expected="a file that can be read", place=place)
        with path.open("rb") as file:
            data = file.read(size + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"the file cannot be read: {reason}", place=place) from error
    if len(data) > size:
        raise InputError(f"more than {size} bytes", expected=f"at most {size}", place=place)
    return data


def texts(node: Node) -> object:
    """The tree as plain lists and maps of the texts that were written: what a record's raw hash is taken over."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, ListNode):
        return [texts(item) for item in node.items]
    return {key: texts(item) for key, item in node.entries.items()}


def _decoded(data: bytes, source: str, limits: Limits) -> str:
    if len(data) > limits.size:
        raise InputError(f"{len(data)} bytes", expected=f"at most {limits.size}", place=Place(source))
    body = data.removeprefix(_BOM)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        place = _position(source, body[: error.start].decode("utf-8"))
        raise InputError(f"the byte 0x{body[error.start]:02x}, which is not UTF-8", expected="a file in UTF-8", place=place) from error
    nul = text.find("\0")
    if nul >= 0:
        raise InputError("the control character U+0000", expected="text without it", place=_position(source, text[:nul]))
    return text


def _refuse_unprintable(text: str, source: str) -> None:
    bad = _UNPRINTABLE.search(text)
    if bad:
        place = _position(source, text[: bad.start()])
        raise InputError(f"the control character U+{ord(bad.group()):04X}", expected="text without it", place=place)


def _position(source: str, before: str) -> Place:
    return Place(source, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def _take(event: yaml.Event, tree: Tree) -> None:
    if isinstance(event, yaml.CollectionEndEvent):
        tree.leave()
        return
    if not isinstance(event, yaml.NodeEvent):
        return
    mark = event.start_mark
    place = Place(tree.source, mark.line + 1, mark.column + 1) if mark else Place(tree.source)
    if isinstance(event, yaml.AliasEvent):
        raise InputError(f"the alias *{event.anchor}", expected="the value itself: aliases are refused", place=place)
    if event.anchor is not None:
        raise InputError(f"the anchor &{event.anchor}", expected="the value alone: anchors and aliases are refused", place=place)
    tag = getattr(event, "tag", None)
    if tag is not None:
        raise InputError(f"the tag {shown(tag)}", expected="the value alone: tags are refused", place=place)
    if isinstance(event, yaml.ScalarEvent):
        tree.scalar(Scalar(place, event.value, event.implicit[0]))
    else:
        tree.enter(place, mapping=isinstance(event, yaml.MappingStartEvent))
