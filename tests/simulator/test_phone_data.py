"""What the phone signs and encrypts, opened here with other code than sealed it."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import pytest
from Crypto.Cipher import AES

from graph.simulator import SimulatorState, device
from tests.simulator.conftest import APP_ID, APP_SECRET, START, Clock, Simulator

VECTORS = json.loads((Path(__file__).parents[1] / "wechat" / "vectors.json").read_text(encoding="utf-8"))
WHOLE = {vector["id"]: vector for vector in VECTORS["official"] + VECTORS["made_up"]}


def opened(answer: dict[str, Any], session_key: str) -> str:
    """The plaintext, by the formula of the protocol and with a strict look at the padding."""
    cipher = AES.new(base64.b64decode(session_key), AES.MODE_CBC, base64.b64decode(answer["iv"]))
    padded = cipher.decrypt(base64.b64decode(answer["encryptedData"], validate=True))
    length = padded[-1]
    assert 1 <= length <= 16
    assert padded[-length:] == bytes([length]) * length
    return padded[:-length].decode()


def state_of(vector: dict[str, Any]) -> SimulatorState:
    plain = json.loads(vector["plaintext"])
    watermark = plain["watermark"]
    state = SimulatorState(watermark["appid"], APP_SECRET, seed=1, now=lambda: watermark["timestamp"])
    state.session_keys.put("alice", vector["session_key"])
    # A phone vector names no iv; made-up vectors share one.
    state.fakes.iv = lambda: vector.get("iv", WHOLE["syn-emoji-utf8mb4"]["iv"])  # type: ignore[method-assign]
    return state


@pytest.mark.parametrize(
    "vector_id", ["official-userinfo-band", "syn-emoji-utf8mb4", "syn-wrong-appid", "syn-wrong-openid"]
)
def test_a_vector_with_real_data_is_reproduced_byte_for_byte(vector_id: str) -> None:
    vector = WHOLE[vector_id]
    plain = json.loads(vector["plaintext"])
    state = state_of(vector)
    state.users.get(
        "alice",
        openid=plain["openId"],
        unionid=plain.get("unionId", False),
        nick_name=plain["nickName"],
        avatar_url=plain["avatarUrl"],
        gender=plain["gender"],
        language=plain["language"],
        city=plain["city"],
        province=plain["province"],
        country=plain["country"],
    )

    answer = device.user_info(state, device.UserInfoFields(user="alice", policy="old"))

    assert opened(answer, vector["session_key"]) == vector["plaintext"]
    assert answer["encryptedData"] == vector["encryptedData"]
    if "rawData" in vector:
        assert answer["rawData"] == vector["rawData"]
        assert answer["signature"] == vector["signature"]


@pytest.mark.parametrize(
    ("vector_id", "api"),
    [("syn-getuserprofile-no-openid", "getUserProfile"), ("syn-getuserinfo-anonymous", "getUserInfo")],
)
def test_an_anonymous_vector_is_reproduced(vector_id: str, api: Literal["getUserInfo", "getUserProfile"]) -> None:
    vector = WHOLE[vector_id]
    plain = json.loads(vector["plaintext"])
    state = state_of(vector)
    state.users.get("alice", openid=plain.get("openId", "o"), unionid=plain.get("unionId", False))

    answer = device.user_info(state, device.UserInfoFields(user="alice", api=api))

    # Not byte for byte: WeChat's own example has the unionId behind the avatar; this vector was made otherwise.
    assert json.loads(opened(answer, vector["session_key"])) == plain
    assert answer["rawData"] == vector["rawData"]
    assert answer["signature"] == vector["signature"]


async def test_user_data_is_sealed_with_the_key_that_the_code_brings(simulator: Simulator) -> None:
    session = await simulator.sign_in(unionId=True)

    answer = await simulator.phone("user-info", user="alice")

    assert answer.keys() == {"errMsg", "userInfo", "rawData", "signature", "encryptedData", "iv"}
    assert answer["errMsg"] == "getUserInfo:ok"
    expected = hashlib.sha1((answer["rawData"] + session["session_key"]).encode()).hexdigest()  # noqa: S324
    assert answer["signature"] == expected
    plain = json.loads(opened(answer, session["session_key"]))
    assert plain == {
        "openId": session["openid"],
        **answer["userInfo"],
        "unionId": session["unionid"],
        "watermark": {"timestamp": START, "appid": APP_ID},
    }
    assert json.loads(answer["rawData"]) == answer["userInfo"]


async def test_the_new_policy_gives_the_anonymous_pair(simulator: Simulator) -> None:
    answer = await simulator.phone("user-info", user="alice", nickName="Alice", gender=2, city="Shenzhen")

    assert answer["userInfo"] == {
        "nickName": "微信用户",
        "gender": 0,
        "language": "zh_CN",
        "city": "",
        "province": "",
        "country": "",
        "avatarUrl": answer["userInfo"]["avatarUrl"],
    }
    assert answer["userInfo"]["avatarUrl"].startswith("https://thirdwx.qlogo.cn/mmopen/vi_32/POgEwh4mIHO4")


async def test_the_old_policy_gives_the_fields_that_were_set(simulator: Simulator) -> None:
    chosen = {
        "nickName": "熊猫🐼",
        "gender": 2,
        "language": "en",
        "city": "Shenzhen",
        "province": "Guangdong",
        "country": "CN",
        "avatarUrl": "https://example.invalid/a.png",
    }
    await simulator.phone("login", user="alice", **chosen)

    answer = await simulator.phone("user-info", user="alice", policy="old")

    assert answer["userInfo"] == chosen
    assert answer["rawData"] == json.dumps(chosen, ensure_ascii=False, separators=(",", ":"))


async def test_a_user_without_set_fields_still_has_a_whole_old_profile(simulator: Simulator) -> None:
    profile = (await simulator.phone("user-info", user="bob", policy="old"))["userInfo"]

    assert profile["nickName"] == "bob"
    assert profile["gender"] in {1, 2}
    assert all(profile[name] for name in ("city", "province", "country", "avatarUrl", "language"))


async def test_get_user_profile_seals_neither_openid_nor_unionid(simulator: Simulator) -> None:
    session = await simulator.sign_in(unionId=True)

    answer = await simulator.phone("user-info", user="alice", api="getUserProfile")

    assert answer["errMsg"] == "getUserProfile:ok"
    assert json.loads(opened(answer, session["session_key"])).keys() == {*answer["userInfo"], "watermark"}


async def test_data_collected_before_the_login_cannot_be_read_with_its_key(simulator: Simulator) -> None:
    def fits(data: dict[str, Any], session: dict[str, Any]) -> bool:
        expected = hashlib.sha1((data["rawData"] + session["session_key"]).encode()).hexdigest()  # noqa: S324
        return bool(data["signature"] == expected)

    before_any = await simulator.phone("user-info", user="alice")
    assert not fits(before_any, await simulator.sign_in())
    await simulator.phone("expire-session-key", user="alice")
    behind_an_expired_key = await simulator.phone("user-info", user="alice")
    assert not fits(behind_an_expired_key, await simulator.sign_in())
    between = await simulator.phone("user-info", user="alice")
    assert not fits(between, await simulator.sign_in(renewSessionKey=True))
    assert fits(await simulator.phone("user-info", user="alice"), await simulator.sign_in())


async def test_without_credentials_nothing_is_sealed(simulator: Simulator) -> None:
    answer = await simulator.phone("user-info", user="alice", withCredentials=False)

    assert answer.keys() == {"errMsg", "userInfo", "rawData"}


async def test_a_user_may_deny(simulator: Simulator) -> None:
    assert await simulator.phone("user-info", deny=True) == {"errMsg": "getUserInfo:fail auth deny"}
    denied = await simulator.phone("user-info", deny=True, api="getUserProfile")
    assert denied == {"errMsg": "getUserProfile:fail auth deny"}
    assert await simulator.phone("phone-number", deny=True) == {"errMsg": "getPhoneNumber:fail user deny"}


async def test_the_watermark_is_the_time_on_the_phone(simulator: Simulator, clock: Clock) -> None:
    session = await simulator.sign_in()
    clock.time += 42.9

    answer = await simulator.phone("user-info", user="alice")

    assert json.loads(opened(answer, session["session_key"]))["watermark"]["timestamp"] == START + 42


async def test_every_iv_is_another(simulator: Simulator) -> None:
    ivs = {(await simulator.phone("user-info", user="alice"))["iv"] for _ in range(20)}

    assert len(ivs) == 20
    assert all(len(base64.b64decode(iv, validate=True)) == 16 for iv in ivs)


def test_the_phone_vector_is_reproduced_byte_for_byte() -> None:
    vector = WHOLE["syn-phone"]
    number = device.PhoneNumberFields(user="alice", phone_number="+8613800000000", pure_phone_number="13800000000")

    answer = device.phone_number(state_of(vector), number)

    assert answer["encryptedData"] == vector["encryptedData"]


async def test_the_phone_number_is_sealed_in_the_old_style(simulator: Simulator) -> None:
    session = await simulator.sign_in()

    answer = await simulator.phone("phone-number", user="alice", purePhoneNumber="13800000001")

    assert answer.keys() == {"errMsg", "code", "encryptedData", "iv"}
    assert answer["errMsg"] == "getPhoneNumber:ok"
    assert opened(answer, session["session_key"]) == (
        '{"phoneNumber":"13800000001","purePhoneNumber":"13800000001","countryCode":"86",'
        f'"watermark":{{"timestamp":{START:.0f},"appid":"{APP_ID}"}}}}'
    )
