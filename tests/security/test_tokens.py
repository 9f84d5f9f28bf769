"""A session token is 53 checked characters that do not print; the database knows its hash."""

import base64
import copy
import hashlib
import json
import pickle
import re
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from graph.security import tokens
from graph.security.tokens import TOKEN_PATTERN, SessionToken, opaque_id

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
    assert f"    {TOKEN_PATTERN}\n" in str(tokens.__doc__)


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
