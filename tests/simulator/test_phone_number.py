"""`/wxa/business/getuserphonenumber`: a phone code against a number."""

import re
from typing import Any

from tests.simulator.conftest import APP_ID, START, Clock, Simulator

PATH = "/wxa/business/getuserphonenumber"


async def exchange(simulator: Simulator, code: object, **fields: str) -> dict[str, Any]:
    token = (await simulator.stable_token())["access_token"]
    return await simulator.post(PATH, {"code": code, **fields}, access_token=token)


async def tap(simulator: Simulator, **fields: Any) -> str:
    code: str = (await simulator.phone("phone-number", user="alice", **fields))["code"]
    return code


async def test_a_phone_code_has_64_hex_digits_and_brings_the_number(simulator: Simulator, clock: Clock) -> None:
    code = await tap(simulator, purePhoneNumber="13800000001")
    clock.time += 10

    assert re.fullmatch(r"[0-9a-f]{64}", code)
    assert await exchange(simulator, code) == {
        "errcode": 0,
        "errmsg": "ok",
        "phone_info": {
            "phoneNumber": "13800000001",
            "purePhoneNumber": "13800000001",
            "countryCode": "86",
            "watermark": {"timestamp": START, "appid": APP_ID},
        },
    }


async def test_a_foreign_number_is_shown_with_its_country_code(simulator: Simulator) -> None:
    text = await exchange(simulator, await tap(simulator, purePhoneNumber="60000000", countryCode="852"))
    number = await exchange(simulator, await tap(simulator, purePhoneNumber="60000000", countryCode=852))

    assert text["phone_info"] | {"watermark": None} == {
        "phoneNumber": "+85260000000",
        "purePhoneNumber": "60000000",
        "countryCode": "852",
        "watermark": None,
    }
    assert number["phone_info"]["countryCode"] == 852


async def test_a_user_keeps_a_fake_number(simulator: Simulator) -> None:
    numbers = {(await exchange(simulator, await tap(simulator)))["phone_info"]["phoneNumber"] for _ in range(2)}

    assert len(numbers) == 1
    assert re.fullmatch(r"1380000\d{4}", numbers.pop())


async def test_a_phone_code_works_once_within_five_minutes(simulator: Simulator, clock: Clock) -> None:
    used, late = await tap(simulator), await tap(simulator)
    await exchange(simulator, used)
    assert (await exchange(simulator, used))["errcode"] == 40029
    clock.time += 300
    assert (await exchange(simulator, late))["errcode"] == 40029


async def test_a_login_code_is_no_phone_code_and_stays_usable(simulator: Simulator) -> None:
    code = await simulator.login()

    answer = await exchange(simulator, code)

    assert answer["errcode"] == 40029
    assert re.fullmatch(r"invalid code hint: \[\w{6}-\w{3}\] rid: \w{8}-\w{8}-\w{8}", answer["errmsg"])
    assert "openid" in await simulator.code2session(code)


async def test_a_given_openid_must_be_the_one_of_the_code(simulator: Simulator) -> None:
    alice, bob = (await simulator.sign_in("alice"))["openid"], (await simulator.sign_in("bob"))["openid"]
    code = await tap(simulator)

    assert (await exchange(simulator, code, openid=bob))["errcode"] == 40029
    assert (await exchange(simulator, code, openid=alice))["errcode"] == 0


async def test_a_missing_code_and_a_wrong_method_have_their_errcodes(simulator: Simulator) -> None:
    token = (await simulator.stable_token())["access_token"]

    assert (await exchange(simulator, None))["errcode"] == 41008
    assert (await simulator.get(PATH, access_token=token))["errcode"] == 43002
    assert (await simulator.http.post(PATH, params={"access_token": token})).json()["errcode"] == 44002
    assert (await simulator.http.post(PATH, params={"access_token": token}, content=b"<")).json()["errcode"] == 47001


async def test_without_quota_the_button_has_an_errno_and_no_number(simulator: Simulator) -> None:
    for api in ("getPhoneNumber", "getRealtimePhoneNumber"):
        answer = await simulator.phone("phone-number", user="alice", quota="none", api=api, deny=True)

        assert answer == {"errMsg": f"{api}:fail no quota left", "errno": 1400001}


async def test_a_user_who_denies_the_number_gives_neither_code_nor_data(simulator: Simulator) -> None:
    quick = await simulator.phone("phone-number", deny=True)
    realtime = await simulator.phone("phone-number", deny=True, api="getRealtimePhoneNumber")

    assert quick == {"errMsg": "getPhoneNumber:fail user deny"}
    assert realtime == {"errMsg": "getRealtimePhoneNumber:fail user deny"}


async def test_the_realtime_button_brings_a_code_for_the_same_number(simulator: Simulator) -> None:
    quick = await simulator.phone("phone-number", user="alice")
    realtime = await simulator.phone("phone-number", user="alice", api="getRealtimePhoneNumber")

    assert realtime["errMsg"] == "getRealtimePhoneNumber:ok"
    assert (await exchange(simulator, realtime["code"])) == (await exchange(simulator, quick["code"]))


async def test_an_old_base_library_gets_no_code_and_a_new_style_nothing_else(simulator: Simulator) -> None:
    both, old, new = [
        await simulator.phone("phone-number", user="alice", style=style) for style in ("both", "old", "new")
    ]

    assert both.keys() == {"errMsg", "code", "encryptedData", "iv"}
    assert old.keys() == {"errMsg", "encryptedData", "iv"}
    assert new.keys() == {"errMsg", "code"}
    assert (await exchange(simulator, new["code"]))["errcode"] == 0


async def test_the_minute_quota_of_the_exchange_is_a_fault_that_uses_no_code(simulator: Simulator) -> None:
    code = await tap(simulator)
    await simulator.phone("faults", kind="errcode", path=PATH, errcode=45011)

    refused = await exchange(simulator, code)

    assert refused["errcode"] == 45011
    assert refused["errmsg"].startswith("api minute-quota reach limit mustslower retry next minute rid: ")
    assert (await exchange(simulator, code))["errcode"] == 0
