"""Session tokens, which a client holds and the database knows only by hash; their MACs, and the public ids of rows.

A session token is 53 ASCII characters:

    wxs_  43 base62 characters: 32 random bytes   6 base62 characters: CRC-32 of the 47 before

Base62 is `0-9A-Za-z` in that (ASCII) order, big-endian, padded on the left with `0`. The checksum is no secret: it
refuses garbage without a database read. A service's secret is the same with the prefix `wxk_`. The prefixes are for
secret scanners, which may look for

    wxs_[0-9A-Za-z]{49}
    wxk_[0-9A-Za-z]{49}
"""

import binascii
import hashlib
import hmac
import re
import secrets
import zlib
from collections.abc import Callable
from typing import ClassVar, Final, NewType, NoReturn, Self

from graph.security.encryption import KeyRing
from graph.security.errors import Tampered, UnknownKey

TOKEN_PATTERN: Final = r"wxs_[0-9A-Za-z]{49}"  # noqa: S105 - a pattern, not a secret
"""For secret scanners. It has no word boundaries: a token glued to an escape such as `\\n` is a leak as well."""
SERVICE_SECRET_PATTERN: Final = r"wxk_[0-9A-Za-z]{49}"  # noqa: S105 - likewise

TokenHash = NewType("TokenHash", str)
"""What the database or a setting stores: SHA-256 of the whole text as 43 characters of unpadded base64url.

A plain hash is right here: 256 random bits cannot be guessed, so salt and slowness would add nothing.
"""

_SECRET_BYTES: Final = 32
_SECRET_DIGITS: Final = 43
_CHECKSUM_DIGITS: Final = 6
_ID_BYTES: Final = 16
_ID_DIGITS: Final = 22
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_POWERS: Final = tuple(62**place for place in reversed(range(_SECRET_DIGITS)))


def _base62(number: int, digits: int) -> str:
    return "".join([_ALPHABET[number // power % 62] for power in _POWERS[-digits:]])


_PAIRS: Final = tuple(_base62(number, 2) for number in range(62**2))
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


def _checksum(text: str) -> str:
    # Each request computes one: by pairs of digits, three steps in place of six.
    number = zlib.crc32(text.encode("ascii"))
    return _PAIRS[number // 62**4] + _PAIRS[number // 62**2 % 62**2] + _PAIRS[number % 62**2]


_LARGEST: Final = _base62(2 ** (8 * _SECRET_BYTES) - 1, _SECRET_DIGITS)


class _Secret:
    """Plain text of the form above, made by `issue` or `parse`; it goes to its holder once and is kept nowhere.

    It is no dataclass and no string, so that no serializer, log line or SQL parameter takes it by accident.
    """

    __slots__ = ("_text",)
    _prefix: ClassVar[str]
    _largest: ClassVar[str]
    _well_formed: ClassVar[Callable[[str], object]]

    def __init_subclass__(cls, *, pattern: str) -> None:
        cls._prefix = pattern.partition("[")[0]
        cls._largest = cls._prefix + _LARGEST
        cls._well_formed = re.compile(pattern).fullmatch

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def issue(cls, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> Self:
        body = cls._prefix + _base62(int.from_bytes(random_bytes(_SECRET_BYTES), "big"), _SECRET_DIGITS)
        return cls(body + _checksum(body))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The secret, or None for every text that `issue` cannot have made; never raises."""
        if cls._well_formed(text) is None:
            return None
        body, checksum = text[:-_CHECKSUM_DIGITS], text[-_CHECKSUM_DIGITS:]
        # The alphabet is in ASCII order, so texts of one length compare as their numbers do.
        if body > cls._largest or checksum != _checksum(body):
            return None
        return cls(text)

    def get_secret_value(self) -> str:
        return self._text

    def hash(self) -> TokenHash:
        digest = hashlib.sha256(self._text.encode("ascii")).digest()
        return TokenHash(binascii.b2a_base64(digest).translate(_URL_SAFE, b"=\n").decode("ascii"))

    def __repr__(self) -> str:
        return f"{type(self).__name__}('**********')"

    def __reduce__(self) -> NoReturn:
        message = "a secret cannot be pickled or copied; store its hash()"
        raise TypeError(message)


class SessionToken(_Secret, pattern=TOKEN_PATTERN):
    """Signs its client in as a user."""

    __slots__ = ()


class ServiceSecret(_Secret, pattern=SERVICE_SECRET_PATTERN):
    """Lets a service in, which is no user."""

    __slots__ = ()


def digest(data: bytes) -> str:
    """SHA-256, as 43 characters of base64url; `_Secret.hash` writes it out, for it is called with each request."""
    return binascii.b2a_base64(hashlib.sha256(data).digest()).translate(_URL_SAFE, b"=\n").decode("ascii")


def session_id(token_hash: str) -> str:
    """The public id of the session with this `TokenHash`: 22 base62 characters that lead back to neither."""
    digest = hashlib.sha256(f"session id{token_hash}".encode("ascii")).digest()
    return _base62(int.from_bytes(digest[:_ID_BYTES], "big"), _ID_DIGITS)


class SessionMacs:
    """Binds a token's hash to its user: who can write the database, and lacks the keys, makes no token another user's.

    A MAC is text, `v1.<key id>.<32 hexadecimal digits>`: BLAKE2b (RFC 7693), keyed by a subkey of the key ring, of
    `<token hash>.<account id>.<time of the login>.<user id>`, in which nothing but the last can hold a dot.
    """

    def __init__(self, key_ring: KeyRing) -> None:
        # Not HMAC: each request checks a MAC, and `hmac.digest` takes four times as long.
        self._keyed = {
            f"v1.{key_id}": hashlib.blake2b(key=key, digest_size=16)
            for key_id, key in key_ring.subkeys("session").items()
        }
        self._current = f"v1.{key_ring.current_id}"

    def sign(self, token_hash: str, user_id: str, account_id: int, created_at: int, *, key: str = "") -> str:
        """The MAC under the current key, or the one that `v1.<key id>` names. Raises `UnknownKey`."""
        key = key or self._current
        keyed = self._keyed.get(key)
        if keyed is None:
            raise UnknownKey(key)
        keyed = keyed.copy()
        keyed.update(f"{token_hash}.{account_id}.{created_at}.{user_id}".encode())
        return f"{key}.{keyed.hexdigest()}"

    def check(self, mac: str, token_hash: str, user_id: str, account_id: int, created_at: int) -> None:
        """Returns when a key of the ring made the MAC. Raises `UnknownKey` for another key's, and `Tampered`."""
        made = self.sign(token_hash, user_id, account_id, created_at, key=mac.rpartition(".")[0])
        if not hmac.compare_digest(mac.encode(), made.encode()):
            raise Tampered


def opaque_id(random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """A public id of a row: 22 base62 characters of 16 random bytes, telling neither order nor number of rows."""
    return _base62(int.from_bytes(random_bytes(_ID_BYTES), "big"), _ID_DIGITS)
