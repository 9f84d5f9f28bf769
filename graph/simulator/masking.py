"""Cuts secrets out of what is shown: by the name of a field, and by the shape of a text."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import orjson

MASK: Final = "…"
MAX_SHOWN: Final = 16 * 1024
# How many characters of a field are shown. Names are compared without case, blank, hyphen and underscore.
_SHOWN: Final[Mapping[str, int]] = {
    **dict.fromkeys(("secret", "appsecret", "accesstoken", "sessionkey", "encryptkey", "token"), 0),
    **dict.fromkeys(("jscode", "code", "signature", "msgsignature", "iv", "encrypteddata", "encrypt"), 4),
    **dict.fromkeys(("phonenumber", "purephonenumber", "mobileno", "emailaddress"), 3),
    # "unoin_id" is WeChat's own spelling.
    **dict.fromkeys(("openid", "touser", "fromusername", "openpid", "unionid", "unoinid"), 6),
}
# Whatever its name: a code, key or hash, and a phone number. Request ids and the names of events are no such words.
_SECRET: Final = re.compile(r"[0-9A-Za-z+=]{24,}|(?<![0-9])[0-9]{11,}")
# In a text of unknown form, as half a response is, all that is long.
_LONG: Final = re.compile(r"[0-9A-Za-z+/=_-]{16,}|[0-9]{7,}")
_LONG_SHOWN: Final = 4


def masked(value: object, name: str = "") -> object:
    """A copy of a JSON value with its secrets cut; `name` is that of its field."""
    match value:
        case Mapping():
            return {_cut(_SECRET, str(key)): masked(item, str(key)) for key, item in value.items()}
        case list():
            return [masked(item, name) for item in value]
    shown = _SHOWN.get(re.sub("[ _-]", "", name).lower())
    # A number, as WeChat's own errcodes are, is shown; one where a secret belongs is not.
    if shown is not None and value not in (None, ""):
        return str(value)[:shown] + MASK
    return _cut(_SECRET, value) if isinstance(value, str) else value


def masked_body(content: bytes) -> object:
    """JSON as a value, text as text, and of anything else, or of too much, the size. None for an empty body."""
    if not content:
        return None
    if len(content) > MAX_SHOWN:
        return f"{MASK} {len(content)} bytes"
    with suppress(orjson.JSONDecodeError):
        return masked(orjson.loads(content))
    try:
        return _cut(_LONG, content.decode())
    except UnicodeDecodeError:
        return f"{MASK} {len(content)} bytes"


def _cut(secret: re.Pattern[str], text: str) -> str:
    return secret.sub(lambda found: found[0][:_LONG_SHOWN] + MASK, text)
