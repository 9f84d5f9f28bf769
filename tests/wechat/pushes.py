"""Pushes made the way WeChat makes them, by hand and without a line of the code under test."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, replace
from typing import Any, Final
from xml.sax.saxutils import escape

import httpx
from Crypto.Cipher import AES

TOKEN: Final = "wxgateEventsToken1"
AES_KEY: Final = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
# Of a server that takes events under these.
VARIABLES: Final = {"WXGATE_WECHAT_EVENTS_TOKEN": TOKEN, "WXGATE_WECHAT_EVENTS_AES_KEY": AES_KEY}
# Who sends every event of this kind, whichever user it is about.
PLATFORM: Final = "oPlatformPushService00000000"


def signed(*texts: str) -> str:
    return hashlib.sha1("".join(sorted(texts)).encode(), usedforsecurity=False).hexdigest()


def encrypted(message: bytes, app_id: str, aes_key: str = AES_KEY) -> str:
    key = base64.b64decode(f"{aes_key}=")
    plaintext = secrets.token_bytes(16) + len(message).to_bytes(4, "big") + message + app_id.encode()
    padding = 32 - len(plaintext) % 32
    ciphertext = AES.new(key, AES.MODE_CBC, iv=key[:16]).encrypt(plaintext + bytes([padding]) * padding)
    return base64.b64encode(ciphertext).decode()


def written(fields: dict[str, Any], style: str) -> str:
    if style == "json":
        return json.dumps(fields, ensure_ascii=False)
    return f"<xml>{''.join(f'<{name}>{_xml(value)}</{name}>' for name, value in fields.items())}</xml>"


def _xml(value: object) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_xml(inner)}</{name}>" for name, inner in value.items())
    return f"<![CDATA[{value}]]>" if isinstance(value, str) else escape(str(value))


@dataclass(frozen=True)
class Push:
    """A request of WeChat's: the query string's parameters, and the body."""

    query: dict[str, str]
    body: bytes

    def with_query(self, **changes: str) -> "Push":
        return replace(self, query={**self.query, **changes})


def push(
    message: dict[str, Any] | bytes,
    *,
    app_id: str,
    at: int,
    style: str = "json",
    mode: str = "safe",
    token: str = TOKEN,
    aes_key: str = AES_KEY,
) -> Push:
    """One in a mode of WeChat's console (`safe`, `compatible` or `plain`), sent at a time in epoch seconds."""
    text = message if isinstance(message, bytes) else written(message, style).encode()
    timestamp, nonce = str(at), str(secrets.randbelow(10**10))
    query = {"signature": signed(token, timestamp, nonce), "timestamp": timestamp, "nonce": nonce}
    if mode == "plain":
        return Push(query, text)
    cipher = encrypted(text, app_id, aes_key)
    shown = message if mode == "compatible" and isinstance(message, dict) else {"ToUserName": "gh_0123456789ab"}
    query |= {"encrypt_type": "aes", "msg_signature": signed(token, timestamp, nonce, cipher)}
    return Push(query, written({**shown, "Encrypt": cipher}, style).encode())


def event(name: str, openid: str, *, app_id: str, at: int, **more: object) -> dict[str, Any]:
    """The message of an event about a user, created at a time in epoch seconds."""
    about = {"OpenID": openid, "AppID": app_id}
    return {
        "ToUserName": "gh_0123456789ab",
        "FromUserName": PLATFORM,
        "CreateTime": at,
        "MsgType": "event",
        "Event": name,
        **about,
        **more,
    }


async def send(http: httpx.AsyncClient, pushed: Push, path: str = "/wechat/events") -> httpx.Response:
    """As WeChat sends it, under a type that nothing relies on."""
    return await http.post(path, params=pushed.query, content=pushed.body, headers={"Content-Type": "text/xml"})
