"""What a submission is refused for when it is wrong in itself, with whatever key it was signed."""

import base64
import html
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

import orjson
import pytest

from graph.simulator.device import encrypt, sign
from graph.simulator.serving import WeChatSimulator
from tests.server import APP_ID, SUBMIT, TestServer

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

IV: Final = base64.b64encode(bytes(range(16))).decode()
PROFILE: Final[dict[str, object]] = {
    "nickName": "Alice",
    "gender": 2,
    "language": "zh_CN",
    "city": "Guangzhou",
    "province": "Guangdong",
    "country": "China",
    "avatarUrl": "https://thirdwx.qlogo.cn/mmopen/vi_32/Q0j4TwGTfTK/132",
}


def forged(
    wechat: WeChatSimulator, *, raw: dict[str, object] | None = None, watermark: object = None, **plain: object
) -> dict[str, Any]:
    """A submission of Alice's under her own session_key, which says what it likes: nothing in it is WeChat's."""
    session_key = wechat.state.session_keys.current("alice")
    raw_data = orjson.dumps(PROFILE if raw is None else raw).decode()
    content: dict[str, object] = {"openId": wechat.state.users.get("alice").openid, **PROFILE}
    content["watermark"] = watermark or {"timestamp": int(wechat.state.clock()), "appid": APP_ID}
    return {
        "rawData": raw_data,
        "signature": sign(raw_data, session_key),
        **encrypt(IV, session_key, {**content, **plain}),
    }


def stamp(wechat: WeChatSimulator, **fields: object) -> dict[str, object]:
    """A good watermark, but for `fields`."""
    return {"timestamp": int(wechat.state.clock()), "appid": APP_ID, **fields}


def with_last_byte_flipped(wechat: WeChatSimulator) -> dict[str, Any]:
    good = forged(wechat)
    ciphertext = bytearray(base64.b64decode(good["encryptedData"]))
    ciphertext[-1] ^= 1
    return good | {"encryptedData": base64.b64encode(ciphertext).decode()}


def with_the_ciphertext_of_bob(wechat: WeChatSimulator) -> dict[str, Any]:
    wechat.login("bob")
    return forged(wechat) | {"encryptedData": wechat.user_info("bob")["encryptedData"]}


FORGERIES: Final[dict[str, Callable[[WeChatSimulator], dict[str, Any]]]] = {
    "another openid": lambda wechat: forged(wechat, openId=wechat.state.users.get("bob").openid),
    "another app": lambda wechat: forged(wechat, watermark=stamp(wechat, appid="wx0123456789abcdef")),
    "no watermark": lambda wechat: forged(wechat, watermark="none"),
    "no time": lambda wechat: forged(wechat, watermark=stamp(wechat, timestamp="now")),
    "a ciphertext under another key": with_the_ciphertext_of_bob,
    "a spoilt ciphertext": with_last_byte_flipped,
    "another iv": lambda wechat: forged(wechat) | {"iv": base64.b64encode(bytes(16)).decode()},
    "another name in the ciphertext": lambda wechat: forged(wechat, nickName="Mallory"),
    "another type in the ciphertext": lambda wechat: forged(wechat, gender="2"),
    "null in the ciphertext": lambda wechat: forged(wechat, city=None),
    "another field in rawData": lambda wechat: forged(wechat, raw=PROFILE | {"vip": True}, vop=True),
    "a field less in rawData": lambda wechat: forged(wechat, raw={"nickName": "Alice"}),
    "a control character that is not signed": lambda wechat: forged(wechat, more="\x14"),
}


async def test_a_forgery_made_to_be_good_is_taken(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    assert (await server.submit(token, forged(server.wechat)))["nickName"] == "Alice"


async def test_every_forgery_is_refused_in_the_same_words(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    words = set()
    for name, forge in FORGERIES.items():
        [error] = (await server.post(SUBMIT, forge(server.wechat), token=token))["errors"]
        assert error["extensions"].pop("requestId")
        assert error["extensions"]["code"] == "DECRYPTION_FAILED", name
        words.add(str(error))
    assert len(words) == 1, words
    assert (await server.me(token))["nickName"] is None


async def test_a_refused_forgery_is_not_worth_another_try(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    [error] = (await server.post(SUBMIT, forged(server.wechat, nickName="Mallory"), token=token))["errors"]
    assert error["extensions"]["retryable"] is False
    assert error["extensions"]["action"] == "FIX_REQUEST"
    assert server.clock.slept == [], "it waited for a login that could change nothing"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("signature", "", "signature must be 40 lower-case hexadecimal digits."),
        ("signature", "A" * 40, "signature must be 40 lower-case hexadecimal digits."),
        ("signature", "a" * 41, "signature must be 40 lower-case hexadecimal digits."),
        ("iv", "AAAA", "iv must be 16 bytes."),
        ("iv", "%%%%", "iv must be standard base64."),
        ("iv", "A" * 4096, "iv is too long."),
        ("encryptedData", "", "encryptedData must be whole blocks of 16 bytes."),
        ("encryptedData", "AAAA", "encryptedData must be whole blocks of 16 bytes."),
        ("encryptedData", "AA AA", "encryptedData must be standard base64. A '+' became a blank on the way."),
        ("encryptedData", "A" * 32768, "encryptedData is too long."),
        ("rawData", "", "rawData must be a JSON object. Send res.rawData exactly as WeChat gave it."),
        ("rawData", "[]", "rawData must be a JSON object. Send res.rawData exactly as WeChat gave it."),
        ("rawData", '{"a":NaN}', "rawData must be a JSON object. Send res.rawData exactly as WeChat gave it."),
        ("rawData", '{"a":1,"a":2}', "rawData must be a JSON object. Send res.rawData exactly as WeChat gave it."),
        (
            "rawData",
            "%7B%22nickName%22%3A%22%22%7D",
            "rawData must be a JSON object. It looks URL-encoded. Send res.rawData exactly as WeChat gave it.",
        ),
        (
            "rawData",
            "[object Object]",
            "rawData must be a JSON object. It looks re-serialised. Send res.rawData exactly as WeChat gave it.",
        ),
        ("rawData", "{" + " " * 16384 + "}", "rawData is too long."),
        ("rawData", "%7B" + "%E5" * 8192 + "%7D", "rawData is too long. It looks URL-encoded."),
    ],
)
async def test_a_malformed_submission_is_told_what_is_wrong(
    server: TestServer, field: str, value: str, sentence: str
) -> None:
    token = (await server.login("alice"))["token"]
    [error] = (await server.post(SUBMIT, forged(server.wechat) | {field: value}, token=token))["errors"]
    assert error["message"] == sentence
    assert error["extensions"].pop("requestId")
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "action": "FIX_REQUEST", "retryable": False}
    assert server.clock.slept == []


WAYS: Final[dict[str, tuple[Callable[[str], str], str]]] = {
    "URL-encoded": (lambda text: quote(text, safe=""), "It looks URL-encoded."),
    "URL-encoded twice": (lambda text: quote(quote(text, safe=""), safe=""), "It looks URL-encoded."),
    "HTML-escaped": (lambda text: html.escape(f'"{text}"'), "It looks HTML-escaped."),
    "HTML-escaped by number": (
        lambda text: text.replace("=", "&#61;").replace('"', "&#x22;"),
        "It looks HTML-escaped.",
    ),
    "re-serialised": (lambda text: orjson.dumps(text).decode(), "It looks re-serialised."),
    "URL-safe": (
        lambda text: text.replace("+", "-").replace("/", "_"),
        "It looks URL-safe, with '-' and '_' for '+' and '/'.",
    ),
}


@pytest.mark.parametrize("way", WAYS)
async def test_what_was_done_to_a_field_on_its_way_is_named(server: TestServer, way: str) -> None:
    token = (await server.login("alice"))["token"]
    change, sentence = WAYS[way]
    # Base64 with everything that it may hold.
    of_16, of_32 = [base64.b64encode((b"\xfb\xef\xff" * 11)[: size - 1] + b"\xfb").decode() for size in (16, 32)]
    good = forged(server.wechat) | {"iv": of_16, "encryptedData": of_32}
    for field in ("iv", "encryptedData") if way == "URL-safe" else ("iv", "encryptedData", "rawData"):
        submission = good | {field: change(good[field])}
        [error] = (await server.post(SUBMIT, submission, token=token))["errors"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert error["message"].startswith(f"{field} must be ")
        assert sentence in error["message"]
        assert submission[field] not in error["message"]


@pytest.mark.parametrize("way", ["HTML-escaped", "re-serialised"])
async def test_what_was_done_to_a_signature_on_its_way_is_named(server: TestServer, way: str) -> None:
    token = (await server.login("alice"))["token"]
    change, sentence = WAYS[way]
    submission = forged(server.wechat)
    submission["signature"] = change(submission["signature"])
    [error] = (await server.post(SUBMIT, submission, token=token))["errors"]
    assert error["message"] == f"signature must be 40 lower-case hexadecimal digits. {sentence}"
