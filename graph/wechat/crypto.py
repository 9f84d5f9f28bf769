"""WeChat's signatures and encrypted data, with every check that the protocol leaves to us.

Formats (official "signature verification and decryption" page; verified against its vectors):
    signature      sha1(rawData || session_key) in lower hex; session_key as its base64 TEXT
    checksession   HMAC-SHA256(key = session_key TEXT, message) in lower hex
    encryptedData  base64(AES-128-CBC(key = decoded session_key, iv, PKCS#7(JSON in UTF-8)))

Danger: neither the iv nor the ciphertext is authenticated. The holder of a submission can choose the first 16 bytes of
its plaintext. Identity therefore comes from code2session alone, and a profile is believed only where it agrees with
the signed rawData.
"""

import binascii
import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Self

from Crypto.Cipher import AES
from pydantic import SecretStr

from graph.wechat.errors import DecryptFailed, MalformedSubmission, SignatureMismatch, WatermarkOutOfRange
from graph.wechat.strict_json import parse_object, write
from graph.wechat.types import UserInfo
from graph.wechat.user_info import read_profile, read_watermark, require_agreement

_BLOCK = 16
_SESSION_KEY_BYTES = 16
# The longest profile (see user_info.py) with every character escaped fits; nothing is parsed or decoded beyond these.
_MAX_RAW_DATA = 16 * 1024
_MAX_ENCRYPTED_DATA = 24 * 1024
_MAX_IV = 24

_SIGNATURE = re.compile(r"[0-9a-f]{40}")
_PERCENT_ENCODED = re.compile(r"(%[0-9A-Fa-f]{2}){3}")

_AS_IT_IS = "Send res.rawData exactly as WeChat gave it."


def sign(raw_data: str, session_key: SecretStr) -> str:
    """The signature that wx.getUserInfo gives beside rawData. SHA-1 is WeChat's choice; the key is appended as text."""
    return hashlib.sha1(_bytes(raw_data + session_key.get_secret_value()), usedforsecurity=False).hexdigest()


def hmac_sha256(data: str, session_key: SecretStr) -> str:
    """The `signature` of checksession and its kin (`data` is "" for a GET). The key is the TEXT, not the 16 bytes."""
    return hmac.new(_bytes(session_key.get_secret_value()), _bytes(data), hashlib.sha256).hexdigest()


def decrypt(session_key: SecretStr, encrypted_data: bytes | str, iv: bytes | str) -> dict[str, object]:
    """The object inside encryptedData (a profile, a phone number); str is base64, bytes are already decoded.

    Its watermark is not checked, and its first 16 bytes are whatever the sender of the iv wanted them to be.
    Raises MalformedSubmission before the key is used, DecryptFailed after.
    """
    return _open(session_key, _ciphertext(encrypted_data), _iv(iv))[1]


@dataclass(frozen=True, slots=True)
class Submission:
    """What a mini-program sends after wx.getUserInfo or wx.getUserProfile, well-formed but not yet believed.

    `encrypted_data` and `iv` are decoded; canonical base64 makes them as good as the text for a replay digest.
    """

    raw_data: str = field(repr=False)
    signature: str = field(repr=False)
    encrypted_data: bytes = field(repr=False)
    iv: bytes = field(repr=False)
    fields: dict[str, object] = field(repr=False, compare=False)

    @classmethod
    def parse(cls, *, raw_data: str, signature: str, encrypted_data: str, iv: str) -> Self:
        """Raise MalformedSubmission for what no key could make good."""
        if not _SIGNATURE.fullmatch(signature):
            raise MalformedSubmission(field="signature", sentence="signature must be 40 lower-case hexadecimal digits.")
        return cls(
            raw_data=raw_data,
            signature=signature,
            encrypted_data=_ciphertext(encrypted_data),
            iv=_iv(iv),
            fields=_raw_fields(raw_data),
        )

    def signed_by(self, session_key: SecretStr) -> bool:
        return hmac.compare_digest(_bytes(sign(self.raw_data, session_key)), _bytes(self.signature))

    def open(
        self, session_key: SecretStr, *, app_id: str, openid: str, now: float, max_age: float, max_ahead: float
    ) -> UserInfo:
        """The profile, once everything about it agrees.

        `openid` is the one that code2session gave together with `session_key`. `now` is epoch seconds; `max_age` and
        `max_ahead` are seconds and inclusive. Raises SignatureMismatch (try an older key, or log in again),
        DecryptFailed, WatermarkOutOfRange. The time is judged last: only genuine data learns that it is late.
        """
        if not self.signed_by(session_key):
            raise SignatureMismatch(self.likely_cause())
        plaintext, data = _open(session_key, self.encrypted_data, self.iv)
        watermark_at = read_watermark(data, app_id=app_id)
        require_agreement(plaintext, data, signed=self.fields, openid=openid)
        profile = read_profile(data, watermark_at=watermark_at)
        # Compared, never subtracted from: an integer of a thousand digits does not become a float.
        if watermark_at < now - max_age:
            raise WatermarkOutOfRange(reason="too old")
        if watermark_at > now + max_ahead:
            raise WatermarkOutOfRange(reason="in the future")
        return profile

    def likely_cause(self) -> str | None:
        """What a developer may have done to rawData, as a sentence; worth saying when no key has signed it."""
        # A legal rawData may look so, hence only a hint, and only once the signature has failed.
        if _PERCENT_ENCODED.search(str(self.fields.get("nickName"))):
            return f"rawData looks URL-encoded. {_AS_IT_IS}"
        if self.raw_data not in (write(self.fields), write(self.fields, ensure_ascii=True)):
            return f"rawData looks re-serialised. {_AS_IT_IS}"
        return None


def _open(session_key: SecretStr, ciphertext: bytes, iv: bytes) -> tuple[bytes, dict[str, object]]:
    key = _base64(session_key.get_secret_value())
    if key is None or len(key) != _SESSION_KEY_BYTES:
        raise DecryptFailed(reason="session_key")
    padded = AES.new(key, AES.MODE_CBC, iv=iv).decrypt(ciphertext)
    padding = padded[-1]
    # Strict, unlike the SDKs, which turn a wrong key into garbage: 1..16, and every byte of it equal.
    if not 1 <= padding <= _BLOCK or padded[-padding:] != bytes([padding]) * padding:
        raise DecryptFailed(reason="padding")
    plaintext = padded[:-padding]
    try:
        text = plaintext.decode("utf-8")
    except UnicodeDecodeError:
        raise DecryptFailed(reason="utf8") from None
    data = parse_object(text)
    if data is None:
        raise DecryptFailed(reason="json")
    return plaintext, data


def _raw_fields(raw_data: str) -> dict[str, object]:
    if len(raw_data) > _MAX_RAW_DATA:
        raise MalformedSubmission(field="rawData", sentence="rawData is too long.")
    fields = parse_object(raw_data)
    if fields is not None:
        return fields
    cause = ""
    if raw_data[:3].upper() == "%7B":
        cause = "It looks URL-encoded. "
    elif raw_data.startswith(('"', "[object")):
        cause = "It looks re-serialised. "
    raise MalformedSubmission(field="rawData", sentence=f"rawData must be a JSON object. {cause}{_AS_IT_IS}")


def _ciphertext(value: bytes | str) -> bytes:
    decoded = _decoded("encryptedData", value, longest=_MAX_ENCRYPTED_DATA)
    if not decoded or len(decoded) % _BLOCK:
        raise MalformedSubmission(field="encryptedData", sentence="encryptedData must be whole blocks of 16 bytes.")
    return decoded


def _iv(value: bytes | str) -> bytes:
    decoded = _decoded("iv", value, longest=_MAX_IV)
    if len(decoded) != _BLOCK:
        raise MalformedSubmission(field="iv", sentence="iv must be 16 bytes.")
    return decoded


def _decoded(field: str, value: bytes | str, *, longest: int) -> bytes:
    if len(value) > longest:
        raise MalformedSubmission(field=field, sentence=f"{field} is too long.")
    if isinstance(value, bytes):
        return value
    decoded = _base64(value)
    if decoded is None:
        cause = " A '+' became a blank on the way." if " " in value else ""
        raise MalformedSubmission(field=field, sentence=f"{field} must be standard base64.{cause}")
    return decoded


def _base64(text: str) -> bytes | None:
    """None unless `text` is the one canonical encoding of its bytes: "AB==" and "AA==" decode alike, only one is it."""
    try:
        decoded = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if b64encode(decoded).decode("ascii") == text else None


def _bytes(text: str) -> bytes:
    # A lone surrogate cannot come out of here as an exception; WeChat never signed one, so it matches nothing.
    return text.encode("utf-8", "surrogatepass")
