"""Every error that a client can receive: its code, its words, and what to do about it.

Exceptions are raised where they are known and translated here, once. What is not in the table is a defect: it is
logged with its traceback and reaches the client as `INTERNAL_SERVER_ERROR` and nothing more.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

import strawberry

from graph.accounts.errors import KeyRingMismatch, LoginNotStored, LoginsTooFrequent, SessionKeyStale, Unauthenticated
from graph.security.errors import RateLimited
from graph.wechat.errors import (
    DecryptFailed,
    LoginCodeInvalid,
    LoginCodeUsed,
    MalformedSubmission,
    SignatureMismatch,
    UserBlocked,
    WatermarkOutOfRange,
    WeChatMisconfigured,
    WeChatNotAsked,
    WeChatRateLimited,
    WeChatUnavailable,
)
from models.errors import DatabaseBehind, DatabaseUnavailable


@strawberry.enum(description="What to do about an error, in `errors[].extensions.action`.")
class ErrorAction(Enum):
    """What the client does next."""

    LOG_IN = strawberry.enum_value(
        "LOG_IN",
        description="After `retryAfterMs`, if given, call wx.login, then `login` with the new code, then repeat.",
    )
    COLLECT_AGAIN = strawberry.enum_value(
        "COLLECT_AGAIN",
        description="Call wx.login and `login`, collect the user info again after that, then submit it.",
    )
    WAIT = strawberry.enum_value("WAIT", description="Wait `retryAfterMs`, or a second without it, then repeat.")
    FIX_REQUEST = strawberry.enum_value(
        "FIX_REQUEST", description="The request itself is wrong: repeating it changes nothing."
    )
    GIVE_UP = strawberry.enum_value("GIVE_UP", description="Nothing that the client can do will help: tell the person.")


@strawberry.enum(description="Every code that `errors[].extensions.code` can hold.")
class ErrorCode(Enum):
    """A closed list, so that code generators emit it."""

    GRAPHQL_PARSE_FAILED = strawberry.enum_value("GRAPHQL_PARSE_FAILED", description="The document is not GraphQL.")
    GRAPHQL_VALIDATION_FAILED = strawberry.enum_value(
        "GRAPHQL_VALIDATION_FAILED", description="The document does not fit the schema."
    )
    DOCUMENT_TOO_LARGE = strawberry.enum_value(
        "DOCUMENT_TOO_LARGE", description="The document is deeper, longer or wider than the server's limits."
    )
    OPERATION_RESOLUTION_FAILURE = strawberry.enum_value(
        "OPERATION_RESOLUTION_FAILURE", description="`operationName` does not choose exactly one operation."
    )
    PERSISTED_QUERY_NOT_FOUND = strawberry.enum_value(
        "PERSISTED_QUERY_NOT_FOUND", description="No trusted document has this id."
    )
    PERSISTED_QUERY_NOT_SUPPORTED = strawberry.enum_value(
        "PERSISTED_QUERY_NOT_SUPPORTED", description="This server has no trusted documents: send the document itself."
    )
    PERSISTED_QUERY_ID_REQUIRED = strawberry.enum_value(
        "PERSISTED_QUERY_ID_REQUIRED", description="This server runs trusted documents only: name one by `documentId`."
    )
    BAD_REQUEST = strawberry.enum_value("BAD_REQUEST", description="The HTTP request is not a GraphQL request.")
    BAD_USER_INPUT = strawberry.enum_value(
        "BAD_USER_INPUT", description="A variable or argument has a value that cannot be right."
    )
    UNAUTHENTICATED = strawberry.enum_value(
        "UNAUTHENTICATED", description="No token where one is needed, or one that is unknown or expired."
    )
    FORBIDDEN = strawberry.enum_value("FORBIDDEN", description="The request is understood and refused.")
    NOT_FOUND = strawberry.enum_value("NOT_FOUND", description="There is nothing at this path.")
    METHOD_NOT_ALLOWED = strawberry.enum_value(
        "METHOD_NOT_ALLOWED", description="The path does not take this HTTP method; see the header `Allow`."
    )
    NOT_ACCEPTABLE = strawberry.enum_value(
        "NOT_ACCEPTABLE", description="The header `Accept` leaves no answer: accept application/json."
    )
    PAYLOAD_TOO_LARGE = strawberry.enum_value("PAYLOAD_TOO_LARGE", description="The body is larger than allowed.")
    REQUEST_TIMEOUT = strawberry.enum_value("REQUEST_TIMEOUT", description="The request arrived too slowly.")
    UNSUPPORTED_MEDIA_TYPE = strawberry.enum_value(
        "UNSUPPORTED_MEDIA_TYPE", description="The body is not declared as plain application/json."
    )
    LOGIN_CODE_INVALID = strawberry.enum_value(
        "LOGIN_CODE_INVALID",
        description="WeChat does not know the code: expired, of another mini-program, or not from wx.login.",
    )
    LOGIN_CODE_USED = strawberry.enum_value("LOGIN_CODE_USED", description="The code has been used; each works once.")
    USER_BLOCKED = strawberry.enum_value("USER_BLOCKED", description="WeChat holds this person for a high risk.")
    SESSION_KEY_STALE = strawberry.enum_value(
        "SESSION_KEY_STALE", description="The data was signed with a session_key that is no longer, or not yet, known."
    )
    DECRYPTION_FAILED = strawberry.enum_value(
        "DECRYPTION_FAILED", description="The encrypted data is not what WeChat made for this person, or was changed."
    )
    WATERMARK_OUT_OF_RANGE = strawberry.enum_value(
        "WATERMARK_OUT_OF_RANGE", description="The data was collected too long ago, or in the future."
    )
    RATE_LIMITED = strawberry.enum_value("RATE_LIMITED", description="Too many requests; see `retryAfterMs`.")
    WECHAT_UNAVAILABLE = strawberry.enum_value("WECHAT_UNAVAILABLE", description="WeChat gave no usable answer.")
    WECHAT_MISCONFIGURED = strawberry.enum_value(
        "WECHAT_MISCONFIGURED", description="WeChat refuses the server itself: its operators must act."
    )
    SERVICE_UNAVAILABLE = strawberry.enum_value("SERVICE_UNAVAILABLE", description="The server cannot work just now.")
    INTERNAL_SERVER_ERROR = strawberry.enum_value(
        "INTERNAL_SERVER_ERROR", description="A defect of the server; tell its operators the `requestId`."
    )


@dataclass(frozen=True, slots=True)
class CodedError:
    """One error as the client sees it. `retryable`: the same operation can succeed after `action`."""

    code: ErrorCode
    message: str
    action: ErrorAction
    retryable: bool = False
    retry_after_ms: int | None = None

    def extensions(self, request_id: str) -> dict[str, object]:
        """The member `extensions` of the error."""
        extensions: dict[str, object] = {
            "code": self.code.value,
            "action": self.action.value,
            "retryable": self.retryable,
            "requestId": request_id,
        }
        if self.retry_after_ms is not None:
            extensions["retryAfterMs"] = self.retry_after_ms
        return extensions


INTERNAL: Final = CodedError(
    ErrorCode.INTERNAL_SERVER_ERROR, "Something went wrong on the server.", ErrorAction.GIVE_UP
)
_UNAVAILABLE: Final = CodedError(
    ErrorCode.SERVICE_UNAVAILABLE, "The server cannot work just now.", ErrorAction.WAIT, retryable=True
)
_KNOWN: Final[Mapping[type[Exception], CodedError]] = {
    Unauthenticated: CodedError(
        ErrorCode.UNAUTHENTICATED, "Sign in first: the token is missing or expired.", ErrorAction.LOG_IN, retryable=True
    ),
    LoginNotStored: CodedError(
        ErrorCode.SERVICE_UNAVAILABLE,
        "The login could not be kept: try again with a new code.",
        ErrorAction.LOG_IN,
        retryable=True,
        retry_after_ms=1000,
    ),
    DecryptFailed: CodedError(
        ErrorCode.DECRYPTION_FAILED,
        "The encrypted data does not belong to this person and this rawData.",
        ErrorAction.FIX_REQUEST,
    ),
    WatermarkOutOfRange: CodedError(
        ErrorCode.WATERMARK_OUT_OF_RANGE,
        "The data was collected too long ago, or in the future: collect it again.",
        ErrorAction.COLLECT_AGAIN,
        retryable=True,
    ),
    LoginCodeInvalid: CodedError(
        ErrorCode.LOGIN_CODE_INVALID,
        "WeChat does not know this code: it must come from wx.login of this mini-program, less than 5 minutes ago.",
        ErrorAction.LOG_IN,
        retryable=True,
    ),
    LoginCodeUsed: CodedError(
        ErrorCode.LOGIN_CODE_USED, "This code has been used: call wx.login again.", ErrorAction.LOG_IN, retryable=True
    ),
    UserBlocked: CodedError(
        ErrorCode.USER_BLOCKED, "WeChat does not let this person sign in at present.", ErrorAction.GIVE_UP
    ),
    WeChatUnavailable: CodedError(
        ErrorCode.WECHAT_UNAVAILABLE,
        "WeChat does not answer just now: try again with a new code, for this one may be spent.",
        ErrorAction.LOG_IN,
        retryable=True,
        retry_after_ms=1000,
    ),
    WeChatMisconfigured: CodedError(
        ErrorCode.WECHAT_MISCONFIGURED, "WeChat refuses this server; its operators must act.", ErrorAction.GIVE_UP
    ),
    DatabaseUnavailable: _UNAVAILABLE,
    DatabaseBehind: _UNAVAILABLE,
    KeyRingMismatch: _UNAVAILABLE,
}


def coded(error: BaseException) -> CodedError | None:
    """The client's view of an exception that a use case may raise, or None for a defect."""
    if isinstance(error, MalformedSubmission):
        return CodedError(ErrorCode.BAD_USER_INPUT, str(error), ErrorAction.FIX_REQUEST)
    if isinstance(error, (SessionKeyStale, SignatureMismatch)):
        message = "The data was signed with another session_key: log in, collect it again, submit it again."
        message = f"{message} {error.hint}" if error.hint else message
        return CodedError(ErrorCode.SESSION_KEY_STALE, message, ErrorAction.COLLECT_AGAIN, retryable=True)
    if isinstance(error, WeChatNotAsked):
        message = "WeChat does not answer just now: wait, then try again with the same code, which is not spent."
        wait = math.ceil(1000 * error.retry_after)
        return CodedError(ErrorCode.WECHAT_UNAVAILABLE, message, ErrorAction.WAIT, retryable=True, retry_after_ms=wait)
    if isinstance(error, (WeChatRateLimited, RateLimited, LoginsTooFrequent)):
        return _rate_limited(error)
    for kind in type(error).__mro__:
        if (known := _KNOWN.get(kind)) is not None:
            return known
    return None


def code_of(error: BaseException) -> str:
    """The code that an exception of a use case has in an answer."""
    return (coded(error) or INTERNAL).code.name


def _rate_limited(error: WeChatRateLimited | RateLimited | LoginsTooFrequent) -> CodedError:
    match error:
        case WeChatRateLimited():
            message, action = "WeChat takes no more logins of this mini-program for a while.", ErrorAction.WAIT
            wait = error.retry_after * 1000
        case LoginsTooFrequent():
            message, action = (
                "This person signed in too often: wait, then try again with a new code.",
                ErrorAction.LOG_IN,
            )
            wait = error.retry_after_ms
        case RateLimited():
            message, action = "This was done too often.", ErrorAction.WAIT
            wait = error.retry_after_ms
    return CodedError(ErrorCode.RATE_LIMITED, message, action, retryable=True, retry_after_ms=wait)
