"""User info: strict JSON, its shapes, its watermark, and agreement with the rawData that WeChat signed."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile

from graph.wechat.errors import DecryptFailed

_MAX_DEPTH = 8  # WeChat nests two deep
_MAX_LENGTH = {"nickName": 256, "avatarUrl": 1024, "city": 128, "province": 128, "country": 128, "language": 128}
_PROFILE_FIELDS = frozenset({*_MAX_LENGTH, "gender"})
_AVATAR_URL = re.compile(r"(https?://[^\x00-\x1f\x7f-\x9f]+)?")
_UNIONID = re.compile(r"[0-9A-Za-z_-]{0,64}")
_BLOCK = 16


@dataclass(frozen=True, slots=True, repr=False)
class UserInfo:
    """A profile that WeChat signed and encrypted. Proves "this session_key, this moment"; identity it does not prove.

    Since 2021 nearly always anonymous. `gender` is 0 unknown, 1 male, 2 female; `watermark_at` is epoch seconds, the
    time of the tap in the client.
    """

    nick_name: str
    avatar_url: str
    city: str
    province: str
    country: str
    language: str
    gender: int
    watermark_at: int


def parse_object(text: str) -> dict[str, object] | None:
    """None for everything else than one strict object: what two parsers could read differently is refused.

    Refused besides bad syntax: duplicate keys, NaN and infinities (1e999 too), integers beyond Python's digit limit,
    more than 8 levels, and lone surrogates, which are no text: they fail in every database and encoder.
    Returns None instead of raising because json's own exceptions carry the whole document.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique)
        write(value).encode()  # raises ValueError for infinities and lone surrogates
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and _is_shallow(value, _MAX_DEPTH) else None


def write(value: object, *, ensure_ascii: bool = False, sort_keys: bool = False) -> str:
    """The compact form. Two values of parsed JSON agree in value and type just when their sorted forms are equal."""
    return json.dumps(value, ensure_ascii=ensure_ascii, allow_nan=False, sort_keys=sort_keys, separators=(",", ":"))


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _is_shallow(value: object, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(item, levels - 1) for item in inner)


def read_watermark(data: Mapping[str, object], *, app_id: str) -> int:
    """The time of the client's action in epoch seconds; raises DecryptFailed if the data is not for `app_id`."""
    mark = data.get("watermark")
    if not isinstance(mark, dict) or not isinstance(mark.get("appid"), str):
        raise DecryptFailed(reason="watermark")
    if mark["appid"] != app_id:
        raise DecryptFailed(reason="watermark appid")
    timestamp = mark.get("timestamp")
    if not isinstance(timestamp, int) or isinstance(timestamp, bool):
        raise DecryptFailed(reason="watermark timestamp")
    return timestamp


def require_agreement(
    plaintext: bytes, data: Mapping[str, object], *, signed: Mapping[str, object], openid: str
) -> None:
    """Raise DecryptFailed unless `data`, parsed from `plaintext`, agrees with what is known from elsewhere.

    `openid` comes from code2session and `signed` is the parsed rawData. wx.getUserProfile's plaintext has no openId.
    """
    if "openId" in data and data["openId"] != openid:
        raise DecryptFailed(reason="openid")
    # Never used. Its shape is checked because it is the one stretch of text longer than a cipher block which nothing
    # else vouches for: a changed ciphertext bit turns a whole block into noise, and noise could hide only here.
    unionid = data.get("unionId", "")
    if not isinstance(unionid, str) or not _UNIONID.fullmatch(unionid):
        raise DecryptFailed(reason="unionid")
    if not _first_block_is_vouched_for(plaintext, data, trusted={**signed, "openId": openid}):
        raise DecryptFailed(reason="first block")
    # Compared as they would be written, because 1, 1.0 and True are equal in Python.
    opened = {name: data[name] for name in data if name in signed or name in _PROFILE_FIELDS}
    if write(opened, sort_keys=True) != write(signed, sort_keys=True):
        raise DecryptFailed(reason="raw data")


def read_profile(data: Mapping[str, object], *, watermark_at: int) -> UserInfo:
    """Absent fields become "" and 0, as WeChat itself sends since 2021; raises DecryptFailed on a wrong shape."""
    texts = []
    for name, longest in _MAX_LENGTH.items():
        text = data.get(name, "")
        # PostgreSQL cannot store NUL.
        if not isinstance(text, str) or len(text) > longest or "\0" in text:
            raise DecryptFailed(reason=name)
        texts.append(text)
    gender = data.get("gender", 0)
    if not isinstance(gender, int) or isinstance(gender, bool) or gender not in (0, 1, 2):
        raise DecryptFailed(reason="gender")
    nick_name, avatar_url, city, province, country, language = texts
    if not _AVATAR_URL.fullmatch(avatar_url):
        raise DecryptFailed(reason="avatarUrl")
    return UserInfo(nick_name, avatar_url, city, province, country, language, gender, watermark_at)


def _first_block_is_vouched_for(plaintext: bytes, data: Mapping[str, object], *, trusted: Mapping[str, object]) -> bool:
    """Whether the first 16 bytes are what trusted values alone, written compactly, would be.

    The iv is the client's and not signed: plaintext[:16] is whatever the client likes. To parse these bytes and
    compare values is not enough. A flip can rename a key (openId -> opdnId is then merely "absent"), turn one blank
    into another (CR -> TAB), change the case of a hex digit of an escape: same object, another submission. So nothing
    is taken from these bytes except the order of keys; the rest must be rewritten from `trusted` and come out equal.
    WeChat writes compact JSON; whether it escapes non-ASCII was not settled, so either whole style is accepted. They
    part at a non-ASCII character, and what follows the block can continue only one of them.
    """
    vouched = {name: trusted[name] for name in takewhile(trusted.__contains__, data)}
    for ensure_ascii in (False, True):
        written = write(vouched, ensure_ascii=ensure_ascii).removesuffix("}").encode()
        if len(written) >= _BLOCK and plaintext.startswith(written[:_BLOCK]):
            return True
    return False
