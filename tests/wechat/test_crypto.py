"""What is strict about signatures, base64, padding, text, JSON and time."""

import hashlib
import json

import pytest
from pydantic import SecretStr

from graph.wechat.crypto import EncryptedData, Submission
from graph.wechat.errors import DecryptFailed, MalformedSubmission, SubmissionError, WatermarkOutOfRange
from tests.wechat.submissions import (
    APP_ID,
    DAY,
    IV,
    OPENID,
    PROFILE,
    STAMP,
    USER_INFO,
    WATERMARK,
    NotSigned,
    Parts,
    b64,
    compact,
    encrypt,
    pad,
    secret,
    submit,
)

GOOD = submit(USER_INFO)


def malformed(parts: Parts) -> MalformedSubmission:
    with pytest.raises(MalformedSubmission) as refusal:
        parts.parse()
    return refusal.value


def blamed(parts: Parts) -> str:
    return str(malformed(parts)).split()[0]


def signed_with(session_key: str) -> Parts:
    signed = (GOOD.raw_data + session_key).encode("utf-8", "surrogatepass")
    return GOOD.but(signature=hashlib.sha1(signed).hexdigest())  # noqa: S324 - WeChat's choice


def reason_for(padded: bytes) -> str:
    with pytest.raises(DecryptFailed) as refusal:
        GOOD.but(encrypted_data=b64(encrypt(padded))).open()
    assert str(refusal.value) == "The encrypted data could not be opened."
    return refusal.value.reason


def hint_for(raw_data: str) -> str | None:
    with pytest.raises(NotSigned):
        GOOD.but(raw_data=raw_data, signature="0" * 40).open()
    return GOOD.but(raw_data=raw_data).parse().likely_cause()


@pytest.mark.parametrize("text", ["", "\ud83d", "\0", "熊猫🐼"])
@pytest.mark.parametrize("signature", ["", "é" * 40, "\udc00" * 40, "0" * 39])
def test_a_signature_of_any_text_is_compared_without_an_exception(text: str, signature: str) -> None:
    submission = Submission(raw_data=text, signature=signature, encrypted=EncryptedData(b"", b""), fields={})
    opened = submission.open(SecretStr(text), app_id=APP_ID, openid=OPENID, now=0, max_age=0, max_ahead=0)
    assert opened is None


def test_a_submission_knows_the_key_that_signed_it() -> None:
    assert GOOD.open(key=secret()).watermark_at == STAMP
    with pytest.raises(NotSigned):
        GOOD.open(key=secret(IV))


def test_a_submission_does_not_print() -> None:
    assert repr(GOOD.parse()) == "Submission()"
    shown = repr(GOOD.open())
    assert "微信用户" not in shown
    assert "qlogo" not in shown


@pytest.mark.parametrize(
    "signature", ["", "0" * 39, "0" * 41, "0" * 39 + "G", GOOD.signature.upper(), GOOD.signature + "\n", "é" * 40]
)
def test_a_signature_is_forty_lower_case_digits(signature: str) -> None:
    assert blamed(GOOD.but(signature=signature)) == "signature"


@pytest.mark.parametrize("field", ["encrypted_data", "iv"])
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda text: text.replace("=", ""), id="no padding"),
        pytest.param(lambda text: text + "=", id="too much padding"),
        pytest.param(lambda text: text + "\n", id="a line end"),
        pytest.param(lambda text: " " + text, id="a blank"),
        pytest.param(lambda text: text.replace("A", "-"), id="the url-safe alphabet"),
        pytest.param(lambda text: text[:-3] + "x==", id="a last character that decodes alike"),
        pytest.param(lambda text: "é" + text[1:], id="no ASCII"),
        pytest.param(lambda text: "\ud83d" + text[1:], id="a lone surrogate"),
        pytest.param(lambda _: "", id="nothing"),
    ],
)
def test_base64_has_one_spelling(field: str, spoil: object) -> None:
    assert callable(spoil)
    # Sixteen zero bytes are all "A" and end in "==".
    texts = {"encrypted_data": b64(bytes(16)), "iv": b64(bytes(16))}
    name = {"encrypted_data": "encryptedData", "iv": "iv"}[field]
    assert blamed(GOOD.but(**{field: spoil(texts[field])})) == name


def test_a_blank_in_base64_is_explained_as_a_lost_plus() -> None:
    assert "'+' became a blank" in str(malformed(GOOD.but(encrypted_data="ab c")))
    assert "blank" not in str(malformed(GOOD.but(encrypted_data="ab*c")))


@pytest.mark.parametrize("length", [1, 15, 17, 31])
def test_ciphertext_comes_in_whole_blocks(length: int) -> None:
    assert blamed(GOOD.but(encrypted_data=b64(bytes(length)))) == "encryptedData"


@pytest.mark.parametrize("length", [0, 12, 15, 17])
def test_an_iv_is_sixteen_bytes(length: int) -> None:
    assert blamed(GOOD.but(iv=b64(bytes(length)))) == "iv"


def test_over_long_fields_are_refused_before_they_are_decoded() -> None:
    for parts in (GOOD.but(raw_data="{" * 16385), GOOD.but(encrypted_data="A" * 24577), GOOD.but(iv="A" * 25)):
        assert str(malformed(parts)).endswith("is too long.")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "AAAA",
        b64(bytes(15)),
        b64(bytes(24)),
        b64(bytes(32)),
        "no base64",
        "é",
        "\ud83d",
        secret().get_secret_value()[:-3] + "x==",
    ],
)
def test_a_session_key_that_is_none_is_a_failure_of_decryption(key: str) -> None:
    with pytest.raises(DecryptFailed) as refusal:
        signed_with(key).open(key=SecretStr(key))
    assert refusal.value.reason == "session_key"
    assert key not in str(refusal.value) or not key


@pytest.mark.parametrize(
    "ending",
    [b"\x00", b"\x11", b"\xff", b"\x01\x02", b"\x02\x03\x03", b"\x07" + b"\x10" * 15, b"\x11" * 17, b"\x20" * 30],
)
def test_padding_is_one_to_sixteen_equal_bytes(ending: bytes) -> None:
    assert reason_for(b"{}".ljust(32 - len(ending)) + ending) == "padding"


@pytest.mark.parametrize("length", range(1, 18))
def test_every_right_padding_is_taken_off(length: int) -> None:
    text = '{"a":1' + " " * length + "}"
    assert reason_for(pad(text.encode())) == "watermark"


@pytest.mark.parametrize("plaintext", [b'{"a":"\xff"}', b'{"a":"\xc0\x80"}', b'{"a":"\xed\xa0\xbd"}'])
def test_the_plaintext_is_strict_utf8(plaintext: bytes) -> None:
    assert reason_for(pad(plaintext)) == "utf8"


BAD_JSON = [
    pytest.param("", id="nothing"),
    pytest.param("[]", id="a list"),
    pytest.param("null", id="null"),
    pytest.param('"{}"', id="a string"),
    pytest.param("{} {}", id="two"),
    pytest.param("\ufeff{}", id="a byte order mark"),
    pytest.param('{"a":1,}', id="a comma too many"),
    pytest.param('{"a":1,"a":1}', id="a key twice"),
    pytest.param('{"b":{"a":1,"\\u0061":2}}', id="a key twice, deep and escaped"),
    pytest.param('{"a":NaN}', id="NaN"),
    pytest.param('{"a":-Infinity}', id="infinity"),
    pytest.param('{"a":1e999}', id="infinity by exponent"),
    pytest.param('{"a":' + "9" * 5000 + "}", id="a huge integer"),
    pytest.param('{"a":"\\ud83d"}', id="a lone surrogate as value"),
    pytest.param('{"\\udc3c":1}', id="a lone surrogate as key"),
    pytest.param('{"a":[{"b":"\\udc3c"}]}', id="a lone surrogate, deep"),
    pytest.param('{"a":\x01}', id="a control character outside of a text"),
    pytest.param('{"a":' * 9 + "1" + "}" * 9, id="nine objects deep"),
    pytest.param('{"a":' + "[" * 8 + "]" * 8 + "}", id="nine levels deep"),
    pytest.param('{"a":' + "[" * 5000, id="endlessly deep"),
    pytest.param('{"a":' + "[" * 5000 + "]" * 5000 + "}", id="endlessly deep and closed"),
]


@pytest.mark.parametrize("text", BAD_JSON)
def test_the_plaintext_is_one_strict_json_object(text: str) -> None:
    assert reason_for(pad(text.encode())) == "json"


@pytest.mark.parametrize("text", [*BAD_JSON, pytest.param('{"a":"\ud83d"}', id="a raw lone surrogate")])
def test_raw_data_is_one_strict_json_object(text: str) -> None:
    assert str(malformed(GOOD.but(raw_data=text))).startswith("rawData must be a JSON object.")


def test_eight_levels_and_fractions_are_accepted() -> None:
    text = '{"a":' * 8 + "1.5" + "}" * 8
    assert reason_for(pad(text.encode())) == "watermark"


@pytest.mark.parametrize(
    ("raw_data", "hint"),
    [
        ("%7B%22nickName%22%3A%22a%22%7D", "looks URL-encoded"),
        ("%7b%22nickName", "looks URL-encoded"),
        (json.dumps(compact(PROFILE)), "looks re-serialised"),
        ("[object Object]", "looks re-serialised"),
        ('{\\"nickName\\":\\"a\\"}', "looks re-serialised"),
        ("{&quot;nickName&quot;:&quot;a&quot;}", "looks HTML-escaped"),
        ("nonsense", "exactly as WeChat gave it"),
    ],
)
def test_raw_data_that_is_no_object_is_explained(raw_data: str, hint: str) -> None:
    assert hint in str(malformed(GOOD.but(raw_data=raw_data)))


def test_a_signature_that_fails_is_explained_where_it_can_be() -> None:
    assert "URL-encoded" in str(hint_for('{"nickName":"%E5%BE%AE"}'))
    assert "re-serialised" in str(hint_for(json.dumps(PROFILE)))
    assert "re-serialised" in str(hint_for(json.dumps(PROFILE, indent=1)))
    assert "HTML-escaped" in str(hint_for('{"avatarUrl":"https:&#x2F;&#x2F;a"}'))
    assert hint_for(compact(PROFILE)) is None
    assert hint_for('{"nickName":"\x14a"}') is None
    assert hint_for(json.dumps(PROFILE, separators=(",", ":"))) is None


def test_what_looks_odd_but_is_signed_is_accepted() -> None:
    profile = {**PROFILE, "nickName": "%E5%BE%AE"}
    spaced = submit({**profile, "watermark": WATERMARK}, json.dumps(profile, ensure_ascii=False))
    assert spaced.open().nick_name == "%E5%BE%AE"


@pytest.mark.parametrize("now", [STAMP - 300, STAMP, STAMP + DAY, float(STAMP)])
def test_the_window_of_time_includes_both_ends(now: float) -> None:
    assert GOOD.open(now=now).watermark_at == STAMP


@pytest.mark.parametrize(
    ("now", "reason"), [(STAMP - 300.001, "in the future"), (STAMP + DAY + 0.001, "too old"), (0.0, "in the future")]
)
def test_outside_of_the_window_genuine_data_is_refused_as_such(now: float, reason: str) -> None:
    with pytest.raises(WatermarkOutOfRange) as refusal:
        GOOD.open(now=now)
    assert refusal.value.reason == reason


@pytest.mark.parametrize("timestamp", [10**4000, -(10**4000)])
def test_a_timestamp_of_thousands_of_digits_is_only_out_of_range(timestamp: int) -> None:
    with pytest.raises(WatermarkOutOfRange):
        submit({**USER_INFO, "watermark": {**WATERMARK, "timestamp": timestamp}}).open(now=float(STAMP))


def test_late_data_with_another_fault_is_told_nothing_about_time() -> None:
    with pytest.raises(DecryptFailed):
        GOOD.open(now=0, openid="o")


def test_every_failure_after_the_signature_looks_the_same_outwardly() -> None:
    bad = [
        GOOD.but(encrypted_data=b64(encrypt(pad(b"no json")))),
        GOOD.but(encrypted_data=b64(encrypt(pad(b"\xff")))),
        GOOD.but(encrypted_data=b64(encrypt(bytes(32)))),
        submit({**USER_INFO, "openId": "o" * 28}),
        submit({**USER_INFO, "watermark": 1}),
        submit({**USER_INFO, "gender": 2}),
    ]
    told = set()
    for parts in bad:
        with pytest.raises(SubmissionError) as refusal:
            parts.open()
        told.add((type(refusal.value), str(refusal.value), repr(refusal.value), refusal.value.__cause__))
    assert len(told) == 1
