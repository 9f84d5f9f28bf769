"""Secrets at rest: a ring of keys seals a value for one context in the database and opens it only there.

A sealed value is text, `v1.<key id>.<base64url(nonce || ciphertext || tag)>`, unpadded, AES-256-GCM. Its associated
data are version, key id, table, column, app id and openid, each as UTF-8 after its length in 4 big-endian bytes.
A value therefore opens in no other row or column, and no two contexts share an encoding.

A row is named by what is known before it exists, so that one statement can carry the sealed value: by an account's app
id and openid, a phone's user or an event's id, of which the last two stand in the openid's place.

Every row has its own encryption key: HKDF-SHA256 (RFC 5869, no salt) of the master key, with the length-prefixed
purpose and the associated data as info. Fingerprints, indexes and `subkeys` have other purposes, hence other keys.
"""

import base64
import hmac
import itertools
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NewType, Self

from Crypto.Cipher import AES

from graph.security.errors import KeyRingError, Tampered, UnknownKey

# The security numbers and their sources.
#
# NIST SP 800-38D, 8 and 8.3: a key may seal at most 2^32 messages under random 96-bit nonces, so that a nonce
# repeats with probability below 2^-32. At 1,000 logins a second, one key for all rows would be used up in 49 days;
# a key for each row lasts one account 136 years of a login every second.
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
# NIST SP 800-38D, 5.2.1.2: the longest tag it allows.
TAG_BYTES: Final = 16
# RFC 2104, 5: no less than half of the hash. 128 bits do not collide by chance among the values of one row.
FINGERPRINT_BYTES: Final = 16
# 32 random bytes have about 30 distinct values; fewer than 16 happens to less than one random key in 10^16.
DISTINCT_BYTES: Final = 16

_VERSION: Final = "v1"
_BAD_ID: Final = "must begin with an id of 1 to 16 characters a-z 0-9 _ - and a colon"

_key_id: Final = re.compile(r"[a-z0-9_-]{1,16}").fullmatch
_sealed: Final = re.compile(r"v1\.([a-z0-9_-]{1,16})\.([A-Za-z0-9_-]+)").fullmatch

Sealed = NewType("Sealed", str)
"""Sealed text: it may be stored, and copied into a backup, without its key."""


@dataclass(frozen=True)
class SealContext:
    """Where a sealed value belongs; it cannot be opened as if it stood anywhere else."""

    table: str
    column: str
    app_id: str
    openid: str = field(repr=False)


_CANARY: Final = b"this ring holds the key"
_CANARY_CONTEXT: Final = SealContext(table="", column="canary", app_id="", openid="")


class KeyRing:
    """The first key seals, every key opens; made by `parse`, which alone refuses bad keys.

    It holds HKDF's extracts of the master keys, not the master keys.
    """

    __slots__ = ("_extracts", "current_id", "ids")

    def __init__(self, masters: Mapping[str, bytes]) -> None:
        self._extracts = {key_id: hmac.digest(bytes(32), master, "sha256") for key_id, master in masters.items()}
        self.ids = tuple(masters)
        self.current_id = self.ids[0]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `k2:<base64url 32 bytes>,k1:<...>`: padding is optional, space around an entry is ignored.

        Raises KeyRingError, one sentence without key material.
        """
        if not text.strip():
            message = "the key ring is empty: it needs at least one entry <id>:<base64url of 32 bytes>"
            raise KeyRingError(message)
        masters: dict[str, bytes] = {}
        for position, entry in enumerate(text.split(","), start=1):
            key_id, _, material = entry.strip().partition(":")
            if not _key_id(key_id):
                raise _refusal(position, _BAD_ID)
            if key_id in masters:
                raise _refusal(position, "has the id of an earlier entry")
            master = _master(position, material)
            if master in masters.values():
                raise _refusal(position, "has the key of an earlier entry under another id")
            masters[key_id] = master
        return cls(masters)

    def __repr__(self) -> str:
        return f"KeyRing(ids={self.ids!r})"

    def seal(self, plaintext: bytes, context: SealContext) -> Sealed:
        """Seal with the current key."""
        data = _associated_data(self.current_id, context)
        # Used twice in one row, a nonce gives both values away.
        nonce = secrets.token_bytes(NONCE_BYTES)
        subkey = self._subkey(self.current_id, "seal", data)
        cipher = AES.new(subkey, AES.MODE_GCM, nonce=nonce, mac_len=TAG_BYTES)
        cipher.update(data)
        ciphertext, tag = cipher.encrypt_and_digest(plaintext)
        return Sealed(f"{_VERSION}.{self.current_id}.{_encoded(nonce + ciphertext + tag)}")

    def open(self, sealed: Sealed, context: SealContext) -> bytes:
        """The plaintext; UnknownKey when its key is not in the ring, Tampered for every other failure."""
        key_id, payload = _parts(sealed)
        data = _associated_data(key_id, context)
        cipher = AES.new(self._subkey(key_id, "seal", data), AES.MODE_GCM, nonce=payload[:NONCE_BYTES])
        cipher.update(data)
        try:
            return cipher.decrypt_and_verify(payload[NONCE_BYTES:-TAG_BYTES], payload[-TAG_BYTES:])
        except ValueError:
            raise Tampered from None

    def fingerprint(self, plaintext: bytes, context: SealContext) -> str:
        """22 characters by which one SQL statement sees, without opening, that a row's value has not changed.

        HMAC-SHA256 under a key of its own, cut to 128 bits, as unpadded base64url. Equal values in two contexts
        differ. So does a value from itself after the current key was changed: it then counts as new, once.
        """
        subkey = self._subkey(self.current_id, "fingerprint", _associated_data(self.current_id, context))
        return _encoded(hmac.digest(subkey, plaintext, "sha256")[:FINGERPRINT_BYTES])

    def index(self, text: str, table: str, column: str) -> str:
        """`<key id>.<22 characters>` by which rows of this text are found; the same in each of them.

        As a fingerprint, but under one key for all rows, because a search does not know the row: only for what must be
        found. A text of few possible values is as secret as the key.
        """
        return self.indexes(text, table, column)[0]

    def indexes(self, text: str, table: str, column: str) -> tuple[str, ...]:
        """The index under each key of the ring, the current one first: for a search among rows of all of them."""
        data, encoded = _prefixed(table) + _prefixed(column), text.encode()
        digests = ((key_id, hmac.digest(self._subkey(key_id, "index", data), encoded, "sha256")) for key_id in self.ids)
        return tuple(f"{key_id}.{_encoded(digest[:FINGERPRINT_BYTES])}" for key_id, digest in digests)

    def canary(self) -> Sealed:
        """A fixed value to be stored, so that a wrong current key is seen at start-up and not at a login."""
        return self.seal(_CANARY, _CANARY_CONTEXT)

    def check_canary(self, key_id: str, sealed: Sealed) -> bool:
        """Whether this ring's key of that id made the canary; a key missing from the ring did not."""
        try:
            return _parts(sealed)[0] == key_id and self.open(sealed, _CANARY_CONTEXT) == _CANARY
        except (UnknownKey, Tampered):
            return False

    def subkeys(self, purpose: str) -> dict[str, bytes]:
        """A key for another mechanism derived from each key of the ring, by id, the current one first."""
        return {key_id: self._subkey(key_id, purpose, b"") for key_id in self.ids}

    def _subkey(self, key_id: str, purpose: str, data: bytes) -> bytes:
        extract = self._extracts.get(key_id)
        if extract is None:
            raise UnknownKey(key_id)
        # RFC 5869, 2.3: one block of output is all of HKDF-Expand that a 32-byte key needs.
        return hmac.digest(extract, _prefixed(purpose) + data + b"\x01", "sha256")


def generate_entry(key_id: str) -> str:
    """A key ring of one new key; set before an older ring and a comma, it rotates the keys. Raises KeyRingError."""
    if not _key_id(key_id):
        raise _refusal(1, _BAD_ID)
    return f"{key_id}:{_encoded(secrets.token_bytes(KEY_BYTES))}"


def _refusal(position: int, fault: str) -> KeyRingError:
    return KeyRingError(f"entry {position} of the key ring {fault}")


def _master(position: int, material: str) -> bytes:
    unpadded = material.rstrip("=")
    master = _decoded(unpadded)
    if master is None or material not in {unpadded, unpadded + _padding(unpadded)}:
        raise _refusal(position, "is not base64url")
    if len(master) != KEY_BYTES:
        raise _refusal(position, f"must hold a key of {KEY_BYTES} bytes, not of {len(master)}")
    steps = {(after - before) % 256 for before, after in itertools.pairwise(master)}
    if len(set(master)) < DISTINCT_BYTES or len(steps) == 1:
        raise _refusal(position, "holds a key that is not random: generate a new one")
    return master


def _parts(sealed: str) -> tuple[str, bytes]:
    match = _sealed(sealed)
    payload = _decoded(match[2]) if match else None
    if match is None or payload is None or len(payload) < NONCE_BYTES + TAG_BYTES:
        raise Tampered
    return match[1], payload


def _associated_data(key_id: str, context: SealContext) -> bytes:
    fields = (_VERSION, key_id, context.table, context.column, context.app_id, context.openid)
    return b"".join(map(_prefixed, fields))


def _prefixed(text: str) -> bytes:
    # Lone surrogates pass: whatever an openid holds, it has one encoding and raises nothing.
    encoded = text.encode("utf-8", "surrogatepass")
    return len(encoded).to_bytes(4, "big") + encoded


def _padding(unpadded: str) -> str:
    return "=" * (-len(unpadded) % 4)


def _encoded(payload: bytes) -> str:
    return base64.urlsafe_b64encode(payload).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> bytes | None:
    try:
        payload = base64.urlsafe_b64decode(text + _padding(text))
    except ValueError:
        return None
    # The decoder skips foreign characters and ignores spare bits: only what encodes back is canonical.
    return payload if _encoded(payload) == text else None
