"""The phone's side: the fields of its bodies, and the responses to bodies that make no sense."""

import json

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from graph.simulator import SimulatorState, create_simulator
from tests.simulator.conftest import APP_ID, APP_SECRET, Simulator, playing

ACTIONS = [
    "login",
    "user-info",
    "phone-number",
    "check-session",
    "expire-session-key",
    "faults",
    "revoke",
    "close-account",
    "modified",
    "release-events",
    "message-push",
]


async def test_login_answers_in_wechats_words(simulator: Simulator) -> None:
    answer = await simulator.phone("login")

    assert answer == {"errMsg": "login:ok", "code": answer["code"]}


@pytest.mark.parametrize("content", [b"", b" ", b"{}", b'{"user": null}'])
async def test_every_field_is_optional_and_the_default_user_is_one(simulator: Simulator, content: bytes) -> None:
    response = await simulator.http.post("/device/login", content=content)

    session = await simulator.code2session(response.json()["code"])
    assert session["openid"] == (await simulator.sign_in("Li Lei"))["openid"]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("content", [b"{", b"[]", b'"alice"', b"7", b"\xff\xfe", b'{"user": "\\ud83d"}', b"[" * 5000])
async def test_a_malformed_body_gets_a_sentence(simulator: Simulator, action: str, content: bytes) -> None:
    response = await simulator.http.post(f"/device/{action}", content=content)

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/json"
    assert "the body" in response.json()["errMsg"]


@pytest.mark.parametrize(
    ("action", "fields", "sentence"),
    [
        ("login", {"user": 7}, "login:fail user: Input should be a valid string"),
        ("login", {"user": ""}, "login:fail user: String should have at least 1 character"),
        ("login", {"user": "x" * 65}, "login:fail user: String should have at most 64 characters"),
        ("login", {"gender": 3}, "login:fail gender: Input should be less than or equal to 2"),
        ("login", {"gender": True}, "login:fail gender: Input should be a valid integer"),
        ("login", {"unionId": 1}, "login:fail unionId: Input should be a valid boolean"),
        ("login", {"renewSessionKey": "yes"}, "login:fail renewSessionKey: Input should be a valid boolean"),
        ("user-info", {"policy": "newest"}, "getUserInfo:fail policy: Input should be 'new' or 'old'"),
        ("user-info", {"api": {}}, "getUserInfo:fail api: Input should be 'getUserInfo' or 'getUserProfile'"),
        ("phone-number", {"countryCode": 8.5}, "getPhoneNumber:fail countryCode: Input should be a valid string"),
        ("phone-number", {"quota": 7}, "getPhoneNumber:fail quota: Input should be 'none'"),
        ("revoke", {"info": []}, "revoke:fail info: List should have at least 1 item after validation, not 0"),
        ("revoke", {"info": ["8"]}, "revoke:fail info: Input should be a valid integer"),
        ("revoke", {"app": "wx"}, f"revoke:fail app: must be one of {APP_ID}, or absent for the first"),
        ("close-account", {"repeat": 0}, "closeAccount:fail repeat: Input should be greater than or equal to 1"),
        ("modified", {"delay": -1}, "modified:fail delay: Input should be greater than or equal to 0"),
        ("message-push", {"url": "http://x"}, "messagePush:fail url: Extra inputs are not permitted"),
        ("check-session", {"usr": "x"}, "checkSession:fail usr: Extra inputs are not permitted"),
    ],
)
async def test_a_wrong_field_gets_a_sentence_that_names_it(
    simulator: Simulator, action: str, fields: dict[str, object], sentence: str
) -> None:
    response = await simulator.http.post(f"/device/{action}", json=fields)

    assert response.status_code == 400
    assert response.json() == {"errMsg": sentence}


async def test_a_body_beyond_a_mebibyte_is_refused(simulator: Simulator) -> None:
    content = json.dumps({"user": "x" * 1024 * 1024})

    assert (await simulator.http.post("/device/login", content=content)).status_code == 400
    assert (await simulator.http.post("/cgi-bin/stable_token", content=content)).json()["errcode"] == 47001


async def test_the_options_that_a_shim_passes_on_are_taken(simulator: Simulator) -> None:
    await simulator.phone("login", timeout=5000)
    await simulator.phone("user-info", lang="en", desc="for your card", withCredentials=True)


async def test_users_are_listed_without_keys_and_codes(simulator: Simulator) -> None:
    code = await simulator.login("alice", nickName="Alice")
    session = await simulator.code2session(code)
    await simulator.phone("login", user="bob")

    response = await simulator.http.get("/device/users")

    answer = response.json()
    assert answer["errMsg"] == "users:ok"
    assert [user["user"] for user in answer["users"]] == ["alice", "bob"]
    assert answer["users"][0]["openId"] == session["openid"]
    assert answer["users"][0]["nickName"] == "Alice"
    assert session["session_key"] not in response.text
    assert code not in response.text
    assert APP_SECRET not in response.text


async def test_the_number_of_users_is_bounded() -> None:
    async with playing(SimulatorState(APP_ID, APP_SECRET, max_users=1)) as simulator:
        await simulator.login("alice")
        refused = await simulator.http.post("/device/login", json={"user": "bob"})
        await simulator.login("alice")

    assert refused.status_code == 400
    assert refused.json() == {"errMsg": "login:fail this simulator already has 1 users"}


async def test_the_simulator_works_under_a_prefix(state: SimulatorState) -> None:
    app = Starlette(routes=[Mount("/simulator", create_simulator(state))])
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://dev.test/simulator") as http:
        await http.post("/device/faults", json={"kind": "errcode", "path": "/sns/jscode2session", "errcode": 45011})
        code = (await http.post("/device/login")).json()["code"]
        query = {"appid": APP_ID, "secret": APP_SECRET, "js_code": code, "grant_type": "authorization_code"}
        first = await http.get("/sns/jscode2session", params=query)
        second = await http.get("/sns/jscode2session", params=query)

    assert first.json()["errcode"] == 45011
    assert "openid" in second.json()


def test_a_state_does_not_print_its_secret(state: SimulatorState) -> None:
    assert APP_SECRET not in repr(state)
    session_key = state.session_keys.current("alice")
    assert session_key not in repr(state.session_keys._held)
