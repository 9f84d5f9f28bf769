"""Every single change of a good submission is refused, and refused with an error of the family."""

import base64
import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.wechat.errors import DecryptFailed, SubmissionError
from tests.wechat.submissions import (
    APP_ID,
    IV,
    OPENID,
    PROFILE,
    STAMP,
    USER_INFO,
    USER_PROFILE,
    WATERMARK,
    Parts,
    b64,
    compact,
    encrypt,
    pad,
    raw,
    retouch,
    secret,
    submit,
)

# Genuine and odd: a raw control character, wrong types, a text too long; and rawData has fields that nothing else has.
ODD: dict[str, object] = {**PROFILE, "nickName": "微\x14信用户", "gender": "2", "city": None, "province": "熊" * 200}
GOOD = {
    "getUserInfo": submit(USER_INFO),
    "getUserProfile": submit(USER_PROFILE, {**PROFILE, "is_demote": True}),
    "odd getUserInfo": submit(raw({**USER_INFO, **ODD}), raw({**ODD, "county": "", "is_demote": True})),
    "odd getUserProfile": submit(raw({**ODD, "watermark": WATERMARK}), ODD),
}
TEXTS = ("raw_data", "signature", "encrypted_data", "iv")
BYTES = ("encrypted_data", "iv")

variants = pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)


def flipped(value: bytes, bit: int) -> bytes:
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def with_text_bit(good: Parts, field: str, bit: int) -> Parts:
    # Bytes that are no UTF-8 any more reach us as lone surrogates, if at all.
    text = flipped(asdict(good)[field].encode(), bit).decode("utf-8", "surrogateescape")
    return good.but(**{field: text})


def with_decoded_bit(good: Parts, field: str, bit: int) -> Parts:
    return good.but(**{field: b64(flipped(base64.b64decode(asdict(good)[field]), bit))})


def refused(parts: Parts) -> None:
    with pytest.raises(SubmissionError):
        parts.open()


@variants
def test_untouched_it_is_accepted(good: Parts) -> None:
    assert good.open().nick_name == "微信用户"


@variants
@pytest.mark.parametrize("field", TEXTS)
def test_every_bit_of_every_text_counts(good: Parts, field: str) -> None:
    for bit in range(8 * len(asdict(good)[field].encode())):
        refused(with_text_bit(good, field, bit))


@variants
@pytest.mark.parametrize("field", BYTES)
def test_every_bit_of_the_ciphertext_and_of_the_iv_counts(good: Parts, field: str) -> None:
    bits = 8 * len(base64.b64decode(asdict(good)[field]))
    assert field == "encrypted_data" or bits == 128
    for bit in range(bits):
        refused(with_decoded_bit(good, field, bit))


@variants
@pytest.mark.parametrize("position", range(40))
def test_every_digit_of_the_signature_counts(good: Parts, position: int) -> None:
    for digit in "0123456789abcdefABCDEFg \u0131":
        if digit != good.signature[position]:
            refused(good.but(signature=good.signature[:position] + digit + good.signature[position + 1 :]))


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@st.composite
def submissions(draw: st.DrawFn) -> tuple[Parts, Any]:
    profile = {**PROFILE, "nickName": draw(names), "gender": draw(st.sampled_from([0, 1, 2])), "city": draw(names)}
    profile = dict(draw(st.permutations(list(profile.items()))))
    first = draw(st.sampled_from([{"openId": OPENID}, {}]))
    key = draw(st.binary(min_size=16, max_size=16))
    plain = json.dumps(
        {**first, **profile, "watermark": WATERMARK}, ensure_ascii=draw(st.booleans()), separators=(",", ":")
    )
    return submit(plain, profile, key=key, iv=draw(st.binary(min_size=16, max_size=16))), secret(key)


@given(submissions())
def test_whatever_the_profile_says_and_however_it_is_escaped_it_opens(made: tuple[Parts, Any]) -> None:
    good, key = made
    assert good.open(key=key).watermark_at == STAMP


@pytest.mark.parametrize("ensure_ascii", [False, True])
@pytest.mark.parametrize("plain", [USER_INFO, USER_PROFILE], ids=["getUserInfo", "getUserProfile"])
def test_wechat_may_escape_its_json_or_not(plain: dict[str, object], ensure_ascii: bool) -> None:
    raw = {name: value for name, value in plain.items() if name in PROFILE}
    text = json.dumps(plain, ensure_ascii=ensure_ascii, separators=(",", ":"))
    assert submit(text, raw).open().nick_name == "微信用户"


@settings(max_examples=400)
@given(submissions(), st.sampled_from(TEXTS), st.integers(min_value=0))
def test_any_bit_of_any_text_of_any_submission_counts(made: tuple[Parts, Any], field: str, bit: int) -> None:
    good, key = made
    bad = with_text_bit(good, field, bit % (8 * len(asdict(good)[field].encode())))
    with pytest.raises(SubmissionError):
        bad.open(key=key)


@settings(max_examples=400)
@given(submissions(), st.sampled_from(BYTES), st.integers(min_value=0))
def test_any_bit_of_any_decoded_field_counts(made: tuple[Parts, Any], field: str, bit: int) -> None:
    good, key = made
    bad = with_decoded_bit(good, field, bit % (8 * len(base64.b64decode(asdict(good)[field]))))
    with pytest.raises(SubmissionError):
        bad.open(key=key)


@given(submissions(), st.binary(min_size=16, max_size=16))
def test_no_other_iv_opens_the_same_ciphertext(made: tuple[Parts, Any], iv: bytes) -> None:
    good, key = made
    if b64(iv) != good.iv:
        with pytest.raises(SubmissionError):
            good.but(iv=b64(iv)).open(key=key)


@given(st.text(), st.text(), st.text(), st.text())
def test_no_text_at_all_escapes_the_family_of_errors(raw_data: str, signature: str, data: str, iv: str) -> None:
    refused(Parts(raw_data, signature, data, iv))
    good = GOOD["getUserInfo"]
    refused(good.but(raw_data=raw_data))
    refused(good.but(encrypted_data=data))
    refused(good.but(iv=iv))


@given(st.binary(max_size=200))
def test_no_plaintext_at_all_escapes_the_family_of_errors(plaintext: bytes) -> None:
    refused(GOOD["getUserInfo"].but(encrypted_data=b64(encrypt(pad(plaintext)))))


@variants
def test_blocks_cannot_be_dropped_repeated_or_swapped(good: Parts) -> None:
    whole = base64.b64decode(good.encrypted_data)
    blocks = [whole[at : at + 16] for at in range(0, len(whole), 16)]
    for at in range(len(blocks)):
        before, block, after = blocks[:at], blocks[at], blocks[at + 1 :]
        refused(good.but(encrypted_data=b64(b"".join([*before, *after]))))
        refused(good.but(encrypted_data=b64(b"".join([*before, block, block, *after]))))
        if after:
            refused(good.but(encrypted_data=b64(b"".join([*before, after[0], block, *after[1:]]))))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"openId":"oSYNT', b'{"openId":"oEVIL'),
        (b'{"openId":"oSYNT', b'{"opdnId":"oSYNT'),
        (b'{"openId":"oSYNT', b'{"unionI":"oSYNT'),
        (b'{"openId":"oSYNT', b'{"gender":"oSYNT'),
        (b'{"openId":"oSYNT', b'{"a":1,"b": "oSY'),
        (b'{"openId":"oSYNT', b'{ "a":    "oSYNT'),
    ],
)
def test_a_chosen_iv_cannot_rewrite_or_hide_the_openid(before: bytes, after: bytes) -> None:
    good = GOOD["getUserInfo"]
    with pytest.raises(DecryptFailed):
        good.but(iv=retouch(good.iv, before, after)).open()


@pytest.mark.parametrize(
    ("plain", "beginning", "rest"),
    [
        pytest.param(
            {"nickName": "Ali", "gender": 1, "city": "Guangzhou--", "province": "x", "watermark": WATERMARK},
            '{"nickName":"Ali',
            '","province"',
            id="without openId: gender and city are cut out",
        ),
        pytest.param(
            {
                "openId": OPENID,
                "nickName": f"I shall be {OPENID[5:]}",
                "gender": 1,
                "city": "c",
                "watermark": WATERMARK,
            },
            '{"openId":"' + OPENID[:5],
            OPENID[5:] + '","gender"',
            id="a nickname that goes on like the openId is cut out",
        ),
    ],
)
def test_blocks_cannot_be_cut_out_behind_a_beginning_made_to_fit(
    plain: dict[str, object], beginning: str, rest: str
) -> None:
    text = compact(plain).encode()
    at = text.index(rest.encode())
    assert at % 16 == 0
    good = submit(plain, {name: plain[name] for name in plain if name in PROFILE})
    assert good.open().watermark_at == STAMP
    blocks = base64.b64decode(good.encrypted_data)
    forged_iv = retouch(b64(blocks[at - 32 : at - 16]), text[at - 16 : at], beginning.encode())
    with pytest.raises(DecryptFailed) as refusal:
        good.but(encrypted_data=b64(blocks[at - 16 :]), iv=forged_iv).open()
    assert refusal.value.reason == "raw data"


def test_renaming_openid_does_not_make_it_absent() -> None:
    good = GOOD["getUserInfo"]
    bad = good.but(iv=retouch(good.iv, b'{"openId"', b'{"opdnId"'))
    with pytest.raises(DecryptFailed) as refusal:
        bad.open(openid="oSOMEBODYELSE000000000000000")
    assert refusal.value.reason == "first block"


@pytest.mark.parametrize(
    "plain",
    [
        pytest.param('{\r"openId"', id="CR would become TAB by one bit"),
        pytest.param('{ "openId"', id="a blank"),
        pytest.param('{"\\u006FpenId"', id="an escaped key: F would become f"),
    ],
)
def test_a_first_block_that_could_be_written_otherwise_is_refused(plain: str) -> None:
    text = compact(USER_INFO).replace('{"openId"', plain, 1)
    assert json.loads(text) == USER_INFO
    with pytest.raises(DecryptFailed) as refusal:
        submit(text).open()
    assert refusal.value.reason == "first block"


@pytest.mark.parametrize(
    "plain",
    [
        pytest.param({"watermark": WATERMARK, **PROFILE}, id="watermark first"),
        pytest.param({"unionId": "o" * 28, **PROFILE, "watermark": WATERMARK}, id="unionId first"),
        pytest.param({"extra": "x" * 20, **PROFILE, "watermark": WATERMARK}, id="an unknown field first"),
        pytest.param({"city": "", "extra": 1, **PROFILE, "watermark": WATERMARK}, id="an unknown field second"),
        pytest.param({"watermark": WATERMARK}, id="nothing else"),
    ],
)
def test_every_key_that_begins_in_the_first_block_must_be_vouched_for(plain: dict[str, object]) -> None:
    with pytest.raises(DecryptFailed) as refusal:
        submit(plain).open()
    assert refusal.value.reason == "first block"


def test_the_signed_raw_data_cannot_stand_in_for_the_openid_of_the_session() -> None:
    raw = {"openId": "oSOMEBODYELSE000000000000000", **PROFILE}
    with pytest.raises(DecryptFailed) as refusal:
        submit({**raw, "watermark": WATERMARK}, raw).open()
    assert refusal.value.reason == "openid"


def test_each_field_belongs_to_its_own_submission() -> None:
    good, other = GOOD["getUserInfo"], submit(USER_INFO, {**PROFILE, "nickName": "another"}, iv=IV[::-1])
    for field in ("raw_data", "signature", "iv"):
        refused(good.but(**{field: asdict(other)[field]}))
    refused(good.but(encrypted_data=submit({**USER_INFO, "nickName": "another"}).encrypted_data))


def test_it_is_for_this_app_this_person_and_this_session_key() -> None:
    good = GOOD["getUserInfo"]
    for wrong in (APP_ID[:-1], APP_ID.upper(), ""):
        with pytest.raises(DecryptFailed):
            good.open(app_id=wrong)
    with pytest.raises(DecryptFailed):
        good.open(openid=OPENID[:-1])
    with pytest.raises(SubmissionError):
        good.open(key=secret(IV))
