"""A key ring refuses what cannot keep a secret, and gives the reason without the key."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.security.encryption import KeyRing, SealContext, Sealed, generate_entry
from graph.security.errors import (
    KeyRingError,
    RateLimited,
    RateLimitStorageUnusable,
    ScopeMissing,
    SecurityError,
    ServicesError,
    ServiceUnknown,
    Tampered,
    UnknownKey,
)


def material(seed: str, length: int = 32) -> str:
    return base64.urlsafe_b64encode(hashlib.shake_256(seed.encode()).digest(length)).decode().rstrip("=")


def encoded(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


ONE, TWO = material("one"), material("two")
CONTEXT = SealContext("accounts", "session_key", "wx0123456789abcdef", "o-openid")


def test_the_first_key_is_the_current_one_and_the_order_is_kept() -> None:
    ring = KeyRing.parse(f"k2:{TWO},k1:{ONE}")
    assert ring.current_id == "k2"
    assert ring.ids == ("k2", "k1")


@pytest.mark.parametrize("text", [f"k1:{ONE}", f"k1:{ONE}=", f" k1:{ONE}\n", f"\tk1:{ONE}= "])
def test_padding_and_surrounding_space_do_not_change_a_key(text: str) -> None:
    sealed = KeyRing.parse(f"k1:{ONE}").seal(b"secret", CONTEXT)
    assert KeyRing.parse(text).open(sealed, CONTEXT) == b"secret"


@pytest.mark.parametrize("key_id", ["k", "0", "_", "-", "abcdefghij-_0123"])
def test_an_id_is_up_to_16_lowercase_letters_digits_underscores_and_hyphens(key_id: str) -> None:
    assert KeyRing.parse(f"{key_id}:{ONE}").ids == (key_id,)


def refusal_of(text: str) -> str:
    with pytest.raises(KeyRingError) as refusal:
        KeyRing.parse(text)
    assert refusal.value.__context__ is None
    return str(refusal.value)


BAD_IDS = {
    "none": ONE,
    "empty": f":{ONE}",
    "exchanged with the key": f"{ONE}:k1",
    "17 characters": f"abcdefghij-_01234:{ONE}",
    "capital": f"K1:{ONE}",
    "dot": f"k.1:{ONE}",
    "fullwidth digit": f"k\uff11:{ONE}",
    "space": f"k1 :{ONE}",
}


NOT_BASE64URL = {
    "plus": "+" + ONE[1:],
    "slash": "/" + ONE[1:],
    "foreign character": f"{ONE[:20]}!{ONE[20:]}",
    "space inside": f"{ONE[:20]} {ONE[20:]}",
    "space before": " " + ONE,
    "second colon": ONE + ":",
    "too much padding": ONE + "==",
    "padding inside": f"{ONE[:20]}={ONE[20:]}",
    "spare bits": encoded(bytes(32))[:-1] + "B",
    "impossible length": ONE + "00",
    "lone surrogate": ONE[:-1] + "\ud800",
    "fullwidth digit": ONE[:-1] + "\uff11",
}


WEAK = {
    "zeros": bytes(32),
    "equal bytes": b"A" * 32,
    "15 values": bytes.fromhex("00e3b0c44298fc1c149afbf4c8996f") * 2 + bytes(2),
    "counting up": bytes(range(32)),
    "counting from 7": bytes(range(7, 39)),
    "counting over the edge": bytes(n % 256 for n in range(240, 272)),
    "counting down": bytes(range(32, 0, -1)),
    "counting in threes": bytes(range(0, 96, 3)),
}


BAD_ID = "must begin with an id of 1 to 16 characters a-z 0-9 _ - and a colon"
LENGTH = "must hold a key of 32 bytes, not of"
NOT_RANDOM = "holds a key that is not random: generate a new one"
REFUSED = [
    *((text, f"entry 1 of the key ring {BAD_ID}") for text in BAD_IDS.values()),
    *((f"ok:{TWO},{text}", f"entry 2 of the key ring {BAD_ID}") for text in BAD_IDS.values()),
    *((text, f"entry 2 of the key ring {BAD_ID}") for text in (f"k1:{ONE},", f"k1:{ONE},,k2:{TWO}")),
    (f"k1:{ONE},k1:{TWO}", "entry 2 of the key ring has the id of an earlier entry"),
    (f"k2:{TWO},k1:{ONE},k0:{TWO}=", "entry 3 of the key ring has the key of an earlier entry under another id"),
    *((f"k1:{key}", "entry 1 of the key ring is not base64url") for key in NOT_BASE64URL.values()),
    *((f"k1:{material('one', n)}", f"entry 1 of the key ring {LENGTH} {n}") for n in (0, 1, 16, 31, 33, 64)),
    *((f"k2:{TWO},k1:{encoded(key)}", f"entry 2 of the key ring {NOT_RANDOM}") for key in WEAK.values()),
    *((text, "the key ring is empty: it needs at least one entry <id>:<base64url of 32 bytes>") for text in ("", "\n")),
]


@pytest.mark.parametrize(("text", "sentence"), REFUSED)
def test_any_other_ring_is_refused_with_the_reason(text: str, sentence: str) -> None:
    assert refusal_of(text) == sentence


def test_16_distinct_bytes_are_enough() -> None:
    key = bytes.fromhex("00e3b0c44298fc1c149afbf4c8996fb9") * 2
    assert KeyRing.parse(f"k1:{encoded(key)}").ids == ("k1",)


@given(st.text(st.characters(exclude_categories=())) | st.text("k12:,=-_ABab", max_size=40))
def test_the_only_failure_is_a_key_ring_error(text: str) -> None:
    assert "\n" not in refusal_of(text)


@given(st.permutations([f"k1:{ONE}", f"k2:{TWO}", TWO, f"{ONE}:k3", f"k3:{ONE}!", f"k4:{ONE[:-3]}", f"k1:{TWO}"]))
def test_a_refusal_contains_nothing_of_the_keys(entries: list[str]) -> None:
    message = refusal_of(",".join(entries))
    assert not [key[n : n + 4] for key in (ONE, TWO) for n in range(40) if key[n : n + 4] in message]


def test_a_ring_prints_its_ids_and_nothing_else() -> None:
    ring = KeyRing.parse(f"k2:{TWO},k1:{ONE}")
    assert f"{ring} {ring!r}" == "KeyRing(ids=('k2', 'k1')) KeyRing(ids=('k2', 'k1'))"
    assert not hasattr(ring, "__dict__")


def test_a_generated_entry_is_a_ring_and_rotates_one_when_set_before_it() -> None:
    old = generate_entry("k1")
    sealed = KeyRing.parse(old).seal(b"secret", CONTEXT)
    rotated = KeyRing.parse(f"{generate_entry('k2')},{old}")
    assert rotated.ids == ("k2", "k1")
    assert rotated.open(sealed, CONTEXT) == b"secret"


@pytest.mark.parametrize("key_id", ["", "K1", " k1", "k1:", f"k2:{TWO},k1", "abcdefghij-_01234"])
def test_no_entry_is_generated_for_a_bad_id(key_id: str) -> None:
    with pytest.raises(KeyRingError, match="must begin with an id of 1 to 16 characters"):
        generate_entry(key_id)


def test_generated_keys_are_43_characters_of_base64url_and_differ() -> None:
    keys = {generate_entry("k1").removeprefix("k1:") for _ in range(100)}
    assert len(keys) == 100
    assert all(len(base64.urlsafe_b64decode(key + "=")) == 32 and len(key) == 43 for key in keys)


RING = KeyRing.parse(f"k2:{TWO},k1:{ONE}")
ONLY_ONE = KeyRing.parse(f"k1:{ONE}")


def test_a_canary_is_known_to_the_key_that_made_it_and_to_no_other() -> None:
    assert RING.check_canary("k2", RING.canary())
    assert RING.check_canary("k1", ONLY_ONE.canary())
    assert not KeyRing.parse(f"k1:{TWO}").check_canary("k1", ONLY_ONE.canary())
    assert not RING.check_canary("k2", ONLY_ONE.canary())
    assert not ONLY_ONE.check_canary("k2", RING.canary())


@pytest.mark.parametrize(
    "text",
    [
        ONLY_ONE.seal(b"secret", CONTEXT),
        ONLY_ONE.seal(b"secret", SealContext("", "canary", "", "")),
        Sealed("v1.k1.AAAA"),
    ],
    ids=["another context", "another text", "malformed"],
)
def test_nothing_else_is_a_canary(text: Sealed) -> None:
    assert not ONLY_ONE.check_canary("k1", text)


def test_every_failure_is_of_one_family_and_reads_alone() -> None:
    limits = {RateLimited, RateLimitStorageUnusable}
    services = {ServicesError, ServiceUnknown, ScopeMissing}
    assert {KeyRingError, UnknownKey, Tampered} | services | limits == set(SecurityError.__subclasses__())
    assert str(UnknownKey("k7")) == "the key ring holds no key k7"
    assert str(Tampered()) == "the sealed text is malformed, or this key did not seal it for this place"
