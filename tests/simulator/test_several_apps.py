"""Several mini-programs in one WeChat: what is worth something in one is worth nothing in another."""

import hashlib
import hmac
from typing import Any

import pytest

from graph.simulator import SimulatorState
from tests.simulator.conftest import APP_ID, APP_SECRET, Clock, Simulator, playing
from tests.simulator.test_phone_data import opened

SHOP = {"appid": "wx1111111111111111", "secret": "11111111111111111111111111111111"}
SHOP_ID = SHOP["appid"]
PHONE, CHECK, TEXT = "/wxa/business/getuserphonenumber", "/wxa/checksession", "/wxa/msg_sec_check"


@pytest.fixture
def state(clock: Clock) -> SimulatorState:
    state = SimulatorState(APP_ID, APP_SECRET, seed=1, now=clock)
    state.add_app(SHOP_ID, SHOP["secret"])
    return state


async def sign_in_to_shop(simulator: Simulator, user: str = "alice", **fields: Any) -> dict[str, Any]:
    return await simulator.code2session(await simulator.login(user, app=SHOP_ID, **fields), **SHOP)


async def checked(simulator: Simulator, token: str, openid: str, session_key: str) -> int:
    """The errcode of checksession with a signature by this session_key."""
    signature = hmac.new(session_key.encode(), b"", "sha256").hexdigest()
    query = {"access_token": token, "openid": openid, "signature": signature, "sig_method": "hmac_sha256"}
    errcode: int = (await simulator.get(CHECK, **query))["errcode"]
    return errcode


async def test_a_user_has_one_openid_in_each_app(simulator: Simulator) -> None:
    first, shop, again = await simulator.sign_in(), await sign_in_to_shop(simulator), await sign_in_to_shop(simulator)
    users = (await simulator.http.get("/device/users")).json()["users"]

    assert first["openid"] != shop["openid"] == again["openid"]
    assert [user["openId"] for user in users] == [first["openid"]]
    assert users[0]["openIds"] == {APP_ID: first["openid"], SHOP_ID: shop["openid"]}


async def test_an_app_has_the_openids_that_it_has_when_alone(simulator: Simulator, clock: Clock) -> None:
    alone = SimulatorState(SHOP_ID, "another secret", seed=1, now=clock)

    assert (await sign_in_to_shop(simulator))["openid"] == alone.users.get("alice").openid


async def test_a_user_looks_alike_in_every_app(simulator: Simulator) -> None:
    await simulator.login("alice", nickName="Alice")

    in_shop = await simulator.phone("user-info", user="alice", app=SHOP_ID, policy="old")

    assert in_shop["userInfo"]["nickName"] == "Alice"


async def test_a_login_code_of_another_app_is_40029_and_stays_usable(simulator: Simulator) -> None:
    code, shop_code = await simulator.login(), await simulator.login(app=SHOP_ID)

    assert (await simulator.code2session(code, **SHOP))["errcode"] == 40029
    assert (await simulator.code2session(shop_code))["errcode"] == 40029
    assert "openid" in await simulator.code2session(code)
    assert "openid" in await simulator.code2session(shop_code, **SHOP)


async def test_a_phone_code_of_another_app_is_40029_and_stays_usable(simulator: Simulator) -> None:
    code = (await simulator.phone("phone-number", user="alice", app=SHOP_ID))["code"]
    token = (await simulator.stable_token())["access_token"]
    shop_token = (await simulator.stable_token(**SHOP))["access_token"]

    assert (await simulator.post(PHONE, {"code": code}, access_token=token))["errcode"] == 40029
    exchanged = await simulator.post(PHONE, {"code": code}, access_token=shop_token)
    assert exchanged["phone_info"]["watermark"]["appid"] == SHOP_ID


async def test_the_secret_of_another_app_is_a_wrong_one(simulator: Simulator) -> None:
    code = await simulator.login()

    assert (await simulator.code2session(code, secret=SHOP["secret"]))["errcode"] == 40125
    assert (await simulator.token(appid=SHOP_ID))["errcode"] == 40001
    assert (await simulator.stable_token(appid=SHOP_ID))["errcode"] == 40125
    assert (await simulator.code2session(code, appid="wx2222222222222222"))["errcode"] == 40013


async def test_session_keys_of_two_apps_are_two(simulator: Simulator) -> None:
    first, shop = await simulator.sign_in(), await sign_in_to_shop(simulator)
    data = await simulator.phone("user-info", user="alice", app=SHOP_ID)
    await simulator.phone("expire-session-key", user="alice")

    expected = hashlib.sha1((data["rawData"] + shop["session_key"]).encode()).hexdigest()  # noqa: S324
    assert data["signature"] == expected
    assert first["session_key"] != shop["session_key"]
    assert f'"watermark":{{"timestamp":1700000000,"appid":"{SHOP_ID}"}}' in opened(data, shop["session_key"])
    assert (await simulator.phone("check-session", user="alice", app=SHOP_ID))["errMsg"] == "checkSession:ok"
    assert (await simulator.phone("check-session", user="alice"))["errMsg"].startswith("checkSession:fail")


async def test_an_openid_of_another_app_is_40003(simulator: Simulator) -> None:
    first, shop = await simulator.sign_in(), await sign_in_to_shop(simulator)
    token = (await simulator.token())["access_token"]
    shop_token = (await simulator.token(**SHOP))["access_token"]
    text = {"content": "x", "version": 2, "scene": 1, "openid": shop["openid"]}

    assert (await simulator.post(TEXT, text, access_token=token))["errcode"] == 40003
    assert (await simulator.post(TEXT, text, access_token=shop_token))["errcode"] == 0
    assert await checked(simulator, token, shop["openid"], shop["session_key"]) == 40003
    assert await checked(simulator, shop_token, shop["openid"], first["session_key"]) == 87009
    assert await checked(simulator, shop_token, shop["openid"], shop["session_key"]) == 0


async def test_a_user_seen_in_one_app_is_unseen_in_another(simulator: Simulator) -> None:
    await simulator.sign_in()
    # Known to the shop, without having opened it.
    openid = (await simulator.http.get("/device/users")).json()["users"][0]["openIds"][SHOP_ID]
    token = (await simulator.token(**SHOP))["access_token"]

    text = {"content": "x", "version": 2, "scene": 1, "openid": openid}
    assert (await simulator.post(TEXT, text, access_token=token))["errcode"] == 61010


async def test_access_tokens_of_two_apps_live_apart(simulator: Simulator) -> None:
    first, shop = [(await simulator.stable_token(**app))["access_token"] for app in ({}, SHOP)]

    simulator.state.access_tokens.expire_all()
    forced = (await simulator.stable_token(**SHOP, force_refresh=True))["access_token"]

    # 41008 is a good token without a code.
    found = [(await simulator.post(PHONE, {"no": "code"}, access_token=token)) for token in (first, shop, forced)]
    assert [answer["errcode"] for answer in found] == [42001, 40001, 41008]


async def test_calls_and_forced_refreshes_are_counted(simulator: Simulator) -> None:
    await simulator.phone("faults", kind="errcode", path="/cgi-bin/stable_token")
    for _ in range(3):
        await simulator.stable_token(**SHOP)
    for _ in range(2):
        await simulator.stable_token(**SHOP, force_refresh=True)

    first, shop = [simulator.state.apps[app_id].access_tokens for app_id in (APP_ID, SHOP_ID)]
    assert simulator.state.calls == {"/cgi-bin/stable_token": 5}
    assert (shop.force_requests, shop.forced_refreshes) == (2, 1)
    assert (first.force_requests, first.forced_refreshes) == (0, 0)


async def test_a_tourist_may_be_in_any_app(simulator: Simulator) -> None:
    mock = "the code is a mock one"

    assert (await simulator.code2session(mock))["openid"] == (await simulator.sign_in("tourist"))["openid"]
    tourist = await simulator.code2session(mock, **SHOP)
    assert tourist["openid"] == (await sign_in_to_shop(simulator, "tourist"))["openid"]


async def test_a_fault_of_one_app_spares_the_others(simulator: Simulator) -> None:
    tokens = [(await simulator.token(**app))["access_token"] for app in ({}, SHOP)]
    await simulator.phone("faults", kind="errcode", errcode=45011, app=SHOP_ID, times=None)

    assert "openid" in await simulator.sign_in()
    assert (await sign_in_to_shop(simulator))["errcode"] == 45011
    assert "access_token" in await simulator.stable_token()
    assert (await simulator.stable_token(**SHOP))["errcode"] == 45011
    found = [(await simulator.post(PHONE, {"no": "code"}, access_token=token))["errcode"] for token in tokens]
    assert found == [41008, 45011]
    for content in (b"{", b"[]", b'{"appid": 7}'):
        response = await simulator.http.post("/cgi-bin/stable_token", content=content)
        assert response.json()["errcode"] != 45011


@pytest.mark.parametrize(
    ("action", "name"),
    [
        ("login", "login"),
        ("user-info", "getUserInfo"),
        ("phone-number", "getPhoneNumber"),
        ("check-session", "checkSession"),
        ("expire-session-key", "expireSessionKey"),
        ("bind-open-platform", "bindOpenPlatform"),
        ("faults", "faults"),
    ],
)
async def test_an_app_that_is_not_played_gets_a_sentence(simulator: Simulator, action: str, name: str) -> None:
    fields = {"app": "wx2222222222222222"} | ({"kind": "hang"} if action == "faults" else {})

    response = await simulator.http.post(f"/device/{action}", json=fields)

    assert response.status_code == 400
    sentence = f"app: must be one of {APP_ID}, {SHOP_ID}, or absent for the first"
    assert response.json() == {"errMsg": f"{name}:fail {sentence}"}


async def test_apps_are_listed_in_order_without_their_secrets(simulator: Simulator) -> None:
    simulator.state.add_app("wx2222222222222222", "22222222222222222222222222222222", group="us")

    response = await simulator.http.get("/device/apps")

    assert SHOP["secret"] not in response.text
    assert response.json() == {
        "errMsg": "apps:ok",
        "apps": [
            {"app": APP_ID, "group": None},
            {"app": SHOP_ID, "group": None},
            {"app": "wx2222222222222222", "group": "us"},
        ],
    }


async def test_the_limit_of_users_counts_one_of_two_apps_once(clock: Clock) -> None:
    state = SimulatorState(APP_ID, APP_SECRET, now=clock, max_users=1)
    state.add_app(SHOP_ID, SHOP["secret"])
    async with playing(state) as simulator:
        await simulator.login("alice")
        await simulator.login("alice", app=SHOP_ID)
        refused = await simulator.http.post("/device/login", json={"user": "bob", "app": SHOP_ID})

    assert refused.json() == {"errMsg": "login:fail this simulator already has 1 users"}


def test_an_app_is_added_once_and_does_not_print_its_secret(state: SimulatorState) -> None:
    with pytest.raises(ValueError, match=f"already plays {SHOP_ID}"):
        state.add_app(SHOP_ID, "another secret")

    assert SHOP["secret"] not in repr(state.apps)
