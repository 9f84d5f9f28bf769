"""The code that an exception has in a response, and how the schema describes errors.

Exceptions are raised where they are known and translated here, once. What is not in the table is a defect: it is
logged with its traceback and reaches the client as `INTERNAL_SERVER_ERROR` and nothing more.
"""

import math
import types
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import Final

import strawberry

from graph.accounts import errors as accounts
from graph.errors import CodedError
from graph.errors import ErrorAction as Action
from graph.errors import ErrorCode as Code
from graph.pictures import errors as pictures
from graph.security.errors import RateLimited
from graph.wechat import errors as wechat
from models.errors import DatabaseBehind, DatabaseUnavailable, UnsupportedDatabase


def _enum(kind: type[Enum], description: str) -> type[Enum]:
    """An enum of the schema with the members of `kind`, whose values are their descriptions."""
    members = {member.name: strawberry.enum_value(member.name, description=member.value) for member in kind}
    described: type[Enum] = types.new_class(kind.__name__, (Enum,), exec_body=lambda body: body.update(members))
    return strawberry.enum(described, description=description)


_ACTIONS: Final = _enum(Action, "What to do about an error, in `errors[].extensions.action`.")
_CODES: Final = _enum(Code, "Every code that `errors[].extensions.code` can hold.")


@strawberry.type(
    description="The shape of `errors[].extensions` in every response that has errors, whatever its HTTP status. No "
    "field returns it: it is here for code generators."
)
class ErrorExtensions:
    code: str = strawberry.field(graphql_type=_CODES, description="What went wrong.")
    action: str = strawberry.field(graphql_type=_ACTIONS, description="What the client does next.")
    retryable: bool = strawberry.field(description="Whether the same operation can succeed after `action`.")
    request_id: str = strawberry.field(
        description="Names the request in the server's log; also in the header X-Request-Id."
    )
    retry_after_ms: int | None = strawberry.field(
        description="Milliseconds to wait before; absent where no time is known."
    )


TYPES: Final = (_ACTIONS, _CODES, ErrorExtensions)


def with_errors(description: str, codes: str) -> str:
    """The description of an operation, in Markdown, with a list of its codes, whose names have blanks between them.

    Raises `KeyError` for a name that is no code.
    """
    return f"{description}\n\nErrors:\n\n" + "\n".join(f"- `{Code[name].name}`" for name in codes.split())


_UNAVAILABLE: Final = CodedError(Code.SERVICE_UNAVAILABLE, "The server cannot work just now.", Action.WAIT)
_PICTURES_BUSY: Final = CodedError(
    Code.SERVICE_UNAVAILABLE, "Too many pictures are being uploaded just now.", Action.WAIT, retry_after_ms=1000
)
_CODE_MAY_BE_SPENT: Final = CodedError(
    Code.WECHAT_UNAVAILABLE,
    "WeChat does not respond just now: try again with a new code, for this one may be spent.",
    Action.LOG_IN,
    retry_after_ms=1000,
)
_KNOWN: Final[Mapping[type[BaseException], CodedError]] = {
    accounts.Unauthenticated: CodedError(
        Code.UNAUTHENTICATED, "Sign in first: the token is missing or expired.", Action.LOG_IN
    ),
    accounts.NotBearer: CodedError(
        Code.UNAUTHENTICATED, "Send the token as `Authorization: Bearer <token>`, unquoted.", Action.FIX_REQUEST
    ),
    accounts.MalformedSessionId: CodedError(
        Code.BAD_USER_INPUT, "A session's id is the 22 letters and digits of `Session.id`.", Action.FIX_REQUEST
    ),
    accounts.CodeWasted: CodedError(
        Code.SERVICE_UNAVAILABLE,
        "The server could not do what the code was for: try again with a new code.",
        Action.LOG_IN,
        retry_after_ms=1000,
    ),
    accounts.NotEnabled: CodedError(Code.NOT_ENABLED, "The operators have not switched this on.", Action.GIVE_UP),
    accounts.NumberInUse: CodedError(
        Code.PHONE_IN_USE, "Another user of this server has this phone number.", Action.GIVE_UP
    ),
    accounts.PhoneNotStored: CodedError(
        Code.SERVICE_UNAVAILABLE,
        "The phone number could not be kept: have the user tap again.",
        Action.ASK_AGAIN,
        retry_after_ms=1000,
    ),
    accounts.TextRefused: CodedError(
        Code.TEXT_REFUSED, "WeChat finds this text not fit to be shown: have the user type another.", Action.ASK_AGAIN
    ),
    accounts.PictureRefused: CodedError(
        Code.PICTURE_REFUSED, "This picture is not fit to be shown: have the user choose another.", Action.ASK_AGAIN
    ),
    accounts.UploadNotFound: CodedError(
        Code.UPLOAD_NOT_FOUND,
        "No upload of this user has this id, or it is older than an hour: upload the picture again.",
        Action.ASK_AGAIN,
    ),
    accounts.UploadsBusy: _PICTURES_BUSY,
    pictures.PicturesBusy: _PICTURES_BUSY,
    pictures.StoreUnavailable: _UNAVAILABLE,
    pictures.StoreMisconfigured: _UNAVAILABLE,
    accounts.CodeOfAnotherUser: CodedError(
        Code.CODE_OF_ANOTHER_PERSON,
        "The code of wx.login is another user's than the one who is signed in: sign out first.",
        Action.FIX_REQUEST,
    ),
    wechat.DecryptFailed: CodedError(
        Code.DECRYPTION_FAILED,
        "The encrypted data is not what WeChat made for this user and this call.",
        Action.FIX_REQUEST,
    ),
    wechat.WatermarkOutOfRange: CodedError(
        Code.WATERMARK_OUT_OF_RANGE,
        "The data was collected too long ago, or in the future: collect it again.",
        Action.COLLECT_AGAIN,
    ),
    wechat.AppIdMalformed: CodedError(
        Code.BAD_REQUEST, "X-Wxgate-App must be one AppID: 'wx' and 16 hexadecimal digits.", Action.FIX_REQUEST
    ),
    wechat.LoginCodeInvalid: CodedError(
        Code.LOGIN_CODE_INVALID,
        "WeChat does not know this code: it must come from wx.login of this mini-program, less than 5 minutes ago.",
        Action.LOG_IN,
    ),
    wechat.LoginCodeUsed: CodedError(
        Code.LOGIN_CODE_USED, "This code has been used: call wx.login again.", Action.LOG_IN
    ),
    wechat.PhoneCodeInvalid: CodedError(
        Code.PHONE_CODE_INVALID,
        "WeChat does not know this phone code: it must come from this user's tap on the button of this mini-program, "
        "less than 5 minutes ago, and works once.",
        Action.ASK_AGAIN,
    ),
    wechat.UserBlocked: CodedError(
        Code.USER_BLOCKED, "WeChat does not let this user sign in at present.", Action.GIVE_UP
    ),
    wechat.WeChatUnavailable: CodedError(
        Code.WECHAT_UNAVAILABLE, "WeChat does not respond just now: try again.", Action.WAIT, retry_after_ms=1000
    ),
    wechat.PhoneNumberUnusable: CodedError(
        Code.WECHAT_UNAVAILABLE,
        "WeChat gave no phone number that can be used: have the user tap again.",
        Action.ASK_AGAIN,
        retry_after_ms=1000,
    ),
    wechat.CircuitOpen: CodedError(
        Code.WECHAT_UNAVAILABLE,
        "WeChat does not respond just now: wait, then try again; a login with the same code, which is not spent.",
        Action.WAIT,
    ),
    wechat.WeChatMisconfigured: CodedError(
        Code.WECHAT_MISCONFIGURED, "WeChat refuses this server; its operators must act.", Action.GIVE_UP
    ),
    wechat.UserUnseen: CodedError(
        Code.WECHAT_UNAVAILABLE, "WeChat has not seen this user in the mini-program lately: try again.", Action.WAIT
    ),
    wechat.WeChatRateLimited: CodedError(
        Code.RATE_LIMITED, "WeChat takes no more calls of this mini-program for a while.", Action.WAIT
    ),
    RateLimited: CodedError(Code.RATE_LIMITED, "This was done too often.", Action.WAIT),
    accounts.CodesTooFrequent: CodedError(
        Code.RATE_LIMITED, "This user did this too often: wait, then try again with a new code.", Action.LOG_IN
    ),
    DatabaseUnavailable: _UNAVAILABLE,
    DatabaseBehind: _UNAVAILABLE,
    UnsupportedDatabase: _UNAVAILABLE,
    accounts.KeyRingMismatch: _UNAVAILABLE,
}


def coded(error: BaseException) -> CodedError | None:
    """The client's view of an exception that a use case may raise, or None for a defect."""
    known = next((_KNOWN[kind] for kind in type(error).__mro__ if kind in _KNOWN), None)
    match error:
        case accounts.NewCodeNeeded(cause=cause):
            known = coded(cause)
            return replace(known, action=Action.ASK_AGAIN) if known and known.action is Action.LOG_IN else known
        case wechat.WeChatUnavailable(code_may_be_spent=True):
            return _CODE_MAY_BE_SPENT
        case wechat.WeChatError(retry_after=float() | int() as seconds) if known:
            return replace(known, retry_after_ms=math.ceil(1000 * seconds))
        case pictures.PictureUnusable():
            return CodedError(Code.PICTURE_UNUSABLE, str(error), Action.ASK_AGAIN)
        case accounts.NotEnabled(setting=setting) if known:
            known = replace(known, message=f"The operators have not switched this on ({setting}).")
        case RateLimited() | accounts.CodesTooFrequent() if known:
            return replace(known, retry_after_ms=error.retry_after_ms)
    return _with_particulars(error) or known


def _with_particulars(error: BaseException) -> CodedError | None:
    """Where the message depends on what the exception knows."""
    match error:
        case wechat.MalformedSubmission() | accounts.ProfileInvalid():
            return CodedError(Code.BAD_USER_INPUT, str(error), Action.FIX_REQUEST)
        case accounts.SessionKeyStale():
            message = "The data was signed with another session_key: log in, collect it again, submit it again."
            message = f"{message} {error.hint}" if error.hint else message
            return CodedError(Code.SESSION_KEY_STALE, message, Action.COLLECT_AGAIN)
        case wechat.AppUnknown():
            message = "This server does not serve the mini-program that the request names."
            message = f"{message} It serves {', '.join(error.served)}." if error.served else message
            return CodedError(Code.APP_UNKNOWN, message, Action.FIX_REQUEST)
        case wechat.LoginCodeInvalid(reason=str(reason)):
            message = f"WeChat does not know this code: {reason}"
            return CodedError(Code.LOGIN_CODE_INVALID, message, Action.FIX_REQUEST)
        case wechat.LoginCodeInvalid(hint=str(hint)) | wechat.PhoneCodeInvalid(hint=str(hint)):
            known = _KNOWN[type(error)]
            return replace(known, message=f"{known.message} {hint}")
    return None
