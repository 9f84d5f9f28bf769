"""A session token is 53 checked characters that do not print; the database knows its hash."""

import base64
import copy
import hashlib
import hmac
import json
import pickle
import re
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from graph.security import tokens
from graph.security.encryption import KeyRing
from graph.security.errors import Tampered, UnknownKey
from graph.security.tokens import (
    SERVICE_SECRET_PATTERN,
    TOKEN_PATTERN,
    ServiceSecret,
    SessionMacs,
    SessionToken,
    opaque_id,
)

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TEXT = SessionToken.issue(lambda count: bytes(range(count))).get_secret_value()


def base62(number: int, digits: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 62)
        text = ALPHABET[digit] + text
    return text.rjust(digits, "0")


def with_checksum(body: str) -> str:
    return body + base62(zlib.crc32(body.encode()), 6)


@given(st.binary(min_size=32, max_size=32))
@example(bytes(32))
@example(b"\xff" * 32)
def test_a_token_is_its_prefix_then_32_random_bytes_then_their_checksum(secret: bytes) -> None:
    token = SessionToken.issue(lambda count: secret[:count])
    assert token.get_secret_value() == with_checksum("wxs_" + base62(int.from_bytes(secret, "big"), 43))
    parsed = SessionToken.parse(token.get_secret_value())
    assert parsed is not None
    assert parsed.get_secret_value() == token.get_secret_value()
    assert len(token.get_secret_value()) == 53


def test_the_format_of_a_token_never_drifts() -> None:
    assert TEXT == "wxs_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf4HX0XT"


@given(st.integers(0, 52), st.characters())
def test_a_token_with_one_other_character_is_refused(position: int, character: str) -> None:
    changed = TEXT[:position] + character + TEXT[position + 1 :]
    assert (SessionToken.parse(changed) is None) == (changed != TEXT)


@given(st.text(st.characters(exclude_categories=())))
def test_no_text_makes_parsing_raise(text: str) -> None:
    assert SessionToken.parse(text) is None
    assert SessionToken.parse("wxs_" + text) is None
    assert SessionToken.parse((TEXT[:47] + text)[:53].ljust(53, "é")) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "wxs_", TEXT[:-1], TEXT + "0", TEXT + "\n", " " + TEXT, TEXT.swapcase(), "\U0001f600" * 53),
        TEXT.encode().decode("utf-16-le", "replace"),
        *(with_checksum(prefix + TEXT[4:47]) for prefix in ("WXS_", "wxt_", "wxs-", "wxs_0")),
        *(with_checksum("wxs_" + TEXT[4:46] + last) for last in ("", "-", "_")),
        *(TEXT[:52] + last for last in ("\ud800", "\uff13", "\u0663", "\u00b3", "\0")),
    ],
)
def test_a_text_that_is_not_exactly_a_token_is_refused(text: str) -> None:
    assert SessionToken.parse(text) is None


def test_the_largest_value_is_2_to_the_256_minus_1_although_43_digits_hold_more() -> None:
    assert SessionToken.parse(with_checksum("wxs_" + base62(2**256 - 1, 43))) is not None
    assert SessionToken.parse(with_checksum("wxs_" + base62(2**256, 43))) is None
    assert SessionToken.parse(with_checksum("wxs_" + "z" * 43)) is None


def test_the_database_knows_a_token_by_the_sha_256_of_its_whole_text() -> None:
    token = SessionToken.parse(TEXT)
    assert token is not None
    digest = base64.urlsafe_b64decode(token.hash() + "=")
    assert digest == hashlib.sha256(TEXT.encode()).digest()
    assert re.fullmatch(r"[0-9A-Za-z_-]{43}", token.hash())


def test_a_token_shows_nothing_of_itself_when_printed() -> None:
    token = SessionToken.issue()
    printed = f"{token} {token!r} {[token]} %s" % token
    assert TEXT[4:12] not in printed
    assert printed.count("SessionToken('**********')") == 4
    assert not hasattr(token, "__dict__")


def test_a_token_cannot_be_pickled_copied_or_serialized() -> None:
    token = SessionToken.issue()
    for store in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError) as refusal:
            store(token)
        assert token.get_secret_value() not in str(refusal.value)


def test_a_secret_scanner_finds_a_token_wherever_it_leaked() -> None:
    for leak in (TEXT, f"Authorization: Bearer {TEXT}\r\n", f'{{"token":"{TEXT}"}}', f"a\\n{TEXT}%20", f"_{TEXT}."):
        assert re.findall(TOKEN_PATTERN, leak) == [TEXT]


def test_the_documentation_publishes_the_pattern_that_scanners_need() -> None:
    for pattern in (TOKEN_PATTERN, SERVICE_SECRET_PATTERN):
        assert f"    {pattern}\n" in str(tokens.__doc__)


def test_the_secret_of_a_service_has_a_prefix_of_its_own_and_is_no_token() -> None:
    secret = ServiceSecret.issue(lambda count: bytes(range(count)))
    text = secret.get_secret_value()
    assert text == with_checksum("wxk_" + TEXT[4:47])
    assert re.findall(SERVICE_SECRET_PATTERN, f"wxgate:{text}@") == [text]
    parsed = ServiceSecret.parse(text)
    assert parsed is not None
    assert parsed.hash() == secret.hash() != SessionToken.issue(lambda count: bytes(range(count))).hash()
    assert SessionToken.parse(text) is None
    assert ServiceSecret.parse(TEXT) is None
    assert ServiceSecret.parse(with_checksum("wxk_" + base62(2**256, 43))) is None
    assert f"{secret}" == "ServiceSecret('**********')"
    assert not hasattr(secret, "__dict__")
    with pytest.raises(TypeError):
        pickle.dumps(secret)


@given(st.binary(min_size=16, max_size=16))
@example(bytes(16))
@example(b"\xff" * 16)
def test_a_public_id_is_22_base62_characters_of_16_random_bytes(value: bytes) -> None:
    public = opaque_id(lambda count: value[:count])
    assert public == base62(int.from_bytes(value, "big"), 22)
    assert len(public) == 22


def test_tokens_and_public_ids_are_random() -> None:
    assert len({SessionToken.issue().get_secret_value() for _ in range(100)}) == 100
    assert len({opaque_id() for _ in range(100)}) == 100


ONE, TWO = (
    f"k{number}:{base64.urlsafe_b64encode(hashlib.sha256(b'%d' % number).digest()).decode()}" for number in (1, 2)
)
MACS = SessionMacs(KeyRing.parse(f"{ONE},{TWO}"))
SESSION = ("h" * 43, "u" * 22, 4711, 1_750_000_000_000)
MAC = MACS.sign(*SESSION)


def test_a_mac_is_what_an_independent_implementation_makes() -> None:
    """From RFC 5869 and RFC 7693, not from the code."""
    extract = hmac.new(bytes(32), hashlib.sha256(b"1").digest(), "sha256").digest()
    key = hmac.new(extract, b"\0\0\0\7session\1", "sha256").digest()
    message = f"{SESSION[0]}.4711.1750000000000.{SESSION[1]}".encode()
    assert hashlib.blake2b(message, key=key, digest_size=16).hexdigest() == MAC.removeprefix("v1.k1.")


def test_a_mac_holds_for_its_session_under_any_key_of_the_ring() -> None:
    MACS.check(MAC, *SESSION)
    SessionMacs(KeyRing.parse(f"{TWO},{ONE}")).check(MAC, *SESSION)
    with pytest.raises(UnknownKey):
        SessionMacs(KeyRing.parse(TWO)).check(MAC, *SESSION)


def test_a_mac_with_any_character_changed_does_not_hold() -> None:
    for place, character in enumerate(MAC):
        changed = MAC[:place] + ("0" if character != "0" else "1") + MAC[place + 1 :]
        with pytest.raises((Tampered, UnknownKey)):
            MACS.check(changed, *SESSION)


@pytest.mark.parametrize(
    "text", ["", ".", "k1", "v1.k1", MAC[:-1], f"{MAC}0", MAC.upper(), f"{MAC[:-1]}\N{DIGIT ONE}\u0301"]
)
def test_what_is_no_mac_does_not_hold(text: str) -> None:
    with pytest.raises((Tampered, UnknownKey)):
        MACS.check(text, *SESSION)


ENDS = st.integers(0, 2**63 - 1)
SESSIONS = st.tuples(st.sampled_from([SESSION[0], "g" * 43]), st.text(".0u", max_size=9), ENDS, ENDS)


@given(SESSIONS, SESSIONS)
@example((*SESSION[:1], "3u", 1, 2), (*SESSION[:1], "u", 1, 23))
@example((*SESSION[:1], "3.u", 1, 2), (*SESSION[:1], "u", 12, 3))
def test_no_two_sessions_share_a_mac(one: tuple[str, str, int, int], other: tuple[str, str, int, int]) -> None:
    assert (MACS.sign(*one) == MACS.sign(*other)) == (one == other)


def test_a_mac_does_not_hold_under_another_key_of_the_ring() -> None:
    with pytest.raises(Tampered):
        MACS.check(MAC.replace("k1", "k2"), *SESSION)
