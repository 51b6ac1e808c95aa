"""Why a call failed, in the words of `GapReason`, from whatever botocore raised."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    CredentialRetrievalError,
    HTTPClientError,
    InvalidConfigError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSOError,
    TokenRetrievalError,
    UnknownServiceError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.model import OperationNotFoundError
from botocore.parsers import ResponseParserError

from driftwatch.aws.replies import CutReplyError
from driftwatch.domain.snapshot import GapReason

THROTTLE_CODES = frozenset(
    [
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
        "429",
    ]
)
"""The codes that the SDK's standard retry mode takes for throttling, and a bare 429."""

CREDENTIAL_CODES = frozenset(
    [
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    ]
)
"""A region that is not enabled answers with three of these, too; such regions are sorted out before any call (`planning`)."""

NOT_SUBSCRIBED_CODES = frozenset({"OptInRequired", "SubscriptionRequiredException"})
"""The account never subscribed to the service: it is not enabled."""

_DENIED = re.compile(
    r"AccessDenied|UnauthorizedOperation|AuthorizationError|NotAuthorized|UnauthorizedException|^Forbidden|^403$|ForbiddenException"
)
_CODE_MEMBERS = ("ErrorCode", "errorCode", "Code", "code")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9._]{1,79}")
_ACTION = re.compile(r"perform:? ([a-z0-9-]+:[A-Za-z0-9]+)")
_CREDENTIAL_ERRORS = (
    CredentialRetrievalError,
    InvalidConfigError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)


class CallFailed(Exception):  # noqa: N818 - an outcome that every caller handles, named as such
    """A call that gave no usable reply.

    `code` is the service's error code ("" when it gave none), `message` its text (never stored), `operation` is
    ``service:Operation``, `detail` a sentence for people without any part of the reply; `off` says that the service is not enabled here.
    """

    def __init__(
        self,
        reason: GapReason,
        *,
        operation: str,
        code: str = "",
        message: str = "",
        detail: str = "",
        retryable: bool = False,
        off: bool = False,
    ) -> None:
        super().__init__(f"{operation}: {detail or code or reason}")
        self.reason = reason
        self.operation = operation
        self.code = code
        self.message = message
        self.detail = detail or code
        self.retryable = retryable
        self.off = off

    def is_one_of(self, codes: Iterable[str]) -> bool:
        """Whether the error is among `codes`: an error code, or ``Code: words`` where the message must hold the words as well."""
        for known in codes:
            code, _, words = known.partition(":")
            if code == self.code and words.strip() in self.message:
                return True
        return False


class CredentialsUnavailableError(BotoCoreError):  # type: ignore[misc]  # botocore has no type hints
    """The role of an account could not be assumed. Raised where botocore refreshes credentials, in the middle of any call."""

    fmt = "{detail}"

    def __init__(self, detail: str, *, retryable: bool) -> None:
        super().__init__(detail=detail)
        self.retryable = retryable


def classify(error: Exception, operation: str) -> CallFailed:
    """The CallFailed for an exception of a call of `operation` (``service:Operation``)."""
    if isinstance(error, CallFailed):
        return error
    if isinstance(error, ClientError):
        return _refused(error, operation)
    if isinstance(error, CredentialsUnavailableError):
        return CallFailed(GapReason.CREDENTIALS, operation=operation, detail=str(error), retryable=error.retryable)
    if isinstance(error, _CREDENTIAL_ERRORS):
        return CallFailed(GapReason.CREDENTIALS, operation=operation, detail=str(error))
    if isinstance(error, UnknownServiceError | OperationNotFoundError):
        return CallFailed(GapReason.UNSUPPORTED, operation=operation, detail="the installed SDK does not know this call")
    if isinstance(error, CutReplyError):
        return CallFailed(GapReason.TRUNCATED, operation=operation, detail=str(error), retryable=True)
    if isinstance(error, ResponseParserError):
        # botocore puts the whole reply into the text of its own parser errors: it must go nowhere
        return CallFailed(GapReason.NOT_AWS, operation=operation, detail="the reply is not of the service's protocol", retryable=True)
    if isinstance(error, HTTPClientError | BotoCoreError):
        return _unreachable(error, operation)
    # KeyError, AttributeError and the like from inside botocore: a reply of a form that its parser does not expect
    detail = f"the reply cannot be understood ({type(error).__name__})"
    return CallFailed(GapReason.NOT_AWS, operation=operation, detail=detail, retryable=True)


def _refused(error: ClientError, operation: str) -> CallFailed:
    """The service answered with an error."""
    problem = error.response.get("Error") or {}
    status = (error.response.get("ResponseMetadata") or {}).get("HTTPStatusCode") or 0
    code, message = str(problem.get("Code") or ""), str(problem.get("Message") or "")

    def failed(reason: GapReason, detail: str, *, retryable: bool = False, off: bool = False) -> CallFailed:
        return CallFailed(reason, operation=operation, code=code, message=message, detail=detail, retryable=retryable, off=off)

    if status == 501 or (status == 404 and code in ("", "404", "Unknown", "None")):
        return failed(GapReason.NOT_AWS, f"HTTP {status} without an error code: whoever answers does not know this call")
    if code in THROTTLE_CODES or status == 429:
        return failed(GapReason.THROTTLED, f"throttled ({code})", retryable=True)
    if code in NOT_SUBSCRIBED_CODES:
        return failed(GapReason.ERROR, f"the account is not subscribed to the service ({code})", off=True)
    if code in CREDENTIAL_CODES:
        return failed(GapReason.CREDENTIALS, f"the credentials were refused ({code})")
    if _DENIED.search(code):
        action = _ACTION.search(message)
        return failed(GapReason.DENIED, f"not allowed: {action[1] if action else operation} ({code})")
    if status >= 500 or code in ("RequestTimeout", "RequestTimeoutException"):
        return failed(GapReason.UNAVAILABLE, f"the service failed ({code or status})", retryable=True)
    return failed(GapReason.ERROR, f"refused ({code or status})")


def problem_of(value: object) -> tuple[GapReason, str]:
    """The reason, and the code ("" without one), of a problem that a reply itself tells of: ``{"ErrorCode": ..., "Message": ...}``.

    The code is what the member of that name holds, if it looks like one; nothing else of the value is given on.
    """
    code = next((value[name] for name in _CODE_MEMBERS if name in value), None) if isinstance(value, Mapping) else value
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        return GapReason.ERROR, ""
    return (GapReason.DENIED if _DENIED.search(code) else GapReason.ERROR), code


def _unreachable(error: Exception, operation: str) -> CallFailed:
    """No answer came, or only a part of one."""
    name = type(error).__name__
    if isinstance(error, ReadTimeoutError):
        return CallFailed(GapReason.TIMEOUT, operation=operation, detail="no answer in time", retryable=True)
    if isinstance(error, ConnectionClosedError) and "IncompleteRead" in str(error):
        return CallFailed(GapReason.TRUNCATED, operation=operation, detail="the reply was cut", retryable=True)
    if isinstance(error, HTTPClientError | BotoConnectionError):
        return CallFailed(
            GapReason.UNAVAILABLE, operation=operation, code=name, detail=f"the service cannot be reached ({name})", retryable=True
        )
    return CallFailed(GapReason.ERROR, operation=operation, code=name, detail=f"the SDK refused the call ({name})")
