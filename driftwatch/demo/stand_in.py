"""What moto does not answer, answered as AWS would, so that the simulated account is read without gaps."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import parse_qs

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

_CREDENTIAL: Final = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")
_FUNCTION_URLS: Final = re.compile(r"/2021-10-31/functions/[^/]+/urls")
_BUCKET: Final = re.compile(rb"<Name>([^<]+)</Name>")
_DEFAULT_KEY: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?><GetEbsDefaultKmsKeyIdResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
    b"<requestId>simulated</requestId><kmsKeyId>alias/aws/ebs</kmsKeyId></GetEbsDefaultKmsKeyIdResponse>"
)


_NO_POLICY: Final = frozenset({"CodeBuild_20161006.GetResourcePolicy"})
_ABSENT: Final = b'{"__type":"ResourceNotFoundException","message":"there is no policy"}'


class StandIn:
    """A WSGI layer before moto: policies that nobody set, the URLs of functions (none) and of queues, a default key, regions of buckets."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if _FUNCTION_URLS.fullmatch(environ.get("PATH_INFO", "")):
            return _answer(start_response, "application/json", b'{"FunctionUrlConfigs": []}')
        if environ.get("HTTP_X_AMZ_TARGET") in _NO_POLICY:
            return _answer(start_response, "application/x-amz-json-1.1", _ABSENT, "400 Bad Request")
        if _form(environ).get("Action") == ["GetEbsDefaultKmsKeyId"]:
            return _answer(start_response, "text/xml", _DEFAULT_KEY)
        if environ["REQUEST_METHOD"] == "GET" and "max-buckets=" in environ.get("QUERY_STRING", ""):
            return self._buckets(environ, start_response)
        region, service = signed_for(environ)
        if service == "sqs":  # the URL of a queue is its id: it must not hold the port of this run
            environ |= {"HTTP_HOST": f"sqs.{region}.amazonaws.com", "wsgi.url_scheme": "https"}
        return self._application(environ, start_response)

    def _buckets(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The listing of buckets, each with its region, which AWS adds to a listing by pages."""
        answered: list[Any] = []
        body = b"".join(self._application(environ, lambda *start: answered.extend(start[:2])))
        status, headers = answered
        body = _BUCKET.sub(lambda found: found.group() + b"<BucketRegion>" + _region(found.group(1).decode()) + b"</BucketRegion>", body)
        start_response(status, [*((name, value) for name, value in headers if name.lower() != "content-length"), _length(body)])
        return [body]


def signed_for(environ: Environ) -> tuple[str, str]:
    """The region and the service (its signing name) that a request is signed for; empty where it is not signed."""
    found = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    return (found.group(1), found.group(2)) if found else ("", "")


def _form(environ: Environ) -> dict[str, list[str]]:
    """The fields of a form that was sent; the body stays readable for those behind."""
    if "x-www-form-urlencoded" not in environ.get("CONTENT_TYPE", ""):
        return {}
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return parse_qs(body.decode(errors="replace"))


def _region(bucket: str) -> bytes:
    from moto.s3.models import s3_backends

    for account in list(s3_backends.values()):
        for backend in list(account.values()):
            if bucket in backend.buckets:
                return str(backend.buckets[bucket].region_name).encode()
    return b"us-east-1"


def _answer(start_response: StartResponse, content_type: str, body: bytes, status: str = "200 OK") -> list[bytes]:
    start_response(status, [("Content-Type", content_type), ("x-amzn-RequestId", "simulated"), _length(body)])
    return [body]


def _length(body: bytes) -> tuple[str, str]:
    return "Content-Length", str(len(body))
