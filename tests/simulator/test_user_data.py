"""What the server learns of a user by an encrypted number, a plugin's code, a payment or a signature."""

import base64
import hashlib
import hmac
import json
import re
from typing import Any

import pytest

from tests.secret_patterns import secrets_in
from tests.simulator.conftest import APP_ID, START, Clock, Simulator

ENCRYPTED, KEYS = "/wxa/business/checkencryptedmsg", "/wxa/business/getuserencryptkey"
PLUGIN, PAID = "/wxa/getpluginopenpid", "/wxa/getpaidunionid"
SHOP_ID = "wx1111111111111111"


async def post(simulator: Simulator, path: str, body: object, app: str = APP_ID) -> dict[str, Any]:
    token = str(simulator.state.apps[app].access_tokens.fetch()["access_token"])
    return await simulator.post(path, body, access_token=token)


async def encrypted(simulator: Simulator) -> str:
    """The hash of a phone number's encryptedData, as WeChat's documentation makes it: of the base64 text."""
    data: str = (await simulator.phone("phone-number", user="alice"))["encryptedData"]
    return hashlib.sha256(data.encode()).hexdigest()


async def test_an_encrypted_number_is_known_for_three_days_by_its_hash(simulator: Simulator, clock: Clock) -> None:
    digest = await encrypted(simulator)
    known = {"errcode": 0, "errmsg": "ok", "vaild": True, "create_time": int(START)}

    clock.time += 3 * 86400
    assert await post(simulator, ENCRYPTED, {"encrypted_msg_hash": digest}) == known
    clock.time += 1
    answer = await post(simulator, ENCRYPTED, {"encrypted_msg_hash": digest})
    assert (answer["errcode"], answer["errmsg"][:15]) == (1, "data not exit r")


async def test_other_encrypted_data_is_unknown(simulator: Simulator) -> None:
    data = (await simulator.phone("user-info", user="alice"))["encryptedData"]
    of_profile = hashlib.sha256(data.encode()).hexdigest()
    of_bytes = hashlib.sha256(base64.b64decode(data)).hexdigest()
    for digest in (of_profile, of_bytes):
        assert (await post(simulator, ENCRYPTED, {"encrypted_msg_hash": digest}))["errcode"] == 1


async def test_an_encrypted_number_of_another_app_is_unknown(simulator: Simulator) -> None:
    simulator.state.add_app(SHOP_ID, "secret")
    digest = await encrypted(simulator)
    assert (await post(simulator, ENCRYPTED, {"encrypted_msg_hash": digest}, app=SHOP_ID))["errcode"] == 1


@pytest.mark.parametrize("digest", [None, "", 7, "0" * 63, "G" * 64], ids=str)
async def test_what_is_no_sha256_is_40097(simulator: Simulator, digest: object) -> None:
    assert (await post(simulator, ENCRYPTED, {"encrypted_msg_hash": digest}))["errcode"] == 40097


async def keys(simulator: Simulator, session: dict[str, Any], **changes: str) -> dict[str, Any]:
    query = {
        "access_token": (await simulator.stable_token())["access_token"],
        "openid": session["openid"],
        "signature": hmac.new(session["session_key"].encode(), b"", hashlib.sha256).hexdigest(),
        "sig_method": "hmac_sha256",
    }
    return await simulator.get(KEYS, **(query | changes))


async def test_the_server_gets_the_last_three_keys_newest_first(simulator: Simulator, clock: Clock) -> None:
    session = await simulator.sign_in()
    assert (await keys(simulator, session))["key_info_list"] == []
    held = []
    for _ in range(4):
        clock.time += 3600
        held.append(await simulator.phone("user-key", user="alice"))
        clock.time += 3
        assert await simulator.phone("user-key", user="alice") == held[-1]

    session = await simulator.sign_in()
    answer = await keys(simulator, session)

    assert [key["version"] for key in answer["key_info_list"]] == [4, 3, 2]
    assert [key["expire_in"] for key in answer["key_info_list"]] == [3597, 0, 0]
    newest = answer["key_info_list"][0]
    assert (newest["encrypt_key"], newest["iv"]) == (held[-1]["encryptKey"], held[-1]["iv"])
    assert len(base64.b64decode(newest["encrypt_key"])) == 16
    assert re.fullmatch(r"[0-9a-f]{16}", newest["iv"])
    assert newest["create_time"] + 3600 == held[-1]["expireTime"]


async def test_keys_of_a_mini_game_may_be_posted_for_with_the_same_query(simulator: Simulator) -> None:
    session = await simulator.sign_in()
    token = (await simulator.stable_token())["access_token"]
    signature = hmac.new(session["session_key"].encode(), b"", hashlib.sha256).hexdigest()
    query = {"openid": session["openid"], "signature": signature, "sig_method": "hmac_sha256"}
    answer = await simulator.post(KEYS, {}, access_token=token, **query)
    assert answer == {"errcode": 0, "errmsg": "ok", "key_info_list": []}


async def test_keys_need_the_signature_of_the_session_key(simulator: Simulator) -> None:
    session = await simulator.sign_in()
    assert (await keys(simulator, session, signature="0" * 64))["errcode"] == 87009


async def plugin_code(simulator: Simulator, user: str = "alice", **fields: Any) -> str:
    code: str = (await simulator.phone("plugin-login", user=user, **fields))["code"]
    return code


async def test_a_plugin_code_brings_the_same_openpid_every_time_and_no_openid(simulator: Simulator) -> None:
    openid = (await simulator.sign_in())["openid"]
    first, second = [await post(simulator, PLUGIN, {"code": await plugin_code(simulator)}) for _ in range(2)]
    other = await post(simulator, PLUGIN, {"code": await plugin_code(simulator, "bob")})

    assert first == second == {"errcode": 0, "errmsg": "ok", "openpid": first["openpid"]}
    assert re.fullmatch(r"G[\w-]{27}", first["openpid"])
    assert first["openpid"] not in (openid, other["openpid"])


async def test_a_plugin_code_is_gone_once_used_or_old(simulator: Simulator, clock: Clock) -> None:
    used, old = await plugin_code(simulator), await plugin_code(simulator)
    await post(simulator, PLUGIN, {"code": used})
    again = await post(simulator, PLUGIN, {"code": used})
    clock.time += 301
    # No words, as with WeChat: the errmsg is the request's id alone.
    assert again["errcode"] == (await post(simulator, PLUGIN, {"code": old}))["errcode"] == 1007
    assert again["errmsg"].startswith(" rid: ")


async def test_a_code_of_wx_login_has_no_openpid(simulator: Simulator) -> None:
    assert (await post(simulator, PLUGIN, {"code": await simulator.login()}))["errcode"] == 1007


async def test_a_plugin_code_of_another_app_is_1005_and_stays_usable(simulator: Simulator) -> None:
    simulator.state.add_app(SHOP_ID, "secret")
    code = await plugin_code(simulator, app=SHOP_ID)
    assert (await post(simulator, PLUGIN, {"code": code}))["errcode"] == 1005
    assert (await post(simulator, PLUGIN, {"code": code}, app=SHOP_ID))["errcode"] == 0


@pytest.mark.parametrize(("body", "errcode"), [({}, 1001), ({"code": 7}, 1001), ([], 1022)], ids=str)
async def test_a_plugin_code_that_is_missing_has_an_errcode_of_its_own(
    simulator: Simulator, body: object, errcode: int
) -> None:
    assert (await post(simulator, PLUGIN, body))["errcode"] == errcode


async def paid(simulator: Simulator, openid: str, **numbers: str) -> dict[str, Any]:
    token = (await simulator.stable_token())["access_token"]
    return await simulator.get(PAID, access_token=token, openid=openid, **numbers)


async def test_a_payment_brings_the_unionid_by_either_number_for_five_minutes(
    simulator: Simulator, clock: Clock
) -> None:
    session = await simulator.sign_in("alice", unionId=True)
    payment = await simulator.phone("pay", user="alice", outTradeNo="order-1")
    own = {"mch_id": payment["mchId"], "out_trade_no": "order-1"}

    clock.time += 300
    by_wechats = await paid(simulator, session["openid"], transaction_id=payment["transactionId"])
    by_own = await paid(simulator, session["openid"], **own)
    assert by_wechats == by_own == {"unionid": session["unionid"], "errcode": 0, "errmsg": "ok"}
    assert re.fullmatch(r"\d{28}", payment["transactionId"])
    assert re.fullmatch(r"\d{10}", payment["mchId"])

    clock.time += 1
    assert (await paid(simulator, session["openid"], **own))["errcode"] == 89300


async def test_a_payment_of_another_user_or_none_is_89300(simulator: Simulator) -> None:
    session = await simulator.sign_in("alice", unionId=True)
    payment = await simulator.phone("pay", user="bob", unionId=True)
    for numbers in ({"transaction_id": payment["transactionId"]}, {"out_trade_no": payment["outTradeNo"]}, {}):
        answer = await paid(simulator, session["openid"], **numbers)
        assert (answer["errcode"], answer["errmsg"][:19]) == (89300, "invalid trade rid: ")


async def test_a_number_of_the_merchants_goes_with_its_id(simulator: Simulator) -> None:
    session = await simulator.sign_in("alice", unionId=True)
    own = (await simulator.phone("pay", user="alice", outTradeNo="order-1"))["outTradeNo"]
    assert (await paid(simulator, session["openid"], out_trade_no=own))["errcode"] == 89300
    assert (await paid(simulator, session["openid"], out_trade_no=own, mch_id="1900000000"))["errcode"] == 89300


async def test_a_payer_without_a_unionid_is_89002(simulator: Simulator) -> None:
    session = await simulator.sign_in()
    payment = await simulator.phone("pay", user="alice")
    answer = await paid(simulator, session["openid"], transaction_id=payment["transactionId"])
    assert answer["errcode"] == 89002


async def test_a_closed_account_leaves_no_plugin_code_and_no_key(simulator: Simulator) -> None:
    code = await plugin_code(simulator)
    await simulator.phone("user-key", user="alice")
    await simulator.phone("close-account", user="alice")
    assert (await post(simulator, PLUGIN, {"code": code}))["errcode"] == 1007
    assert (await keys(simulator, await simulator.sign_in()))["key_info_list"] == []


async def test_the_journal_names_the_user_and_shows_no_secret(simulator: Simulator) -> None:
    session = await simulator.sign_in("alice", unionId=True)
    payment = await simulator.phone("pay", user="alice")
    await simulator.phone("user-key", user="alice")
    await post(simulator, PLUGIN, {"code": await plugin_code(simulator)})
    await keys(simulator, session)
    await paid(simulator, session["openid"], transaction_id=payment["transactionId"])

    calls = (await simulator.get("/device/calls"))["calls"]

    users = {call["path"]: call["user"] for call in calls}
    assert (users[PLUGIN], users[KEYS], users[PAID]) == ("alice", "alice", "alice")
    shown = json.dumps(calls)
    assert secrets_in(shown) == []
    key = simulator.state.apps[APP_ID].user_keys.latest("alice")
    secrets = (key.text, key.iv, payment["transactionId"], session["unionid"])
    assert not any(secret in shown for secret in secrets)
