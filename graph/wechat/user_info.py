"""User info: strict JSON, its shapes, its watermark, and agreement with the rawData that WeChat signed."""

import json
import re
import unicodedata
from collections.abc import Mapping, Set
from dataclasses import dataclass
from itertools import takewhile

from graph.wechat.errors import DecryptFailed, WatermarkOutOfRange

_MAX_DEPTH = 8  # WeChat nests two deep
_MAX_LENGTH = {"nickName": 256, "city": 128, "province": 128, "country": 128, "language": 128}
_GENDERS = {"1": 1, "2": 2}
_PROFILE_FIELDS = frozenset({*_MAX_LENGTH, "avatarUrl", "gender"})
_AVATAR_URL = re.compile(r"(?!.{1025})https?://[^\x00-\x1f\x7f-\x9f]+")
_UNIONID = re.compile(r"[0-9A-Za-z_-]{0,64}")
_BLOCK = 16
_ESCAPE = re.compile(r"\\(?:u....|.)")
_CONTROL = re.compile(r"[\x00-\x1f]")
_JOINERS = "\u200c\u200d"  # between letters in Persian, between emoji
_TAGS = "\U000e0020"  # and above: what makes a flag England's


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
    Control characters need no escape: WeChat has been seen to write nicknames so.
    Returns None instead of raising because json's own exceptions carry the whole document.
    """
    try:
        value = json.loads(text, strict=False, object_pairs_hook=_unique)
        write(value).encode()  # raises ValueError for infinities and lone surrogates
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and _is_shallow(value, _MAX_DEPTH) else None


def write(value: object, *, ensure_ascii: bool = False, sort_keys: bool = False) -> str:
    """The compact form. Two values of parsed JSON agree in value and type just when their sorted forms are equal."""
    return json.dumps(value, ensure_ascii=ensure_ascii, allow_nan=False, sort_keys=sort_keys, separators=(",", ":"))


def writings(value: object) -> tuple[str, str, str]:
    """The compact form, all ASCII, as JSON needs it, or with raw control characters: WeChat's style was not settled."""
    text = write(value)
    raw = _ESCAPE.sub(lambda found: found[0] if found[0] in {r"\"", r"\\"} else json.loads(f'"{found[0]}"'), text)
    return write(value, ensure_ascii=True), text, raw


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


def require_recent(watermark_at: int, *, now: float, max_age: float, max_ahead: float) -> None:
    """Raise WatermarkOutOfRange for what is older or further ahead, in seconds; the ends are in range."""
    # Compared, never subtracted from: an integer of a thousand digits does not become a float.
    if watermark_at < now - max_age:
        raise WatermarkOutOfRange(reason="too old")
    if watermark_at > now + max_ahead:
        raise WatermarkOutOfRange(reason="in the future")


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
    # Nor may it hide in fields that WeChat may add: raw control characters, which noise has plenty of, need a voucher.
    unsigned = {name: value for name, value in data.items() if name not in signed}
    if _CONTROL.search(writings(unsigned)[-1]):
        raise DecryptFailed(reason="control character")
    if not _first_block_is_vouched_for(plaintext, data, trusted={**signed, "openId": openid}):
        raise DecryptFailed(reason="first block")
    # Compared as they would be written, because 1, 1.0 and True are equal in Python.
    opened = {name: data[name] for name in data if name in signed or name in _PROFILE_FIELDS}
    # rawData alone vouches for what the plaintext lacks, unless blocks may have been cut out, or become noise. With a
    # chosen iv any block can follow a first one that looks good, but an openId there holds the next as well: only a
    # nickname, which users choose, could go on like it. A field swallowed by noise leaves a key that is not known.
    # Without an openId it can lack only what WeChat adds to rawData: a cut would take profile fields along.
    needed: Set[str] = signed.keys()
    if data.keys() <= {*signed, "openId", "unionId", "watermark"}:
        needed = {"nickName"} if next(iter(data)) == "openId" else signed.keys() & _PROFILE_FIELDS
    expected = {name: value for name, value in signed.items() if name in data or name in needed}
    if write(opened, sort_keys=True) != write(expected, sort_keys=True):
        raise DecryptFailed(reason="raw data")


def read_profile(signed: Mapping[str, object], *, watermark_at: int) -> UserInfo:
    """What of the signed rawData can be stored: cleaned, cut to the columns' lengths, else "" and 0.

    Never raises: it is genuine, and a user whose profile is odd could not mend it.
    """
    texts = (_cleaned(signed.get(name), longest=longest) for name, longest in _MAX_LENGTH.items())
    nick_name, city, province, country, language = texts
    avatar_url = signed.get("avatarUrl")
    if not isinstance(avatar_url, str) or not _AVATAR_URL.fullmatch(avatar_url):
        avatar_url = ""
    gender = _GENDERS.get(write(signed.get("gender")).strip('"'), 0)
    return UserInfo(nick_name, avatar_url, city, province, country, language, gender, watermark_at)


def _cleaned(value: object, *, longest: int) -> str:
    """The text without what hides or turns others round, by Unicode's categories; "" where nothing is left to see."""
    if not isinstance(value, str):
        return ""
    text = "".join(filter(_stays, value))[:longest]
    return "" if all(map(_is_blank, text)) else text


def _stays(char: str) -> bool:
    category = unicodedata.category(char)
    if category == "Cf":
        # AN: the signs that Arabic writes around its numbers are seen.
        return char in _JOINERS or char >= _TAGS or unicodedata.bidirectional(char) == "AN"
    # PostgreSQL cannot store NUL, which is one of Cc.
    return category not in {"Cc", "Zl", "Zp"}


def _is_blank(char: str) -> bool:
    # Hangul has letters, and Braille a pattern, that are blank: by category they are not.
    category = unicodedata.category(char)
    return category == "Cf" or category[0] in "ZM" or unicodedata.name(char, "").endswith((" FILLER", " BLANK"))


def _first_block_is_vouched_for(plaintext: bytes, data: Mapping[str, object], *, trusted: Mapping[str, object]) -> bool:
    """Whether the first 16 bytes are what trusted values alone, written compactly, would be.

    The iv is the client's and not signed: plaintext[:16] is whatever the client likes. To parse these bytes and
    compare values is not enough. A flip can rename a key (openId -> opdnId is then merely "absent"), turn one blank
    into another (CR -> TAB), change the case of a hex digit of an escape: same object, another submission. So nothing
    is taken from these bytes except the order of keys; the rest must be rewritten from `trusted` and come out equal.
    WeChat writes compact JSON, the whole in one of three styles. They part at a character that one of them escapes, and
    what follows the block can continue only one of them.
    """
    vouched = {name: trusted[name] for name in takewhile(trusted.__contains__, data)}
    for style in writings(vouched):
        written = style.removesuffix("}").encode()
        if len(written) >= _BLOCK and plaintext.startswith(written[:_BLOCK]):
            return True
    return False
