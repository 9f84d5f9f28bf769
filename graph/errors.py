"""Every error that a client can receive: its code, its message, and what to do about it.

Nothing here knows GraphQL or HTTP: `graph.schema.errors` gives an exception its code, `graph.http.responses` a
refused request its HTTP status.
"""

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final


@unique
class ErrorAction(Enum):
    """What the client does next, in `errors[].extensions.action`. A member's value is its description."""

    LOG_IN = "After `retryAfterMs`, if given, call wx.login, then `login` with the new code, then repeat."
    COLLECT_AGAIN = "Call wx.login and `login`, collect the user info again after that, then submit it."
    WAIT = "Wait `retryAfterMs`, or a second without it, then repeat."
    ASK_AGAIN = "Have the user do it again, like tap the button, then submit what comes of it: no login is needed."
    FIX_REQUEST = "The request itself is wrong: repeating it changes nothing."
    GIVE_UP = "Nothing that the client can do will help: tell the user."


@unique
class ErrorCode(Enum):
    """What `errors[].extensions.code` can hold: a closed list, so that code generators emit it. As above."""

    GRAPHQL_PARSE_FAILED = "The document is not GraphQL."
    GRAPHQL_VALIDATION_FAILED = "The document does not fit the schema."
    DOCUMENT_TOO_LARGE = "The document is deeper, longer or wider than the server's limits."
    OPERATION_RESOLUTION_FAILURE = "`operationName` does not choose exactly one operation."
    PERSISTED_QUERY_NOT_FOUND = "No trusted document has this id."
    PERSISTED_QUERY_NOT_SUPPORTED = "This server has no trusted documents: send the document itself."
    PERSISTED_QUERY_ID_REQUIRED = "This server runs trusted documents only: name one by `documentId`."
    BAD_REQUEST = "The HTTP request is not a GraphQL request, or has a header that cannot be right."
    BAD_USER_INPUT = "A variable or argument has a value that cannot be right."
    UNAUTHENTICATED = "No token where one is needed, or one that is unknown or expired."
    FORBIDDEN = "The request is understood and refused."
    NOT_FOUND = "There is nothing at this path."
    METHOD_NOT_ALLOWED = "The path does not take this HTTP method; see the header `Allow`."
    NOT_ACCEPTABLE = "The header `Accept` leaves no response: accept application/json."
    PAYLOAD_TOO_LARGE = "The body is larger than allowed."
    REQUEST_TIMEOUT = "The request arrived too slowly."
    UNSUPPORTED_MEDIA_TYPE = "The body is not declared as plain application/json."
    APP_UNKNOWN = "The request names a mini-program that this server does not serve."
    LOGIN_CODE_INVALID = "WeChat does not know the code: expired, of another mini-program, or not from wx.login."
    LOGIN_CODE_USED = "The code has been used; each works once."
    USER_BLOCKED = "WeChat holds this user for a high risk."
    CODE_OF_ANOTHER_PERSON = "The code of wx.login is another user's than the one who is signed in."
    PHONE_CODE_INVALID = (
        "WeChat does not know the phone code: expired, used, of another user or mini-program, or from wx.login."
    )
    PHONE_IN_USE = "Another user of this server has this phone number."
    SESSION_KEY_STALE = "The data was signed with a session_key that is no longer, or not yet, known."
    DECRYPTION_FAILED = "The encrypted data is not what WeChat made for this user, or was changed."
    WATERMARK_OUT_OF_RANGE = "The data was collected too long ago, or in the future."
    TEXT_REFUSED = "WeChat finds the text not fit to be shown."
    PICTURE_UNUSABLE = "The picture cannot be read, or is of a wrong kind or size."
    PICTURE_REFUSED = "WeChat or an operator finds the picture not fit to be shown."
    UPLOAD_NOT_FOUND = "There is no such upload of this user: used, older than an hour, or another user's."
    RATE_LIMITED = "Too many requests; see `retryAfterMs`."
    NOT_ENABLED = "The operators have not switched this on."
    WECHAT_UNAVAILABLE = "WeChat gave no usable response."
    WECHAT_MISCONFIGURED = "WeChat refuses the server itself: its operators must act."
    SERVICE_UNAVAILABLE = "The server cannot work just now."
    INTERNAL_SERVER_ERROR = "A defect of the server; tell its operators the `requestId`."


@dataclass(frozen=True, slots=True)
class CodedError:
    """One error as the client sees it."""

    code: ErrorCode
    message: str
    action: ErrorAction
    retry_after_ms: int | None = None

    @property
    def retryable(self) -> bool:
        """Whether the same operation can succeed after `action`."""
        return self.action not in {ErrorAction.FIX_REQUEST, ErrorAction.GIVE_UP}

    def extensions(self, request_id: str) -> dict[str, object]:
        return {
            "code": self.code.name,
            "action": self.action.name,
            "retryable": self.retryable,
            "requestId": request_id,
        } | ({} if self.retry_after_ms is None else {"retryAfterMs": self.retry_after_ms})


INTERNAL: Final = CodedError(
    ErrorCode.INTERNAL_SERVER_ERROR, "Something went wrong on the server.", ErrorAction.GIVE_UP
)
