"""What is sealed for one place opens there, unchanged, with its key, and nowhere else."""

import base64
import hashlib
import hmac
import struct
from dataclasses import replace
from unittest.mock import patch

import pytest
from Crypto.Cipher import AES
from hypothesis import assume, example, given
from hypothesis import strategies as st

from graph.security.encryption import KeyRing, SealContext, Sealed
from graph.security.errors import Tampered, UnknownKey

KEY_ONE, KEY_TWO = hashlib.sha256(b"one").digest(), hashlib.sha256(b"two").digest()
ONE = "k1:" + base64.urlsafe_b64encode(KEY_ONE).decode()
TWO = "k2:" + base64.urlsafe_b64encode(KEY_TWO).decode()
RING = KeyRing.parse(f"{ONE},{TWO}")
CONTEXT = SealContext("accounts", "session_key", "wx0123456789abcdef", "oABC")
SECRET = b"tiihtNczf5v6AKRyjwEUhQ=="
with patch("secrets.token_bytes", lambda count: bytes(range(count))):
    SEALED = RING.seal(SECRET, CONTEXT)
NAMES = st.text(st.characters(exclude_categories=()), max_size=8)
CONTEXTS = st.builds(SealContext, NAMES, NAMES, NAMES, NAMES)


def encoded(payload: bytes) -> str:
    return base64.urlsafe_b64encode(payload).decode().rstrip("=")


def payload_of(sealed: str) -> bytes:
    text = sealed.split(".")[2]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def hkdf(master: bytes, info: bytes) -> bytes:
    """RFC 5869 with SHA-256, no salt and 32 bytes of output, written from the RFC and not from the code."""
    extract = hmac.new(b"\0" * 32, master, hashlib.sha256).digest()
    return hmac.new(extract, info + b"\x01", hashlib.sha256).digest()


def fields(*texts: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(text)) + text for text in texts)


class TestFormat:
    DATA = fields(b"v1", b"k1", b"accounts", b"session_key", b"wx0123456789abcdef", b"oABC")

    def test_the_stored_text_is_what_an_independent_implementation_makes(self) -> None:
        nonce = bytes(range(12))
        cipher = AES.new(hkdf(KEY_ONE, fields(b"seal") + self.DATA), AES.MODE_GCM, nonce=nonce)
        ciphertext, tag = cipher.update(self.DATA).encrypt_and_digest(SECRET)
        assert "v1.k1." + encoded(nonce + ciphertext + tag) == SEALED

    def test_the_stored_text_never_drifts(self) -> None:
        assert SEALED == "v1.k1.AAECAwQFBgcICQoL8VUI2LaXSI06rUMHSlxg0dlgrxc-mYu9Ku90XjNxpDX1bWXWIsWL7A"
        assert RING.open(SEALED, CONTEXT) == SECRET

    def test_the_fingerprint_is_what_an_independent_implementation_makes(self) -> None:
        subkey = hkdf(KEY_ONE, fields(b"fingerprint") + self.DATA)
        assert RING.fingerprint(SECRET, CONTEXT) == encoded(hmac.new(subkey, SECRET, hashlib.sha256).digest()[:16])

    def test_the_index_is_what_an_independent_implementation_makes(self) -> None:
        info = fields(b"index", b"phones", b"number_index")
        made = [hmac.new(hkdf(key, info), b"+8613800138000", hashlib.sha256).digest() for key in (KEY_ONE, KEY_TWO)]
        indexes = tuple(f"k{number}.{encoded(digest[:16])}" for number, digest in enumerate(made, 1))
        assert RING.indexes("+8613800138000", "phones", "number_index") == indexes
        assert RING.index("+8613800138000", "phones", "number_index") == indexes[0]

    def test_the_index_never_drifts(self) -> None:
        assert RING.index("+8613800138000", "phones", "number_index") == "k1.QDW8LKyuEePFbjl0ReaNQg"

    def test_the_hkdf_of_this_test_is_that_of_the_rfc(self) -> None:
        # RFC 5869, A.3 (no salt, no info): the first 32 bytes of its output.
        okm = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
        assert hkdf(b"\x0b" * 22, b"").hex() == okm


@given(st.binary(max_size=200), CONTEXTS)
@example(b"", SealContext("", "", "", ""))
@example(SECRET, SealContext("t", "c", "\ud800", "\udfff"))
def test_what_is_sealed_opens_in_its_place(plaintext: bytes, context: SealContext) -> None:
    sealed = RING.seal(plaintext, context)
    assert RING.open(sealed, context) == plaintext
    assert sealed.startswith("v1.k1.")


def test_sealing_twice_gives_two_texts() -> None:
    assert len({RING.seal(SECRET, CONTEXT) for _ in range(100)}) == 100


def test_every_key_of_the_ring_opens_what_it_sealed() -> None:
    sealed = KeyRing.parse(TWO).seal(SECRET, CONTEXT)
    assert sealed.startswith("v1.k2.")
    assert RING.open(sealed, CONTEXT) == SECRET


def test_a_key_that_is_not_in_the_ring_is_named() -> None:
    with pytest.raises(UnknownKey, match=r"holds no key k1$"):
        KeyRing.parse(TWO).open(SEALED, CONTEXT)


@pytest.mark.parametrize("ring", [TWO.replace("k2", "k1"), ONE.replace("k1", "k2")], ids=["other key", "other id"])
def test_a_sealed_text_opens_only_with_its_key_under_its_id(ring: str) -> None:
    with pytest.raises((Tampered, UnknownKey)):
        KeyRing.parse(ring).open(SEALED, CONTEXT)
    with pytest.raises(Tampered):
        RING.open(Sealed(SEALED.replace("v1.k1.", "v1.k2.")), CONTEXT)


def test_one_key_under_two_ids_seals_differently() -> None:
    renamed = KeyRing.parse(ONE.replace("k1", "k9"))
    with pytest.raises(Tampered):
        renamed.open(Sealed(SEALED.replace("v1.k1.", "v1.k9.")), CONTEXT)
    assert renamed.fingerprint(SECRET, CONTEXT) != RING.fingerprint(SECRET, CONTEXT)


@pytest.mark.parametrize("field", ["table", "column", "app_id", "openid"])
def test_a_sealed_text_does_not_open_when_one_thing_about_its_place_differs(field: str) -> None:
    with pytest.raises(Tampered):
        RING.open(SEALED, replace(CONTEXT, **{field: "other"}))


@given(CONTEXTS, CONTEXTS)
@example(SealContext("ab", "c", "", ""), SealContext("a", "bc", "", ""))
@example(SealContext("a", "", "", ""), SealContext("", "a", "", ""))
@example(SealContext("t", "c", "a", "\U00010000"), SealContext("t", "c", "a", "\ud800\udc00"))
@example(SealContext("t", "c", "a", "?"), SealContext("t", "c", "a", "\ud800"))
def test_a_sealed_text_opens_in_no_other_place(context: SealContext, other: SealContext) -> None:
    assume(context != other)
    sealed = RING.seal(SECRET, context)
    with pytest.raises(Tampered):
        RING.open(sealed, other)
    assert RING.fingerprint(SECRET, context) != RING.fingerprint(SECRET, other)


@pytest.mark.parametrize("bit", range(8 * len(payload_of(SEALED))))
def test_no_bit_of_nonce_ciphertext_or_tag_can_be_flipped(bit: int) -> None:
    payload = bytearray(payload_of(SEALED))
    payload[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Tampered):
        RING.open(Sealed("v1.k1." + encoded(bytes(payload))), CONTEXT)


@given(st.integers(0, len(SEALED) - 1), st.characters(exclude_categories=()))
def test_no_character_can_be_changed(position: int, character: str) -> None:
    changed = SEALED[:position] + character + SEALED[position + 1 :]
    assume(changed != SEALED)
    with pytest.raises((Tampered, UnknownKey)):
        RING.open(Sealed(changed), CONTEXT)


@pytest.mark.parametrize("position", range(len("v1.k1."), len(SEALED)))
def test_no_character_of_the_payload_can_be_changed_even_in_its_spare_bits(position: int) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    neighbour = alphabet[alphabet.index(SEALED[position]) ^ 1]
    with pytest.raises(Tampered):
        RING.open(Sealed(SEALED[:position] + neighbour + SEALED[position + 1 :]), CONTEXT)


@given(
    st.text(st.characters(exclude_categories=())), st.sampled_from(["", "v1.", "v1.k1.", SEALED, "v1.k1." + "A" * 38])
)
def test_any_other_text_is_tampered_and_nothing_else(text: str, head: str) -> None:
    assume(head + text != SEALED)
    with pytest.raises((Tampered, UnknownKey)):
        RING.open(Sealed(head + text), CONTEXT)


MALFORMED = {
    "nothing": "",
    "no version": SEALED[3:],
    "another version": "v2" + SEALED[2:],
    "capital version": "V1" + SEALED[2:],
    "no key id": "v1.." + SEALED[6:],
    "bad key id": "v1.K1." + SEALED[6:],
    "long key id": "v1.abcdefghij-_01234." + SEALED[6:],
    "no payload": "v1.k1.",
    "a fourth part": SEALED + ".AAAA",
    "padding": SEALED + "=",
    "newline": SEALED + "\n",
    "space": " " + SEALED,
    "standard base64": "v1.k1.+" + SEALED[7:],
    "impossible length": "v1.k1." + "A" * 41,
    "27 bytes": "v1.k1." + encoded(bytes(27)),
    "spare bits": "v1.k1." + encoded(bytes(28))[:-1] + "B",
    "lone surrogate": SEALED[:-1] + "\ud800",
    "fullwidth digit": SEALED[:-1] + "\uff11",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_text_is_tampered_for_every_reader(text: str) -> None:
    with pytest.raises(Tampered):
        RING.open(Sealed(text), CONTEXT)
    assert not RING.check_canary("k1", Sealed(text))


def test_a_failure_shows_nothing_of_the_value_and_has_no_cause() -> None:
    with pytest.raises(Tampered) as failure:
        RING.open(SEALED, replace(CONTEXT, openid="oXYZ"))
    assert str(failure.value) == "the sealed text is malformed, or this key did not seal it for this place"
    assert failure.value.__suppress_context__


def test_a_context_does_not_print_its_openid() -> None:
    assert repr(CONTEXT) == "SealContext(table='accounts', column='session_key', app_id='wx0123456789abcdef')"


class TestFingerprint:
    def test_an_unchanged_value_keeps_its_fingerprint(self) -> None:
        assert RING.fingerprint(SECRET, CONTEXT) == KeyRing.parse(ONE).fingerprint(SECRET, CONTEXT)
        assert len(RING.fingerprint(SECRET, CONTEXT)) == 22

    @given(st.binary(max_size=40))
    def test_another_value_has_another_fingerprint(self, value: bytes) -> None:
        assert (RING.fingerprint(value, CONTEXT) == RING.fingerprint(SECRET, CONTEXT)) == (value == SECRET)

    def test_it_belongs_to_the_current_key(self) -> None:
        assert KeyRing.parse(f"{TWO},{ONE}").fingerprint(SECRET, CONTEXT) != RING.fingerprint(SECRET, CONTEXT)


class TestIndex:
    NUMBER = "+8613800138000"

    @pytest.mark.parametrize(
        ("table", "column"), [("bans", "number_index"), ("phones", "number"), ("phonesn", "umber_index")]
    )
    def test_it_is_for_one_column_only(self, table: str, column: str) -> None:
        assert RING.index(self.NUMBER, table, column) != RING.index(self.NUMBER, "phones", "number_index")

    def test_it_is_found_under_any_key_of_a_ring(self) -> None:
        rotated = KeyRing.parse(f"{TWO},{ONE}").indexes(self.NUMBER, "phones", "number_index")
        assert rotated == tuple(reversed(RING.indexes(self.NUMBER, "phones", "number_index")))

    @given(st.text(st.characters(codec="utf-8"), max_size=20))
    def test_another_text_has_another_index(self, text: str) -> None:
        index = RING.index(text, "phones", "number_index")
        assert (index == RING.index(self.NUMBER, "phones", "number_index")) == (text == self.NUMBER)
        assert len(index) == len("k1.") + 22
