"""WeChat's responses: an HTTP status and bytes in, an object or one error of the family out."""

import ipaddress
import json
import re

from graph.wechat.errors import (
    LoginCodeInvalid,
    LoginCodeUsed,
    UserBlocked,
    WeChatError,
    WeChatMisconfigured,
    WeChatRateLimited,
    WeChatUnavailable,
)

Fields = dict[str, object]

SYSTEM_BUSY = -1
_MINUTE_QUOTA = 45011
_DAILY_QUOTA = 45009
_IP_NOT_ALLOWED = 40164

# The daily quota comes back at midnight in Beijing, or when an operator clears it: worth a look once an hour.
_RETRY_AFTER = {_MINUTE_QUOTA: 60, _DAILY_QUOTA: 3600}

_REFUSALS: dict[int, type[WeChatError]] = {
    40029: LoginCodeInvalid,
    41008: LoginCodeInvalid,
    40163: LoginCodeUsed,
    40226: UserBlocked,
}

_ERRCODE = re.compile(r"-?[0-9]{1,9}")
_RID = re.compile(r"\brid:\s*([0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8})\b")
_REFUSED_IP = re.compile(r"\binvalid ip ([0-9A-Fa-f.:]{2,45})(?![0-9A-Za-z.:])")
_TOKEN = re.compile(r"[\x21-\x7e]{1,512}")
_SESSION_KEY = re.compile(r"[0-9A-Za-z+/]{21}[AQgw]==")


def read_response(http_status: int, body: bytes) -> Fields:
    """Parse whatever the content type says: WeChat sends JSON as text/plain. Raises WeChatError.

    Undecodable bytes and control characters, both seen in errmsg, must not hide the errcode: they are let through
    here and refused in the values that are used.
    """
    if http_status != 200:
        raise WeChatUnavailable(reason=f"http {http_status}", http_status=http_status)
    fields = _parse(body)
    if not isinstance(fields, dict):
        raise WeChatUnavailable(reason=_what_it_is(body), http_status=http_status)
    errcode = _errcode(fields)
    if errcode != 0:
        raise _refusal(errcode, fields, http_status)
    return fields


def text(fields: Fields, name: str, *, longest: int = 512) -> str:
    """A field that is needed: visible ASCII, at most `longest` characters. Raises WeChatUnavailable."""
    value = fields.get(name)
    if not isinstance(value, str) or len(value) > longest or not _TOKEN.fullmatch(value):
        raise WeChatUnavailable(reason=f"missing {name}", http_status=200)
    return value


def text_or_none(fields: Fields, name: str, *, longest: int = 512) -> str | None:
    return text(fields, name, longest=longest) if fields.get(name) else None


def session_key(fields: Fields) -> str:
    """The field session_key: base64 of 16 bytes. Raises WeChatUnavailable."""
    value = text(fields, "session_key")
    if not _SESSION_KEY.fullmatch(value):
        raise WeChatUnavailable(reason="malformed session_key", http_status=200)
    return value


def seconds(fields: Fields, name: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise WeChatUnavailable(reason=f"missing {name}", http_status=200)
    return value


def _parse(body: bytes) -> object:
    try:
        return json.loads(body.decode("utf-8-sig", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None


def _what_it_is(body: bytes) -> str:
    start = body.lstrip()[:1]
    return {b"": "empty body", b"<": "html body"}.get(start, "body is not a JSON object")


def _errcode(fields: Fields) -> int:
    errcode = fields.get("errcode")
    if errcode is None:
        return 0
    if isinstance(errcode, str) and _ERRCODE.fullmatch(errcode):
        return int(errcode)
    if isinstance(errcode, int) and not isinstance(errcode, bool):
        return errcode
    raise WeChatUnavailable(reason="unreadable errcode", http_status=200)


def _rid(fields: Fields) -> str | None:
    found = _RID.search(str(fields.get("errmsg")))
    return found[1] if found else None


def _refused_ip(fields: Fields) -> str | None:
    found = _REFUSED_IP.search(str(fields.get("errmsg")))
    try:
        return str(ipaddress.ip_address(found[1])) if found else None
    except ValueError:
        return None


def _refusal(errcode: int, fields: Fields, http_status: int) -> WeChatError:
    # By number alone: the words differ between hosts and years.
    rid = _rid(fields)
    if errcode == SYSTEM_BUSY:
        return WeChatUnavailable(reason="system busy", errcode=errcode, rid=rid, http_status=http_status)
    if errcode in _RETRY_AFTER:
        return WeChatRateLimited(retry_after=_RETRY_AFTER[errcode], errcode=errcode, rid=rid, http_status=http_status)
    if errcode == _IP_NOT_ALLOWED:
        return WeChatMisconfigured(refused_ip=_refused_ip(fields), errcode=errcode, rid=rid, http_status=http_status)
    return _REFUSALS.get(errcode, WeChatMisconfigured)(errcode=errcode, rid=rid, http_status=http_status)
