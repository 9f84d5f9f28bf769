"""How WeChat is asked for a phone number, and what an encrypted one must be; the rest is tested by the front door."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from graph.wechat.crypto import EncryptedData
from graph.wechat.errors import DecryptFailed, PhoneCodeInvalid, WatermarkOutOfRange, WeChatUnavailable
from graph.wechat.phone_number import PhoneNumber, open_phone_number
from tests.wechat.fake_server import APP, APP_ID, OPENID, TOKEN, FakeServer, client, http, refusal
from tests.wechat.submissions import DAY, STAMP, b64, compact, encrypt, pad, retouch, secret

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text("utf-8"))
[VECTOR] = [vector for vector in VECTORS["made_up"] if vector["id"] == "syn-phone"]
CODE = "ab" * 32
INFO = {
    "phoneNumber": "13800138000",
    "purePhoneNumber": "13800138000",
    "countryCode": "86",
    "watermark": {"timestamp": STAMP, "appid": APP_ID},
}
NUMBER = PhoneNumber("+8613800138000", "86", APP_ID, STAMP)


def answer(target: str) -> bytes:
    given = {"access_token": TOKEN, "expires_in": 7200}
    return http(given if target == "/cgi-bin/stable_token" else {"errcode": 0, "errmsg": "ok", "phone_info": INFO})


async def test_it_is_a_post_of_the_code_and_the_openid_with_a_length() -> None:
    server = FakeServer(answer)
    async with server.listening() as url, client(base_url=url) as wechat:
        assert await wechat.get_phone_number(APP, code=CODE, openid=OPENID) == NUMBER
    head, body = server.heads[-1].decode().lower(), server.bodies[-1]
    assert head.startswith(f"post /wxa/business/getuserphonenumber?access_token={TOKEN} http/1.1\r\n")
    assert f"\r\ncontent-length: {len(body)}\r\n" in head
    assert "\r\ncontent-type: application/json\r\n" in head
    assert "transfer-encoding" not in head
    assert json.loads(body) == {"code": CODE, "openid": OPENID}


async def test_a_code_that_is_refused_after_a_lost_response_may_be_spent() -> None:
    answers = [httpx.Response(502), refusal(40029), refusal(40029)]

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/cgi-bin/stable_token":
            return httpx.Response(200, json={"access_token": TOKEN, "expires_in": 7200})
        return answers.pop(0)

    async with client(respond) as wechat:
        for hinted in (True, False):
            with pytest.raises(PhoneCodeInvalid) as caught:
                await wechat.get_phone_number(APP, code=CODE, openid=OPENID)
            assert (caught.value.hint is not None) == hinted


async def test_an_odd_response_names_the_fault_and_is_not_asked_for_again() -> None:
    server = FakeServer(lambda target: answer(target).replace(b'"86"', b'"+6"'))
    async with server.listening() as url, client(base_url=url) as wechat:
        with pytest.raises(WeChatUnavailable) as caught:
            await wechat.get_phone_number(APP, code=CODE, openid=OPENID)
    assert caught.value.reason == "unusable phone_info: country code"
    assert len(server.heads) == 2
    assert caught.value.__context__ is None


def opened(data: EncryptedData, key: SecretStr | None = None, now: float = STAMP) -> PhoneNumber | None:
    return open_phone_number(data, key or secret(), app_id=APP_ID, now=now, max_age=DAY, max_ahead=300)


def encrypted(plain: object = INFO, *, iv: str | None = None) -> EncryptedData:
    text = plain if isinstance(plain, str) else compact(plain)
    return EncryptedData.parse(encrypted_data=b64(encrypt(pad(text.encode()))), iv=iv or b64(bytes(range(240, 256))))


def test_the_made_up_vector_opens_to_its_number() -> None:
    data = EncryptedData.parse(encrypted_data=VECTOR["encryptedData"], iv=VECTOR["iv"])
    assert opened(data, SecretStr(VECTOR["session_key"])) == PhoneNumber("+8613800000000", "86", APP_ID, STAMP)


def test_what_another_key_made_does_not_open() -> None:
    assert opened(encrypted()) == NUMBER
    assert opened(encrypted(), secret(bytes(16))) is None
    assert opened(encrypted("no json")) is None


def test_an_encrypted_number_does_not_print() -> None:
    number, data = opened(encrypted()), encrypted()
    assert "138" not in f"{number!r}{number}"
    assert repr(data) == "EncryptedData()"


@pytest.mark.parametrize(("now", "reason"), [(STAMP - 301, "in the future"), (STAMP + DAY + 1, "too old")])
def test_only_a_genuine_number_learns_that_it_is_late(now: float, reason: str) -> None:
    with pytest.raises(WatermarkOutOfRange) as refused:
        opened(encrypted(), now=now)
    assert refused.value.reason == reason
    with pytest.raises(DecryptFailed):
        opened(encrypted({**INFO, "purePhoneNumber": "1"}), now=now)


@pytest.mark.parametrize(
    "text",
    [
        f" {compact(INFO)}",
        compact(INFO).replace('{"', '{ "', 1),
        compact({"countryCode": "86", **INFO}),
        compact(INFO).replace("phoneNumber", "\\u0070honeNumber", 1),
    ],
)
def test_the_first_block_is_what_it_always_is(text: str) -> None:
    with pytest.raises(DecryptFailed) as refused:
        opened(encrypted(text))
    assert refused.value.reason == "first block"


@pytest.mark.parametrize(
    "nick_name",
    [
        "13900139000",
        '13900139000","purePhoneNumber":"13900139000","countryCode":"86","x":"',
        '13900139000\\",\\"purePhoneNumber\\":\\"13900139000',
    ],
)
def test_a_nickname_cannot_be_passed_off_as_a_number(nick_name: str) -> None:
    # Who knows a plaintext can let it begin at any block: the iv makes of that one what they like.
    before = '{"openId":"oSYNTHETIC0000000000000user1","nickName":"'
    filling = "x" * (-len(before) % 16)
    user_info: dict[str, Any] = {"openId": "oSYNTHETIC0000000000000user1", "nickName": filling + nick_name}
    plaintext = compact({**user_info, "gender": 0, "watermark": INFO["watermark"]}).encode()
    at = len(before) + len(filling)
    ciphertext = encrypt(pad(plaintext))
    iv = retouch(b64(ciphertext[at - 32 : at - 16]), plaintext[at - 16 : at], b'{"phoneNumber":"')
    data = EncryptedData.parse(encrypted_data=b64(ciphertext[at - 16 :]), iv=iv)
    first = data.decrypt(secret())[0]
    assert first.startswith(b'{"phoneNumber":"13900139000'), "the attack itself"
    with pytest.raises(DecryptFailed) as refused:
        opened(data)
    assert refused.value.reason == "country code"
