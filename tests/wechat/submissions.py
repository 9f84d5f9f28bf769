"""Submissions made the way WeChat makes them, by hand and without a line of the code under test."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, replace

from Crypto.Cipher import AES
from pydantic import SecretStr

from graph.wechat.crypto import Submission
from graph.wechat.errors import SubmissionError
from graph.wechat.user_info import UserInfo

APP_ID = "wx0123456789abcdef"
OPENID = "oSYNTHETIC0000000000000user1"
KEY = bytes(range(16))
IV = bytes(range(240, 256))
STAMP = 1_700_000_000
DAY = 24 * 3600

PROFILE: dict[str, object] = {
    "nickName": "微信用户",
    "gender": 0,
    "language": "zh_CN",
    "city": "",
    "province": "",
    "country": "",
    "avatarUrl": "https://thirdwx.qlogo.cn/mmopen/vi_32/POgEwh4mIHO4nibH0KlMECNjjGxQUq24/132",
}
WATERMARK: dict[str, object] = {"timestamp": STAMP, "appid": APP_ID}

# wx.getUserInfo tells the openId; wx.getUserProfile does not, and its first block holds the nickname.
USER_INFO: dict[str, object] = {
    "openId": OPENID,
    "unionId": "ouSYNTHETIC000000000000union",
    **PROFILE,
    "watermark": WATERMARK,
}
USER_PROFILE: dict[str, object] = {**PROFILE, "watermark": WATERMARK, "is_demote": True}


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def raw(value: object) -> str:
    """Compact, with the control characters as they are; for values without quotes and backslashes."""
    return re.sub(r"\\(u....|.)", lambda escape: str(json.loads(f'"{escape[0]}"')), compact(value))


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def secret(key: bytes = KEY) -> SecretStr:
    return SecretStr(b64(key))


def pad(plaintext: bytes) -> bytes:
    count = 16 - len(plaintext) % 16
    return plaintext + bytes([count]) * count


def encrypt(padded: bytes, *, key: bytes = KEY, iv: bytes = IV) -> bytes:
    return AES.new(key, AES.MODE_CBC, iv=iv).encrypt(padded)


class NotSigned(SubmissionError):
    """Another session_key, or none, signed the submission."""


@dataclass(frozen=True)
class Parts:
    """The four texts a mini-program sends."""

    raw_data: str
    signature: str
    encrypted_data: str
    iv: str

    def but(self, **changes: str) -> "Parts":
        return replace(self, **changes)

    def parse(self) -> Submission:
        return Submission.parse(
            raw_data=self.raw_data, signature=self.signature, encrypted_data=self.encrypted_data, iv=self.iv
        )

    def open(
        self,
        *,
        key: SecretStr | None = None,
        app_id: str = APP_ID,
        openid: str = OPENID,
        now: float = STAMP + 60,
    ) -> UserInfo:
        times = {"now": now, "max_age": DAY, "max_ahead": 300}
        info = self.parse().open(secret() if key is None else key, app_id=app_id, openid=openid, **times)
        if info is None:
            raise NotSigned
        return info


def submit(
    plain: object,
    raw: object = PROFILE,
    *,
    key: bytes = KEY,
    iv: bytes = IV,
) -> Parts:
    """`plain` and `raw` are JSON values, or the very text to be encrypted and signed."""
    raw_data = raw if isinstance(raw, str) else compact(raw)
    text = plain if isinstance(plain, str) else compact(plain)
    return Parts(
        raw_data=raw_data,
        signature=hashlib.sha1(raw_data.encode() + b64(key).encode()).hexdigest(),  # noqa: S324  (WeChat's choice)
        encrypted_data=b64(encrypt(pad(text.encode()), key=key, iv=iv)),
        iv=b64(iv),
    )


def retouch(iv: str, before: bytes, after: bytes) -> str:
    """The iv that turns the first bytes of a plaintext from `before` into `after`: the attack, in one line."""
    change = bytes(a ^ b for a, b in zip(before, after, strict=True)).ljust(16, b"\0")
    return b64(bytes(a ^ b for a, b in zip(base64.b64decode(iv), change, strict=True)))
