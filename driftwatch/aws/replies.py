"""Replies that can be trusted: whole, of the service's protocol, with a request id, and with the result that was asked for.

botocore takes much for an answer: ``{}``, a JSON text that was cut, a string where a list belongs (it makes a list of its letters).
The parsers here refuse these; they are registered in a session as its `response_parser_factory`.
"""

from __future__ import annotations

import http
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import botocore.parsers
from botocore.parsers import ResponseParserError

OMITS_EMPTY: Mapping[str, str] = MappingProxyType(
    {
        "sqs:ListQueues": "its former XML form had no way to write an empty list; the JSON form leaves QueueUrls out as well",
    }
)
"""``service:Operation`` whose reply lacks the result key when there is nothing to list, and why. Everywhere else that is a failure."""

_REQUEST_ID_HEADERS = ("x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id", "x-amz-id-2")


class CutReplyError(ResponseParserError):  # type: ignore[misc]  # botocore has no type hints
    """The reply ends before it is complete."""


class ForeignReplyError(ResponseParserError):  # type: ignore[misc]  # botocore has no type hints
    """The reply is not of the service's protocol."""


def has_request_id(reply: Mapping[str, Any]) -> bool:
    """Every AWS service names the request that it answers; a proxy, a portal or an emulator's error page does not."""
    metadata = reply.get("ResponseMetadata") or {}
    headers = metadata.get("HTTPHeaders") or {}
    return bool(metadata.get("RequestId")) or any(headers.get(name) for name in _REQUEST_ID_HEADERS)


def result_roots(parsed: Mapping[str, Any]) -> frozenset[str]:
    """The members of a reply that a JMESPath expression (its syntax tree) begins with: ``Reservations[].Instances[]`` -> Reservations."""
    return frozenset(_roots(parsed))


def _roots(node: Mapping[str, Any]) -> Iterator[str]:
    kind, children = node["type"], node["children"]
    if kind == "field":
        yield node["value"]
    elif kind in ("multi_select_list", "or_expression", "and_expression", "multi_select_dict", "key_val_pair", "function_expression"):
        for child in children:
            yield from _roots(child)
    elif children:  # whatever else: the part on the left is evaluated first, on the reply itself
        yield from _roots(children[0])


class _Whole:
    """Refuses a reply that is shorter than announced, or empty; an error reply that nobody can parse keeps its HTTP status as its code."""

    def parse(self, response: Mapping[str, Any], shape: Any) -> Any:
        if response["status_code"] >= 300:
            return self._parse_error(response, shape)
        body = response.get("body")
        if isinstance(body, bytes):
            announced = str(response["headers"].get("content-length") or "")
            if body and announced.isdecimal() and len(body) < int(announced):
                raise CutReplyError(f"{len(body)} of {announced} bytes came")
            if not body and response["status_code"] == http.HTTPStatus.OK and _has_body(shape):
                raise ForeignReplyError("the reply is empty")
        return super().parse(response, shape)  # type: ignore[misc]  # botocore's parser

    def _parse_error(self, response: Mapping[str, Any], shape: Any) -> Any:
        try:
            return super().parse(response, shape)  # type: ignore[misc]  # botocore's parser
        except (ResponseParserError, AttributeError, KeyError, TypeError):
            if shape is not None and shape.metadata.get("exception", False):  # only further members of an error that is known already
                return {}
            code = str(response["status_code"])
            metadata = {"HTTPStatusCode": response["status_code"], "HTTPHeaders": dict(response["headers"])}
            return {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": metadata}


def _has_body(shape: Any) -> bool:
    """Whether the reply's members stand in its body (not all in headers), and an empty body is none."""
    if shape is None:
        return False
    payload = shape.serialization.get("payload")
    if payload:
        return shape.members[payload].type_name not in ("blob", "string")
    return any("location" not in member.serialization for member in shape.members.values())


class _Typed(_Whole):
    """Refuses a value of another JSON type than the model's."""

    def _handle_structure(self, shape: Any, value: Any) -> Any:
        if value is not None and not isinstance(value, dict) and not getattr(shape, "is_document_type", False):
            raise ForeignReplyError(f"no object where {shape.name} belongs")
        return super()._handle_structure(shape, value)  # type: ignore[misc]  # botocore's parser

    def _handle_list(self, shape: Any, node: Any) -> Any:
        if not isinstance(node, list) and shape.serialization.get("location") != "header":
            raise ForeignReplyError(f"no list where {shape.name} belongs")
        return super()._handle_list(shape, node)  # type: ignore[misc]  # botocore's parser

    def _handle_map(self, shape: Any, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ForeignReplyError(f"no map where {shape.name} belongs")
        return super()._handle_map(shape, value)  # type: ignore[misc]  # botocore's parser


class _StrictJson(_Typed):
    def _parse_body_as_json(self, body: bytes) -> Any:
        if not body:
            return {}
        try:
            return json.loads(body)
        except ValueError as error:
            kind = CutReplyError if body.lstrip()[:1] in (b"{", b"[") else ForeignReplyError
            raise kind("the reply is no JSON") from error


class _StrictXml(_Whole):
    def _parse_xml_string_to_dom(self, text: bytes) -> Any:
        try:
            return super()._parse_xml_string_to_dom(text)  # type: ignore[misc]  # botocore's parser
        except ResponseParserError as error:
            start = text.lstrip()[:14].lower()
            foreign = not start.startswith(b"<") or start.startswith((b"<html", b"<!doctype"))
            raise (ForeignReplyError if foreign else CutReplyError)("the reply is no XML") from error


class StrictParserFactory(botocore.parsers.ResponseParserFactory):  # type: ignore[misc]  # botocore has no type hints
    """botocore's parsers, made strict."""

    def create_parser(self, protocol_name: str) -> Any:
        return _strict_parser(protocol_name)(**self._defaults)


@lru_cache
def _strict_parser(protocol_name: str) -> type:
    """Made once: botocore asks for a parser at every call, and classes are garbage that only the cyclic collector frees."""
    parser = botocore.parsers.PROTOCOL_PARSERS[protocol_name]
    return type(f"Strict{parser.__name__}", (_STRICT[protocol_name], parser), {})


_STRICT: Mapping[str, type] = MappingProxyType(
    {
        "ec2": _StrictXml,
        "query": _StrictXml,
        "json": _StrictJson,
        "rest-json": _StrictJson,
        "rest-xml": _StrictXml,
        "smithy-rpc-v2-cbor": _Typed,
    }
)
