"""Cuts secrets out of what is shown: by the name of a field, and by the shape of a text."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import orjson

MASK: Final = "…"
MAX_SHOWN: Final = 16 * 1024
# Deeper values are not shown, and not walked through either.
MAX_DEPTH: Final = 32
# How many characters of a field are shown. Names are compared without case, blank, hyphen and underscore.
_SHOWN: Final[Mapping[str, int]] = dict.fromkeys(("jscode", "code", "iv", "encrypt"), 4)
# The same for names that end so: `authorizer_access_token` too.
_SHOWN_OF_SUFFIX: Final[Mapping[str, int]] = {
    **dict.fromkeys(("secret", "token", "sessionkey", "encryptkey"), 0),
    **dict.fromkeys(("signature", "encrypteddata"), 4),
    **dict.fromkeys(("phonenumber", "mobileno", "emailaddress"), 3),
    # "unoin_id" is WeChat's own spelling.
    **dict.fromkeys(("openid", "touser", "fromusername", "openpid", "unionid", "unoinid"), 6),
}
_LONG_SHOWN: Final = 4
# A phone number, with its country's code or as one of mainland China, in one piece or with blanks.
_PHONE: Final = (
    r"\+[1-9](?:[ -]?[0-9]){6,14}"
    r"|(?<![0-9A-Za-z])(?:86[ -]?)?1[3-9](?:[ \u00a0\u3000]?[0-9]){9}(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])1[3-9][0-9](?:-[0-9]{4}){2}(?![0-9A-Za-z])"
)
# Whatever its name: an openid, key, access token, code or hash, and a phone number.
_SECRET: Final = re.compile(
    r"(?<![0-9A-Za-z_-])o[0-9A-Za-z_-]{27}(?![0-9A-Za-z_-])"
    r"|[0-9A-Za-z+/]{22}=="
    r"|[0-9]{2,3}_[0-9A-Za-z_-]{40,}"
    rf"|[0-9A-Za-z+=]{{24,}}|{_PHONE}|(?<![0-9])[0-9]{{11,}}"
)
# What may be base64 of either alphabet, or a path, a request id or the name of an event: these are never so mixed.
_RUN: Final = re.compile(r"[0-9A-Za-z+/=_-]{24,}")
_MIXED: Final = tuple(map(re.compile, ("[0-9]", "[A-Z]", "[a-z]")))
# In a text of unknown form, as half a response is, all that is long.
_LONG: Final = re.compile(rf"[0-9A-Za-z+/=_-]{{16,}}|{_PHONE}|[0-9]{{7,}}")
_LONG_NUMBER: Final = 10**10


def masked(value: object, name: str = "", depth: int = MAX_DEPTH) -> object:
    """A copy of a JSON value with its secrets cut; `name` is that of its field, and `depth` how deep it may go."""
    match value:
        case Mapping() | list() if not depth:
            return MASK
        case Mapping():
            return {_without_secrets(str(key)): masked(item, str(key), depth - 1) for key, item in value.items()}
        case list():
            return [masked(item, name, depth - 1) for item in value]
    shown = _shown(re.sub("[ _-]", "", name).lower())
    # A number, as WeChat's own errcodes are, is shown; one where a secret belongs is not.
    if shown is not None and value not in (None, ""):
        return str(value)[:shown] + MASK
    if isinstance(value, int | float) and abs(value) >= _LONG_NUMBER:
        return str(value)[:_LONG_SHOWN] + MASK
    return _without_secrets(value) if isinstance(value, str) else value


def shortened(content: bytes) -> bytes:
    """Of what is too much to show, the size in words."""
    return content if len(content) <= MAX_SHOWN else f"{MASK} {len(content)} bytes".encode()


def masked_body(content: bytes) -> object:
    """JSON as a value, text as text, and of anything else the size. None for an empty body."""
    if not content:
        return None
    with suppress(orjson.JSONDecodeError):
        return masked(orjson.loads(content))
    try:
        return _cut(_LONG, content.decode())
    except UnicodeDecodeError:
        return f"{MASK} {len(content)} bytes"


def _shown(name: str) -> int | None:
    """How many characters of the field, or None for all."""
    of_suffix = (shown for suffix, shown in _SHOWN_OF_SUFFIX.items() if name.endswith(suffix))
    return _SHOWN.get(name, next(of_suffix, None))


def _without_secrets(text: str) -> str:
    def cut_if_mixed(found: re.Match[str]) -> str:
        is_mixed = all(kind.search(found[0]) for kind in _MIXED)
        return found[0][:_LONG_SHOWN] + MASK if is_mixed else found[0]

    return _cut(_SECRET, _RUN.sub(cut_if_mixed, text))


def _cut(secret: re.Pattern[str], text: str) -> str:
    return secret.sub(lambda found: found[0][:_LONG_SHOWN] + MASK, text)
