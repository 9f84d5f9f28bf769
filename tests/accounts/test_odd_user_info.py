"""What is kept of user info that WeChat itself signed and encrypted, but which is odd: it is never refused."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

import pytest

from graph.simulator.serving import WeChatSimulator
from tests.server import APP_ID, SUBMIT, TestServer
from tests.wechat.submissions import compact, raw, submit

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

NAMES: Final = {"raw_data": "rawData", "encrypted_data": "encryptedData"}
ALICE: Final[dict[str, object]] = {
    "nickName": "Alice",
    "gender": 2,
    "language": "zh_CN",
    "city": "Guangzhou",
    "province": "Guangdong",
    "country": "China",
    "avatarUrl": "https://thirdwx.qlogo.cn/mmopen/vi_32/Q0j4TwGTfTK/132",
}
SHOWN: Final = ALICE | {"gender": "FEMALE"}

# What WeChat gives, and what a client then sees; of a picture that is none, nothing replaces the one before.
ODD: Final[dict[str, tuple[dict[str, object], dict[str, object]]]] = {
    "a gender as text": ({"gender": "1"}, {"gender": "MALE"}),
    "no gender": ({"gender": None}, {"gender": "UNKNOWN"}),
    "an unknown gender": ({"gender": 3}, {"gender": "UNKNOWN"}),
    "a gender that is no number": ({"gender": [True]}, {"gender": "UNKNOWN"}),
    "nulls": (
        dict.fromkeys(("language", "city", "province", "country", "avatarUrl")),
        dict.fromkeys(("language", "city", "province", "country")),
    ),
    "no texts": (
        {"city": 1, "province": {}, "country": ["China"], "avatarUrl": 1},
        dict.fromkeys(("city", "province", "country")),
    ),
    "NUL": ({"nickName": "A\0l\0ice\0", "city": "\0"}, {"city": None}),
    "control characters": ({"nickName": "\x14琦娅🍭\x7f\x85", "city": "\b"}, {"nickName": "琦娅🍭", "city": None}),
    "a long city": ({"city": "広" * 200}, {"city": "広" * 128}),
    "a long name": ({"nickName": "🐼" * 300}, {"nickName": "🐼" * 256}),
    "a picture that is none": ({"avatarUrl": "javascript:alert(1)"}, {}),
    "a long picture": ({"avatarUrl": "https://a.example/" + "a" * 1024}, {}),
    "a picture with NUL": ({"avatarUrl": "https://a.example/\0"}, {}),
}


def genuine(
    wechat: WeChatSimulator,
    fields: Mapping[str, object],
    *,
    lacking: str = "",
    api: str = "getUserInfo",
    signed: Callable[[object], str] = compact,
    encrypted: Callable[[object], str] = compact,
) -> dict[str, str]:
    """What WeChat gives of Alice, ten seconds later: all `fields` are signed, and encrypted but for one `lacking`."""
    wechat.advance(10)
    plain: dict[str, object] = {"openId": wechat.state.users.get("alice").openid} if api == "getUserInfo" else {}
    plain |= {name: value for name, value in fields.items() if name != lacking}
    plain["watermark"] = {"timestamp": int(wechat.state.clock()), "appid": APP_ID}
    key = base64.b64decode(wechat.state.session_keys.current("alice"))
    made: dict[str, Any] = asdict(submit(encrypted(plain), signed(fields), key=key))
    return {NAMES.get(name, name): text for name, text in made.items()}


async def test_what_cannot_be_used_is_left_empty_cleaned_or_cut(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    await server.submit(token, genuine(server.wechat, ALICE))
    for name, (given, shown) in ODD.items():
        person = await server.submit(token, genuine(server.wechat, ALICE | given))
        assert {field: person[field] for field in SHOWN} == SHOWN | shown, name
        assert await server.me(token) == person, name


async def test_a_profile_of_which_nothing_can_be_used_is_that_of_an_anonymous_user(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    nothings: list[object] = [None, "\0", 5, [], {"a": "b"}]
    for nothing in nothings:
        person = await server.submit(token, genuine(server.wechat, dict.fromkeys(ALICE, nothing)))
        assert {field: person[field] for field in SHOWN} == dict.fromkeys(ALICE) | {"gender": "UNKNOWN"}
        assert person["isAnonymous"]


@on_sqlite
@pytest.mark.parametrize("api", ["getUserInfo", "getUserProfile"])
@pytest.mark.parametrize("signed", [compact, raw])
@pytest.mark.parametrize("encrypted", [compact, raw])
async def test_control_characters_may_be_escaped_or_raw(
    server: TestServer, api: str, signed: Callable[[object], str], encrypted: Callable[[object], str]
) -> None:
    token = (await server.login("alice"))["token"]
    # At once, in the first block of bytes, and later; the first is what WeChat has been seen to give.
    for nick_name in ("\x14琦娅🍭", "a\0", "\n", "琦娅🍭琦娅🍭\t琦娅🍭"):
        fields = ALICE | {"nickName": nick_name, "city": "\b"}
        submission = genuine(server.wechat, fields, api=api, signed=signed, encrypted=encrypted)
        person = await server.submit(token, submission)
        assert person["city"] is None
    assert person["nickName"] == "琦娅🍭琦娅🍭琦娅🍭"


@on_sqlite
async def test_a_field_that_only_raw_data_has_is_taken_from_there(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    for field, value in [*ALICE.items(), ("is_demote", True), ("more", {"a": [None]})]:
        if field != "nickName":
            person = await server.submit(token, genuine(server.wechat, ALICE | {field: value}, lacking=field))
            assert {name: person[name] for name in SHOWN} == SHOWN, field
    for field, value in ("is_demote", True), ("more", {"a": [None]}):
        made = genuine(server.wechat, ALICE | {field: value}, lacking=field, api="getUserProfile")
        person = await server.submit(token, made)
        assert {name: person[name] for name in SHOWN} == SHOWN, field


@pytest.mark.slow
@on_sqlite
@pytest.mark.parametrize("api", ["getUserInfo", "getUserProfile"])
async def test_no_bit_of_an_odd_submission_can_be_changed(server: TestServer, api: str) -> None:
    token = (await server.login("alice"))["token"]
    odd = ALICE | {"nickName": "\x14琦娅🍭", "gender": "1", "city": None, "province": "広" * 130, "is_demote": True}
    lacking = "country" if api == "getUserInfo" else "is_demote"
    good = genuine(server.wechat, odd, lacking=lacking, api=api, encrypted=raw)
    for field in ("iv", "encryptedData"):
        whole = base64.b64decode(good[field])
        # Of the ciphertext some bits of each block; tests/wechat/test_tampering.py changes each.
        for bit in range(0, 8 * len(whole), 1 if field == "iv" else 15):
            changed = bytearray(whole)
            changed[bit // 8] ^= 1 << bit % 8
            bad = good | {field: base64.b64encode(changed).decode()}
            assert await server.code_of_error(SUBMIT, bad, token=token) == "DECRYPTION_FAILED", (field, bit)
    person = await server.submit(token, good)
    assert (person["nickName"], person["gender"], person["country"]) == ("琦娅🍭", "MALE", "China")


BLANK_NAMES: Final = {
    "blanks": " \t\r\n\u3000\u00a0\u2005",
    "zero-width": "\u200b\u200c\u200d\u2060\ufeff\u00ad",
    "bidi controls": "\u202e\u202c\u2066\u2069\u200f",
    "ESC": "\x1b",
    "NUL and C1": "\0\x9b",
    "lines": "\u2028\u2029",
    "marks without a letter": "\u0301\ufe0f\u034f",
    "tags": "\U000e0061\U000e007f",
    "operators": "\u2061\u2064",
    "fillers of Hangul": "\u3164\u115f\u1160\uffa0",
    "Braille's blank": "\u2800",
}


async def test_a_name_in_which_nothing_is_seen_is_none(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    for kind, nick_name in BLANK_NAMES.items():
        person = await server.submit(token, genuine(server.wechat, {"nickName": nick_name, "gender": 0}))
        assert (person["nickName"], person["isAnonymous"]) == (None, True), kind
    await server.submit(token, genuine(server.wechat, ALICE))
    for kind, nick_name in BLANK_NAMES.items():
        person = await server.submit(token, genuine(server.wechat, {"nickName": nick_name, "gender": 0}))
        assert (person["nickName"], person["gender"], person["isAnonymous"]) == ("Alice", "FEMALE", False), kind


async def test_a_name_is_kept_without_what_hides_or_turns_others_round(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    hidden = "\u202e\u202a\u2066\u200b\u2060\ufeff\u00ad\u200e\x1b\0\n\x9b\u2028\ufff9"
    for nick_name in ("Alice", "مرحبا", "👩‍🚀"):
        given = hidden.join(["", *nick_name, ""])
        person = await server.submit(token, genuine(server.wechat, ALICE | {"nickName": given, "city": given}))
        assert (person["nickName"], person["city"], person["isAnonymous"]) == (nick_name, nick_name, False)
    person = await server.submit(token, genuine(server.wechat, ALICE | {"nickName": "微信\u200b用户"}))
    assert (person["nickName"], person["isAnonymous"]) == ("👩‍🚀", False), "a placeholder in disguise is one"


async def test_a_name_of_any_script_is_kept_as_it_is(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    names = {
        "Arabic": "مُحَمَّد",
        "Arabic with a sign around its number": "\u06dd١٢",
        "Persian with ZWNJ": "می\u200cخواهم",
        "Sinhala with ZWJ": "ශ්\u200dරී",
        "a family": "👨\u200d👩\u200d👧\u200d👦",
        "a flag of tags": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "skin and variation": "👍🏽❤\ufe0f1\ufe0f\u20e3",
        "combining marks": "Jose\u0301 ก็ नमस्ते",
        "an old iPhone's emoji": "\ue415",
        "newer than this Unicode": "\U0001fbff\U0001faff",
        "blanks inside": "Ann\u3000Lee van  der",
    }
    for kind, nick_name in names.items():
        person = await server.submit(token, genuine(server.wechat, ALICE | {"nickName": nick_name}))
        assert (person["nickName"], person["isAnonymous"]) == (nick_name, False), kind
