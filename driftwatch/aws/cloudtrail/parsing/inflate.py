"""The contents of a log file in pieces, decompressed where its bytes are gzip, and never more of them than a cap."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from driftwatch.domain.activity import Refusal

MAX_BYTES: Final = 512 * 1024 * 1024
"""What a log file may hold uncompressed. CloudTrail's are a few MB; gzip can make a thousand times that of one."""

_MAGIC: Final = b"\x1f\x8b"
_GZIP: Final = 16 + zlib.MAX_WBITS
_FEED: Final = 64 * 1024
_PIECE: Final = 1024 * 1024


def is_gzip(data: bytes) -> bool:
    """Whether the bytes begin as gzip does (or would, had they not been cut)."""
    return bool(data) and data[:2] == _MAGIC[: len(data)]


@dataclass(slots=True)
class Contents:
    """A file's contents. `refusal` and `detail` say, once all pieces were taken, why they are not the whole (None: they are)."""

    data: bytes
    cap: int = MAX_BYTES
    refusal: Refusal | None = None
    detail: str = ""

    def pieces(self) -> Iterator[bytes]:
        """The contents, as far as they can be had."""
        size = 0
        for piece in self._inflated() if is_gzip(self.data) else self._plain():
            size += len(piece)
            if size > self.cap:
                yield piece[: len(piece) - (size - self.cap)]
                self._ends(Refusal.TOO_LARGE, f"more than {self.cap} bytes uncompressed")
                return
            yield piece

    def _plain(self) -> Iterator[bytes]:
        for start in range(0, len(self.data), _PIECE):
            yield self.data[start : start + _PIECE]

    def _inflated(self) -> Iterator[bytes]:
        """The members of the gzip file one after the other; bytes behind the last are padding."""
        rest: bytes | memoryview = memoryview(self.data)
        while is_gzip(bytes(rest[:2])):
            engine = zlib.decompressobj(_GZIP)
            fed = 0
            while not engine.eof:
                feed = bytes(rest[fed : fed + _FEED])
                fed += len(feed)
                yield from self._fed(engine, feed)
                if self.refusal:
                    return
                if not feed and not engine.eof:
                    self._ends(Refusal.TRUNCATED, "the compressed data ends before its end")
                    return
            rest = rest[fed - len(engine.unused_data) :]

    def _fed(self, engine: Any, feed: bytes) -> Iterator[bytes]:
        while True:
            before = engine.copy()
            try:
                piece = engine.decompress(feed, _PIECE)
            except zlib.error:
                yield from self._until_damage(before, feed)
                return
            if piece:
                yield piece
            feed = engine.unconsumed_tail
            if engine.eof or not (feed or len(piece) == _PIECE):
                return

    def _until_damage(self, engine: Any, feed: bytes) -> Iterator[bytes]:
        """Byte by byte: an error takes with it all that the same call had decompressed before it."""
        whole = bytearray()
        for byte in feed:
            try:
                whole += engine.decompress(bytes((byte,)))
            except zlib.error:
                break
        if whole:
            yield bytes(whole)
        self._ends(Refusal.TRUNCATED, "the compressed data is damaged")

    def _ends(self, refusal: Refusal, detail: str) -> None:
        self.refusal, self.detail = refusal, detail
