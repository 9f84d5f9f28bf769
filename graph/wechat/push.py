"""Messages that WeChat pushes to the server: signatures, decryption, and the few fields that count.

Formats (official "message push" page; verified against its samples):
    signature      sha1(sorted(token, timestamp, nonce) joined) in lower hex: it does NOT cover the body
    msg_signature  the same with Encrypt among the texts
    Encrypt        base64(AES-256-CBC(key, iv = key[:16], PKCS#7 to blocks of 32))
    key            base64 of EncodingAESKey and "=", 43 characters whose last need not be canonical
    plaintext      16 random bytes, 4 bytes of length in big-endian order, the message, the AppID

Message and envelope are JSON or XML, as the operator chose in WeChat's console.

Danger: who has seen one URL of a push can send any unencrypted body under its signature. So only what is decrypted
counts, unless a setting allows it.
"""

import hashlib
import hmac
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final, NoReturn

from Crypto.Cipher import AES
from Crypto.Util.Padding import unpad
from defusedxml import ElementTree

from graph.wechat.content_check import MediaCheck, is_trace_id, read_media_check
from graph.wechat.errors import PushFault, PushRefused
from graph.wechat.mini_programs import PushKeys
from graph.wechat.user_info import parse_object

# How far WeChat's clock and this one may be apart, and how long a captured URL can be used.
MAX_SKEW_SECONDS: Final = 600
_BLOCK: Final = 32  # of the padding; AES itself has 16
_RANDOM: Final = 16
_LENGTH: Final = 4
_MAX_DEPTH: Final = 8

_TIMESTAMP: Final = re.compile(r"[0-9]{10}").fullmatch
_PARAMETER: Final = re.compile(r"[\x21-\x7e]{1,128}").fullmatch
_OPENID: Final = re.compile(r"[\x21-\x7e]{1,64}").fullmatch
_SECONDS: Final = re.compile(r"[0-9]{1,11}").fullmatch
_NUMBERS: Final = re.compile(r"[0-9]{1,9}")
# WeChat uses none. Of one with a long name a parser makes a copy for each element: hundreds of megabytes of one body.
_NAMESPACE: Final = re.compile(r"<[^<>]*\sxmlns").search

# By name, without blanks around it and in lower case, for WeChat writes names in several ways. A value in an object has
# the names of both with a slash between them; what is nested deeper is left out.
_Fields = Mapping[str, Sequence[str]]


@unique
class EventName(StrEnum):
    """The events that the server acts on, by WeChat's names."""

    MODIFIED = "user_info_modified"
    REVOKE = "user_authorization_revoke"
    CANCELLATION = "user_authorization_cancellation"
    MEDIA_CHECK = "wxa_media_check"


@dataclass(frozen=True, slots=True)
class PushedEvent:
    """What WeChat reports. `created_at` is in epoch milliseconds, with a second's precision.

    `openid` is "" for a MEDIA_CHECK, which names no user: its `media_check` has the trace_id of what was asked.
    `revoked` are WeChat's numbers of what a REVOKE takes back. `message` is the text of all this, for `read_event`.
    """

    name: EventName
    openid: str = field(repr=False)
    created_at: int
    revoked: tuple[int, ...]
    message: bytes = field(repr=False)
    media_check: MediaCheck | None = None


def read_url_check(keys: PushKeys, query: Mapping[str, str], *, now: float) -> str:
    """What a GET must be answered with, by which WeChat sees that the URL is the operator's. Raises `PushRefused`.

    `now` is epoch seconds, here as below.
    """
    _require_signature(keys, query, "signature", now)
    return _parameter(query, "echostr")


def open_push(
    app_id: str, keys: PushKeys, query: Mapping[str, str], body: bytes, *, now: float, plain_allowed: bool
) -> PushedEvent | None:
    """The event of a POST, or None for whatever else WeChat pushes. Raises `PushRefused`.

    Where a body has a message both ways, as in the "compatible" mode, only what is encrypted counts.
    """
    _require_time(query, now)  # before the body is looked at, which anyone can send
    fields = _read_fields(body, "body")
    if "encrypt" in fields:
        encrypted = _only(fields, "encrypt") or _refuse("body")
        _require_signature(keys, query, "msg_signature", now, encrypted)
        return read_event(_decrypted(app_id, keys, encrypted), app_id)
    _require_signature(keys, query, "signature", now)
    return read_event(body, app_id) if plain_allowed else _refuse("plain")


def read_event(message: bytes, app_id: str) -> PushedEvent | None:
    """The event of a message that WeChat has sealed, or None for any other. Raises `PushRefused`."""
    fields = _read_fields(message, "message")
    if not {"", app_id}.issuperset(fields.get("appid", ())):
        _refuse("app")
    kind, name = _only(fields, "msgtype"), _only(fields, "event")
    if kind is None or name is None or kind.lower() != "event" or name.lower() not in set(EventName):
        return None
    event, openid, created_at = EventName(name.lower()), _only(fields, "openid"), _only(fields, "createtime")
    if created_at is None or not _SECONDS(created_at):
        _refuse("message")
    at = 1000 * int(created_at)
    if event is EventName.MEDIA_CHECK:
        return PushedEvent(event, "", at, (), message, _media_check(fields))
    if openid is None or not _OPENID(openid):
        _refuse("message")
    revoked = _NUMBERS.findall(" ".join(fields.get("revokeinfo", ())))
    return PushedEvent(event, openid, at, (*map(int, revoked),), message)


def _media_check(fields: _Fields) -> MediaCheck:
    trace_id = _only(fields, "trace_id")
    if trace_id is None or not is_trace_id(trace_id):
        _refuse("message")
    # The name in version 1, whose fields are still seen beside the others'. Of two errors that differ, none is known.
    errors = {*fields.get("errcode", ()), *fields.get("status_code", ())} - {"", "0"}
    return read_media_check(
        trace_id,
        errcode=" ".join(sorted(errors)) or None,
        suggest=_only(fields, "result/suggest"),
        label=_only(fields, "result/label"),
        is_risky=_only(fields, "isrisky") == "1",
    )


def _require_signature(keys: PushKeys, query: Mapping[str, str], name: str, now: float, *signed: str) -> None:
    timestamp, nonce = _require_time(query, now), _parameter(query, "nonce")
    texts = sorted([keys.token.get_secret_value(), timestamp, nonce, *signed])
    # SHA-1 is WeChat's choice.
    expected = hashlib.sha1("".join(texts).encode(), usedforsecurity=False).hexdigest()
    if not hmac.compare_digest(expected, _parameter(query, name)):
        _refuse("signature")


def _require_time(query: Mapping[str, str], now: float) -> str:
    timestamp = _parameter(query, "timestamp")
    if not _TIMESTAMP(timestamp) or abs(now - int(timestamp)) > MAX_SKEW_SECONDS:
        _refuse("time")
    return timestamp


def _parameter(query: Mapping[str, str], name: str) -> str:
    value = query.get(name, "")
    return value if _PARAMETER(value) else _refuse("request")


def _decrypted(app_id: str, keys: PushKeys, encrypted: str) -> bytes:
    # Lenient, unlike for a session_key: WeChat's own samples have bits that no encoder would set.
    key = b64decode(keys.aes_key.get_secret_value() + "=")
    try:
        padded = AES.new(key, AES.MODE_CBC, iv=key[:16]).decrypt(b64decode(encrypted, validate=True))
        # Every byte of the padding is looked at, as WeChat's SDKs do not.
        plaintext = unpad(padded, _BLOCK)
    except ValueError:
        _refuse("decryption")
    begin = _RANDOM + _LENGTH
    end = begin + int.from_bytes(plaintext[_RANDOM:begin], "big")
    if len(plaintext) < begin or end > len(plaintext):
        _refuse("decryption")
    if plaintext[end:] != app_id.encode():
        _refuse("app")
    return plaintext[begin:end]


def _read_fields(text: bytes, fault: PushFault) -> _Fields:
    """By the first character, whatever the headers: what WeChat sends is text/xml or application/json, or neither."""
    try:
        decoded = text.decode("utf-8-sig").strip()
        pairs = _json_pairs(decoded) if decoded.startswith("{") else _xml_pairs(decoded)
    except (ValueError, ElementTree.ParseError):  # away from here, for their texts may hold a value
        _refuse(fault)
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name.strip().lower(), []).append(value.strip())
    return fields


def _json_pairs(text: str) -> list[tuple[str, str]]:
    """Raises `ValueError`. A list of one element and the element alone are the same to WeChat, and so are 1 and "1"."""
    found = parse_object(text)
    if found is None:
        raise ValueError
    return [*_flat(found)]


def _flat(fields: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    listed = ((name.strip(), value if isinstance(value, list) else [value]) for name, value in fields.items())
    for name, value in ((name, value) for name, values in listed for value in values):
        if isinstance(value, dict) and not above:
            yield from _flat(value, f"{name}/")
        elif type(value) in {str, int}:
            yield f"{above}{name}", str(value)


def _xml_pairs(text: str) -> list[tuple[str, str]]:
    """Raises `ValueError`, `ParseError`. Without a DTD, which could make much of a few bytes, or name files."""
    if _NAMESPACE(text):
        raise ValueError
    root = ElementTree.fromstring(text, forbid_dtd=True)
    level = [root]
    for _ in range(_MAX_DEPTH):
        level = [child for element in level for child in element]
    if level:
        raise ValueError
    nested = [(f"{child.tag}/{within.tag}", within) for child in root for within in child]
    fields = [*((child.tag, child) for child in root), *nested]
    return [(name, element.text or "") for name, element in fields if not len(element)]


def _refuse(reason: PushFault) -> NoReturn:
    raise PushRefused(reason) from None


def _only(fields: _Fields, name: str) -> str | None:
    """The value of a field; None where it has none, or two that differ."""
    values = set(fields.get(name, ()))
    return values.pop() if len(values) == 1 else None
