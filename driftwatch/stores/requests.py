"""Requests to a running daemon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, insert, select, update

from driftwatch.domain.canonical import encode, sha256_hex
from driftwatch.domain.request import Request, RequestState
from driftwatch.errors import StoreError
from driftwatch.stores.schema import requests
from driftwatch.stores.session import Session, values_of


class SqlRequests:
    """Implements `ports.Requests`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, request: Request) -> Request:
        """Stores it, or answers with the equal (kind, cells, arguments) pending one, which it then shares."""
        asked = sha256_hex(encode([request.kind, list(request.cells), request.arguments]))
        equal = (requests.c.asked == asked) & (requests.c.state == RequestState.PENDING.value)
        shared = self._session.one(select(requests).where(equal))
        if shared:
            return _request(shared)
        self._session.execute(insert(requests).values(_columns(request) | {"asked": asked}))
        return request

    def get(self, request_id: str) -> Request | None:
        row = self._session.one(select(requests).where(requests.c.id == request_id))
        return _request(row) if row else None

    def pending(self) -> Sequence[Request]:
        """Pending and running ones, oldest first."""
        waiting = requests.c.state.in_([RequestState.PENDING.value, RequestState.RUNNING.value])
        rows = self._session.all(select(requests).where(waiting).order_by(requests.c.created_at, requests.c.id))
        return [_request(row) for row in rows]

    def save(self, request: Request) -> None:
        """Stores how it stands now; what was asked never changes. Raises StoreError when it was never added."""
        if not self._session.execute(update(requests).where(requests.c.id == request.id).values(_columns(request))).rowcount:
            raise StoreError(f"request {request.id} is not in the store")


_FIELDS = tuple(column.name for column in requests.columns if column.name != "asked")


def _columns(request: Request) -> dict[str, Any]:
    return {name: getattr(request, name) for name in _FIELDS} | {"state": request.state.value, "cells": list(request.cells)}


def _request(row: Row[Any]) -> Request:
    return Request(**values_of(row, _FIELDS) | {"state": RequestState(row.state), "cells": tuple(row.cells)})
