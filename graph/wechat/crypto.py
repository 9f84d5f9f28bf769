"""WeChat's signatures and encrypted data, with every check that the protocol leaves to us.

Formats (official "signature verification and decryption" page; verified against its vectors):
    signature      sha1(rawData || session_key) in lower hex; session_key as its base64 TEXT
    encryptedData  base64(AES-128-CBC(key = decoded session_key, iv, PKCS#7(JSON in UTF-8)))

Danger: neither the iv nor the ciphertext is authenticated. The holder of a submission can choose the first 16 bytes of
its plaintext. Identity therefore comes from code2session alone, and a profile is believed only where it agrees with
the signed rawData.
"""

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Self

from Crypto.Cipher import AES
from Crypto.Util.Padding import unpad
from pydantic import SecretStr

from graph.wechat.errors import DecryptFailed, MalformedSubmission
from graph.wechat.user_info import (
    UserInfo,
    parse_object,
    read_profile,
    read_watermark,
    require_agreement,
    require_recent,
    writings,
)

_BLOCK = 16
_SESSION_KEY_BYTES = 16
# The longest profile (see user_info.py) with every character escaped fits; nothing is parsed or decoded beyond these.
_MAX_RAW_DATA = 16 * 1024
_MAX_ENCRYPTED_DATA = 24 * 1024
_MAX_IV = 24

_SIGNATURE = re.compile(r"[0-9a-f]{40}")
_PERCENT_ENCODED = re.compile(r"(%[0-9A-Fa-f]{2}){3}")
_HTML_ESCAPED = re.compile(r"&#?\w{2,8};")
# What no field holds as WeChat gives it, and what was then done to it on its way.
_SEEN = (
    (re.compile(r"^[^{]*%[0-9A-Fa-f]{2}"), "URL-encoded"),
    (_HTML_ESCAPED, "HTML-escaped"),
    (re.compile(r'^("|\{\\|\[object)'), "re-serialised"),
)
_SEEN_IN_BASE64 = {
    **dict.fromkeys("-_", " It looks URL-safe, with '-' and '_' for '+' and '/'."),
    " ": " A '+' became a blank on the way.",
}

_AS_IT_IS = "Send res.rawData exactly as WeChat gave it."


@dataclass(frozen=True, slots=True)
class EncryptedData:
    """encryptedData and its iv, decoded; canonical base64 makes them as good as the text for a replay digest."""

    ciphertext: bytes = field(repr=False)
    iv: bytes = field(repr=False)

    @classmethod
    def parse(cls, *, encrypted_data: str, iv: str) -> Self:
        """Raise MalformedSubmission for what no key could open."""
        ciphertext = _decoded("encryptedData", encrypted_data, longest=_MAX_ENCRYPTED_DATA)
        if not ciphertext or len(ciphertext) % _BLOCK:
            raise MalformedSubmission(field="encryptedData", fault="must be whole blocks of 16 bytes.")
        first_block = _decoded("iv", iv, longest=_MAX_IV)
        if len(first_block) != _BLOCK:
            raise MalformedSubmission(field="iv", fault="must be 16 bytes.")
        return cls(ciphertext, first_block)

    def decrypt(self, session_key: SecretStr) -> tuple[bytes, dict[str, object]]:
        """The plaintext, and the strict JSON object that it is. Raise DecryptFailed, as with any other key."""
        key = _base64(session_key.get_secret_value())
        if key is None or len(key) != _SESSION_KEY_BYTES:
            raise DecryptFailed(reason="session_key")
        padded = AES.new(key, AES.MODE_CBC, iv=self.iv).decrypt(self.ciphertext)
        try:
            # Strict, unlike WeChat's SDKs, which turn a wrong key into garbage.
            plaintext = unpad(padded, _BLOCK)
            data = parse_object(plaintext.decode())
        except ValueError as error:
            raise DecryptFailed(reason="utf8" if isinstance(error, UnicodeDecodeError) else "padding") from None
        if data is None:
            raise DecryptFailed(reason="json")
        return plaintext, data


@dataclass(frozen=True, slots=True)
class Submission:
    """What a mini-program sends after wx.getUserInfo or wx.getUserProfile, well-formed but not yet believed."""

    raw_data: str = field(repr=False)
    signature: str = field(repr=False)
    encrypted: EncryptedData = field(repr=False)
    fields: dict[str, object] = field(repr=False, compare=False)

    @classmethod
    def parse(cls, *, raw_data: str, signature: str, encrypted_data: str, iv: str) -> Self:
        """Raise MalformedSubmission for what no key could make good."""
        if not _SIGNATURE.fullmatch(signature):
            fault = f"must be 40 lower-case hexadecimal digits.{_seen(signature)}"
            raise MalformedSubmission(field="signature", fault=fault)
        encrypted = EncryptedData.parse(encrypted_data=encrypted_data, iv=iv)
        return cls(raw_data, signature, encrypted, _raw_fields(raw_data))

    def open(
        self, session_key: SecretStr, *, app_id: str, openid: str, now: float, max_age: float, max_ahead: float
    ) -> UserInfo | None:
        """The profile, once everything about it agrees; None when this session_key has not signed it.

        `openid` is the one that code2session gave together with `session_key`. `now` is epoch seconds; `max_age` and
        `max_ahead` are seconds and inclusive. Raises DecryptFailed, WatermarkOutOfRange. The time is judged last: only
        genuine data learns that it is late.
        """
        signed = _bytes(self.raw_data + session_key.get_secret_value())
        # SHA-1 is WeChat's choice.
        signature = hashlib.sha1(signed, usedforsecurity=False).hexdigest()
        if not hmac.compare_digest(signature.encode(), _bytes(self.signature)):
            return None
        plaintext, data = self.encrypted.decrypt(session_key)
        watermark_at = read_watermark(data, app_id=app_id)
        require_agreement(plaintext, data, signed=self.fields, openid=openid)
        profile = read_profile(self.fields, watermark_at=watermark_at)
        require_recent(watermark_at, now=now, max_age=max_age, max_ahead=max_ahead)
        return profile

    def likely_cause(self) -> str | None:
        """What a developer may have done to rawData, as a sentence; worth saying when no key has signed it."""
        # A legal rawData may look so, hence only a hint, and only once the signature has failed.
        if _PERCENT_ENCODED.search(str(self.fields.get("nickName"))):
            return f"rawData looks URL-encoded. {_AS_IT_IS}"
        if _HTML_ESCAPED.search(self.raw_data):
            return f"rawData looks HTML-escaped. {_AS_IT_IS}"
        if self.raw_data not in writings(self.fields):
            return f"rawData looks re-serialised. {_AS_IT_IS}"
        return None


def _raw_fields(raw_data: str) -> dict[str, object]:
    if len(raw_data) > _MAX_RAW_DATA:
        raise MalformedSubmission(field="rawData", fault=f"is too long.{_seen(raw_data)}")
    fields = parse_object(raw_data)
    if fields is None:
        raise MalformedSubmission(field="rawData", fault=f"must be a JSON object.{_seen(raw_data)} {_AS_IT_IS}")
    return fields


def _decoded(field: str, text: str, *, longest: int) -> bytes:
    decoded = None if len(text) > longest else _base64(text)
    if decoded is not None:
        return decoded
    seen = _seen(text) or next((seen for char, seen in _SEEN_IN_BASE64.items() if char in text), "")
    # What was done to it may be what made it too long.
    fault = f"must be standard base64.{seen}" if seen or len(text) <= longest else "is too long."
    raise MalformedSubmission(field=field, fault=fault)


def _seen(text: str) -> str:
    return next((f" It looks {what}." for pattern, what in _SEEN if pattern.search(text)), "")


def _base64(text: str) -> bytes | None:
    """None unless `text` is the one canonical encoding of its bytes: "AB==" and "AA==" decode alike, only one is it."""
    try:
        decoded = b64decode(text, validate=True)
    except ValueError:
        return None
    return decoded if b64encode(decoded).decode("ascii") == text else None


def _bytes(text: str) -> bytes:
    # A lone surrogate cannot come out of here as an exception; WeChat never signed one, so it matches nothing.
    return text.encode("utf-8", "surrogatepass")
