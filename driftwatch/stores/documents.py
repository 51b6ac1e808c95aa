"""Documents, content-addressed: fingerprint -> zstandard of the canonical JSON; and the shapes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import zstandard
from sqlalchemy import select

from driftwatch.domain.canonical import encode
from driftwatch.domain.resource import Json
from driftwatch.errors import StoreError
from driftwatch.stores.columns import decode_json
from driftwatch.stores.schema import documents as table
from driftwatch.stores.schema import shapes
from driftwatch.stores.session import Session, chunks

_LEVEL = 3
"""Four times smaller at 270,000 documents a second; higher levels gain little on documents of a kilobyte."""
_LARGEST = 64 * 2**20
"""Bytes of one document. A damaged frame may claim any size; this much is never allocated for it."""
_AT_ONCE = 100
"""Documents compressed in memory at once."""


class SqlDocuments:
    """Implements `ports.Documents`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, fingerprint: str) -> Json:
        """The document; raises StoreError when it is missing or its bytes do not have that hash."""
        row = self._session.one(select(table.c.body).where(table.c.fingerprint == fingerprint))
        if row is None:
            raise StoreError(f"document {fingerprint} is not in the store")
        return decode_json(_unpack(fingerprint, bytes(row.body)))

    def put(self, documents: Iterable[tuple[str, Json]]) -> None:
        """Stores (fingerprint, document) pairs; those that are there already cost no write. Raises StoreError on a wrong hash."""
        packer = zstandard.ZstdCompressor(level=_LEVEL)
        for chunk in chunks(documents, _AT_ONCE):
            bodies = {fingerprint: _verified(fingerprint, encode(document)) for fingerprint, document in chunk}
            known = self._session.all(select(table.c.fingerprint).where(table.c.fingerprint.in_(list(bodies))))
            for row in known:
                del bodies[row.fingerprint]
            self._session.insert_missing(table, [{"fingerprint": key, "body": packer.compress(body)} for key, body in bodies.items()])

    def shape(self, digest: str) -> Json | None:
        """The fields that a shape digest stands for."""
        row = self._session.one(select(shapes.c.fields).where(shapes.c.digest == digest))
        return row.fields if row else None

    def put_shape(self, digest: str, fields: Json) -> None:
        """Stores the fields of a shape once; what is there already stays."""
        self._session.insert_missing(shapes, [{"digest": digest, "fields": fields}])


def _verified(fingerprint: str, body: bytes) -> bytes:
    if hashlib.sha256(body).hexdigest() != fingerprint:
        raise StoreError(f"document {fingerprint} is damaged: its bytes have another hash")
    return body


def _unpack(fingerprint: str, packed: bytes) -> bytes:
    try:
        if zstandard.frame_content_size(packed) <= _LARGEST:
            return _verified(fingerprint, zstandard.ZstdDecompressor().decompress(packed))
    except zstandard.ZstdError as error:
        raise StoreError(f"document {fingerprint} is damaged: {error}") from error
    raise StoreError(f"document {fingerprint} is damaged: it claims more than {_LARGEST} bytes")
