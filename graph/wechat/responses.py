"""WeChat's responses: bytes in, what was asked or one error of the family out."""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import SecretStr

from graph.wechat import errors
from graph.wechat.content_check import TextVerdict, is_trace_id, read_verdict
from graph.wechat.phone_number import PhoneNumber, read_phone_number

Fields = dict[str, object]

SYSTEM_BUSY = -1
INVALID_APP_ID = 40013
_IP_NOT_ALLOWED = 40164
_USER_UNSEEN: Final = 61010
# By number alone: the words differ between hosts and years.
_REFUSALS: Final[Mapping[int, type[errors.WeChatError]]] = {
    SYSTEM_BUSY: errors.WeChatUnavailable,
    45009: errors.WeChatRateLimited,
    45011: errors.WeChatRateLimited,
}
# Of a call that carries an access token. Where one is asked for, 40001 is a wrong AppSecret.
_TOKEN_REFUSALS: Final = dict.fromkeys((40001, 40014, 42001), errors.AccessTokenRefused)
# Of a check. 40003, 43104: no user's openid, or not in this mini-program, such as of a user who has left WeChat.
_CHECK_REFUSALS: Final = {**_TOKEN_REFUSALS, **dict.fromkeys((_USER_UNSEEN, 40003, 43104), errors.UserUnseen)}
# What means something else, or something only, to one endpoint.
_REFUSALS_OF: Final[Mapping[str, Mapping[int, type[errors.WeChatError]]]] = {
    "code2session": {
        40029: errors.LoginCodeInvalid,
        41008: errors.LoginCodeInvalid,
        40163: errors.LoginCodeUsed,
        40226: errors.UserBlocked,
    },
    # 40003: the user has left WeChat, and the openid with them.
    "check_session_key": {**_TOKEN_REFUSALS, 40003: errors.SessionKeyInvalid, 87009: errors.SessionKeyInvalid},
    # Which of them an openid or a mini-program gets that is not the code's is not documented. An AppID of the server's
    # that is wrong gets no access token in the first place.
    "get_phone_number": {
        **_TOKEN_REFUSALS,
        **dict.fromkeys((40029, INVALID_APP_ID, 40003), errors.PhoneCodeInvalid),
    },
    "check_text": {**_CHECK_REFUSALS, 87014: errors.ContentRisky},
    "check_picture": _CHECK_REFUSALS,
}
_REASONS: Final = {SYSTEM_BUSY: "system busy", _USER_UNSEEN: "not within two hours"}
# The daily quota comes back at midnight in Beijing, or when an operator clears it: worth a look once an hour.
_RETRY_AFTER = {45011: 60, 45009: 3600}

_ERRCODE = re.compile(r"-?[0-9]{1,9}")
_RID = re.compile(r"\brid:\s*([0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8})\b")
_REFUSED_IP = re.compile(r"\binvalid ip ([0-9A-Fa-f.:]{2,45})(?![0-9A-Za-z.:])")
_TOKEN = re.compile(r"[\x21-\x7e]{1,512}")
_ID = re.compile(r"[\x21-\x7e]{1,64}")  # an openid or unionid; today's have 28 or 29 characters
_SESSION_KEY = re.compile(r"[0-9A-Za-z+/]{21}[AQgw]==")


@dataclass(frozen=True, slots=True)
class Code2Session:
    """Who logged in.

    `session_key` is base64 text of 16 bytes as WeChat sent it: signatures use the text, decryption the bytes.
    `unionid` is None unless the app is bound to an Open Platform account, and may appear later for the same openid.
    """

    openid: str = field(repr=False)
    session_key: SecretStr = field(repr=False)
    unionid: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What calls to most of WeChat's endpoints must carry; it ends in `expires_in` seconds."""

    token: SecretStr = field(repr=False)
    expires_in: int


def read_fields(body: bytes, endpoint: str) -> Fields:
    """Parse whatever the content type says: WeChat sends JSON as text/plain. Raises WeChatError.

    Undecodable bytes and control characters, both seen in errmsg, must not hide the errcode: they are let through
    here and refused in the values that are used.
    """
    try:
        fields = json.loads(body.decode("utf-8-sig", "replace"), strict=False)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise _unusable({b"": "empty body", b"<": "html body"}.get(body.lstrip()[:1], "body is not a JSON object"))
    errcode = _errcode(fields)
    if errcode != 0:
        raise _refusal(endpoint, errcode, str(fields.get("errmsg")))
    return fields


def read_code2session(fields: Fields) -> Code2Session:
    """Raises WeChatUnavailable."""
    openid, session_key = _text(fields, "openid", _ID), _text(fields, "session_key")
    if not _SESSION_KEY.fullmatch(session_key):
        raise _unusable(reason="malformed session_key")
    unionid = _text(fields, "unionid", _ID) if fields.get("unionid") else None
    return Code2Session(openid, SecretStr(session_key), unionid)


def read_access_token(fields: Fields) -> AccessToken:
    """Raises WeChatUnavailable, also when the token has no lifetime."""
    token, expires_in = _text(fields, "access_token"), fields.get("expires_in")
    if not isinstance(expires_in, int) or isinstance(expires_in, bool) or expires_in <= 0:
        raise _unusable(reason="missing expires_in")
    return AccessToken(SecretStr(token), expires_in)


def read_phone_info(fields: Fields, *, app_id: str) -> PhoneNumber:
    """Raises PhoneNumberUnusable where anything is odd: nothing of it is to be stored."""
    info = fields.get("phone_info")
    reason = "unusable phone_info: no object"
    if isinstance(info, dict):
        try:
            return read_phone_number(info, app_id=app_id)
        except errors.DecryptFailed as error:
            reason = f"unusable phone_info: {error.reason}"
    raise errors.PhoneNumberUnusable(reason, http_status=200)


def read_text_verdict(fields: Fields) -> TextVerdict:
    """Raises WeChatUnavailable without a result. Never of the first version, which had none: it is not asked for."""
    result, trace_id = fields.get("result"), fields.get("trace_id")
    verdict = read_verdict(result.get("suggest"), result.get("label")) if isinstance(result, dict) else None
    if verdict is None:
        raise _unusable(reason="missing result")
    return TextVerdict(*verdict, trace_id if isinstance(trace_id, str) and is_trace_id(trace_id) else "")


def read_trace_id(fields: Fields) -> str:
    """By which the event of a picture's check is known. Raises WeChatUnavailable."""
    trace_id = fields.get("trace_id")
    if not isinstance(trace_id, str) or not is_trace_id(trace_id):
        raise _unusable(reason="missing trace_id")
    return trace_id


def _text(fields: Fields, name: str, shape: re.Pattern[str] = _TOKEN) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not shape.fullmatch(value):
        raise _unusable(reason=f"missing {name}")
    return value


def _unusable(reason: str) -> errors.WeChatUnavailable:
    return errors.WeChatUnavailable(reason, http_status=200)


def _errcode(fields: Fields) -> int:
    errcode = fields.get("errcode")
    if errcode is None:
        return 0
    if isinstance(errcode, str) and _ERRCODE.fullmatch(errcode):
        return int(errcode)
    if isinstance(errcode, int) and not isinstance(errcode, bool):
        return errcode
    raise _unusable(reason="unreadable errcode")


def _refusal(endpoint: str, errcode: int, errmsg: str) -> errors.WeChatError:
    rid = _RID.search(errmsg)
    kind = _REFUSALS_OF.get(endpoint, {}).get(errcode) or _REFUSALS.get(errcode, errors.WeChatMisconfigured)
    return kind(
        _REASONS.get(errcode),
        errcode=errcode,
        rid=rid[1] if rid else None,
        http_status=200,
        refused_ip=_refused_ip(errmsg) if errcode == _IP_NOT_ALLOWED else None,
        retry_after=_RETRY_AFTER.get(errcode),
    )


def _refused_ip(errmsg: str) -> str | None:
    found = _REFUSED_IP.search(errmsg)
    try:
        return str(ipaddress.ip_address(found[1])) if found else None
    except ValueError:
        return None
