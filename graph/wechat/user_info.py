"""What an opened profile must be: shapes, watermark, and agreement with the rawData that WeChat signed."""

import re
from collections.abc import Mapping
from itertools import takewhile

from graph.wechat.errors import DecryptFailed
from graph.wechat.strict_json import write
from graph.wechat.types import UserInfo

_MAX_LENGTH = {"nickName": 256, "avatarUrl": 1024, "city": 128, "province": 128, "country": 128, "language": 128}
_PROFILE_FIELDS = frozenset({*_MAX_LENGTH, "gender"})
_AVATAR_URL = re.compile(r"(https?://[^\x00-\x1f\x7f-\x9f]+)?")
_UNIONID = re.compile(r"[0-9A-Za-z_-]{0,64}")
_BLOCK = 16


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
    if not signed.keys() <= data.keys() or not _PROFILE_FIELDS & data.keys() <= signed.keys():
        raise DecryptFailed(reason="raw data")
    # Compared as they would be written, because 1, 1.0 and True are equal in Python.
    opened = {name: data[name] for name in signed}
    if write(opened, sort_keys=True) != write(signed, sort_keys=True):
        raise DecryptFailed(reason="raw data")


def read_profile(data: Mapping[str, object], *, watermark_at: int) -> UserInfo:
    """Absent fields become "" and 0, as WeChat itself sends since 2021; raises DecryptFailed on a wrong shape."""
    texts = {name: _text(data, name, longest) for name, longest in _MAX_LENGTH.items()}
    gender = data.get("gender", 0)
    if not isinstance(gender, int) or isinstance(gender, bool) or gender not in (0, 1, 2):
        raise DecryptFailed(reason="gender")
    if not _AVATAR_URL.fullmatch(texts["avatarUrl"]):
        raise DecryptFailed(reason="avatarUrl")
    return UserInfo(
        nick_name=texts["nickName"],
        avatar_url=texts["avatarUrl"],
        gender=gender,
        city=texts["city"],
        province=texts["province"],
        country=texts["country"],
        language=texts["language"],
        watermark_at=watermark_at,
    )


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


def _text(data: Mapping[str, object], name: str, longest: int) -> str:
    value = data.get(name, "")
    # PostgreSQL cannot store NUL.
    if not isinstance(value, str) or len(value) > longest or "\0" in value:
        raise DecryptFailed(reason=name)
    return value
