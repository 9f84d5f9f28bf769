"""WeChat's cryptography, from the side that signs and encrypts."""

import base64
import hashlib
import hmac
from collections.abc import Mapping

import orjson
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad


def compact(value: Mapping[str, object]) -> str:
    """JSON as WeChat writes it: no blanks, no escapes beyond the needed, keys in the order given."""
    return orjson.dumps(value).decode()


def sign(raw_data: str, session_key: str) -> str:
    """sha1(rawData + session_key), the key as its base64 text."""
    return hashlib.sha1((raw_data + session_key).encode()).hexdigest()  # noqa: S324 - WeChat's choice


def sign_for_server(session_key: str, data: bytes = b"") -> str:
    """hmac_sha256 keyed by the session_key's base64 text, over nothing for a GET."""
    return hmac.new(session_key.encode(), data, hashlib.sha256).hexdigest()


def encrypt(plain: Mapping[str, object], session_key: str, iv: str) -> str:
    """AES-128-CBC with PKCS#7, the key and iv decoded from base64, the result as base64."""
    cipher = AES.new(base64.b64decode(session_key), AES.MODE_CBC, base64.b64decode(iv))
    return base64.b64encode(cipher.encrypt(pad(compact(plain).encode(), AES.block_size))).decode()
