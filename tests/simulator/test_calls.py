"""The journal: each exchange between server and WeChat is kept, in order and without a secret."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from graph.simulator import SimulatorState
from graph.simulator.journal import MAX_CALLS
from tests.secret_patterns import secrets_in
from tests.simulator.conftest import APP_ID, START, Simulator
from tests.simulator.receiver import Receiver


async def journal(simulator: Simulator, **query: str) -> dict[str, Any]:
    """What it holds; a secret in it fails the test."""
    answer = await simulator.get("/device/calls", **query)
    assert secrets_in(json.dumps(answer, ensure_ascii=False)) == []
    return answer


async def the_call(simulator: Simulator) -> dict[str, Any]:
    [call] = (await journal(simulator))["calls"]
    return dict(call)


async def test_a_call_is_kept_with_what_was_asked_and_answered(simulator: Simulator) -> None:
    code = await simulator.login("alice")
    session = await simulator.code2session(code)

    assert await journal(simulator) == {
        "errMsg": "calls:ok",
        "calls": [
            {
                "id": 1,
                "at": int(START * 1000),
                "app": APP_ID,
                "method": "GET",
                "path": "/sns/jscode2session",
                "query": {
                    "appid": APP_ID,
                    "secret": "…",
                    "js_code": code[:4] + "…",
                    "grant_type": "authorization_code",
                },
                "body": None,
                "status": 200,
                "errcode": 0,
                "answer": {"session_key": "…", "openid": session["openid"][:6] + "…"},
                "fault": None,
                "user": "alice",
            }
        ],
        "last": 1,
    }


async def test_calls_with_a_body_are_kept_without_codes_tokens_and_numbers(simulator: Simulator) -> None:
    code = (await simulator.phone("phone-number", user="alice"))["code"]
    token = (await simulator.stable_token())["access_token"]
    answer = await simulator.post("/wxa/business/getuserphonenumber", {"code": code}, access_token=token)

    stable, phone = (await journal(simulator))["calls"]
    assert (stable["body"]["secret"], stable["answer"]["access_token"], stable["user"]) == ("…", "…", None)
    assert (phone["query"], phone["body"]) == ({"access_token": "…"}, {"code": code[:4] + "…"})
    number = answer["phone_info"]["purePhoneNumber"]
    assert phone["answer"]["phone_info"]["purePhoneNumber"] == number[:3] + "…"
    assert (phone["app"], phone["user"], phone["errcode"]) == (APP_ID, "alice", 0)


async def test_only_calls_after_a_number_are_given(simulator: Simulator) -> None:
    for _ in range(3):
        await simulator.token()

    later = await journal(simulator, after="2")
    assert ([call["id"] for call in later["calls"]], later["last"]) == ([3], 3)
    assert await journal(simulator, after="3") == {"errMsg": "calls:ok", "calls": [], "last": 3}
    refused = await simulator.http.get("/device/calls", params={"after": "soon"})
    assert refused.status_code == 400
    assert "calls:fail after: " in refused.json()["errMsg"]


async def test_a_cleared_journal_goes_on_counting(simulator: Simulator) -> None:
    await simulator.token()
    cleared = (await simulator.http.delete("/device/calls")).json()
    assert cleared == {"errMsg": "calls:ok", "calls": [], "last": 1}

    await simulator.token()
    assert [call["id"] for call in (await journal(simulator))["calls"]] == [2]


async def test_the_newest_calls_are_kept(simulator: Simulator) -> None:
    for _ in range(MAX_CALLS + 1):
        await simulator.get("/sns/jscode2session")

    assert [call["id"] for call in (await journal(simulator))["calls"]] == [*range(2, MAX_CALLS + 2)]


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("errcode", {"status": 200, "errcode": -1}),
        ("empty", {"status": 200, "errcode": None, "answer": None}),
        ("bad-gateway", {"status": 502, "errcode": None}),
        ("truncated", {"status": 200, "errcode": None}),
        ("missing-openid", {"status": 200, "errcode": 0, "answer": {"session_key": "…"}}),
        ("huge", {"status": 200, "answer": None}),
    ],
)
async def test_a_fault_is_named_beside_what_it_did(simulator: Simulator, kind: str, seen: dict[str, object]) -> None:
    code = await simulator.login("alice")
    await simulator.phone("faults", kind=kind, size=1000)
    await simulator.http.get(
        "/sns/jscode2session",
        params={
            "appid": APP_ID,
            "secret": simulator.state.app_secret,
            "js_code": code,
            "grant_type": "authorization_code",
        },
    )

    call = await the_call(simulator)
    assert {name: call[name] for name in seen} == seen
    assert (call["fault"], call["user"]) == (kind, "alice")


@pytest.mark.parametrize(
    "content",
    [
        b'{"appid":"wx","secret":"0123456789abcdef0123456789abcdef"',
        b'{"0123456789abcdef0123456789abcdef":"+8613800001234"}',
        b'{"content":"call 13800001234"}',
        b"\xff\xfe",
        b"x" * 20_000,
    ],
)
async def test_a_body_of_any_form_is_kept_without_its_secrets(simulator: Simulator, content: bytes) -> None:
    await simulator.http.post("/wxa/msg_sec_check", content=content)

    assert (await the_call(simulator))["body"]


async def test_an_address_that_wechat_does_not_have_is_kept_and_refused(simulator: Simulator) -> None:
    answer = await simulator.post("/cgi-bin/user/info", {"openid": "o"}, access_token="x")

    assert answer["errcode"] == 40066
    assert answer["errmsg"].startswith("invalid url rid: ")
    assert (await the_call(simulator))["path"] == "/cgi-bin/user/info"


async def test_what_the_phone_does_not_have_is_no_call_of_wechat(simulator: Simulator) -> None:
    for response in (await simulator.http.post("/device/logon"), await simulator.http.get("/device/login")):
        assert response.status_code == 404
        assert response.json() == {"errMsg": "device:fail no such action, or not with this method"}
    assert (await journal(simulator))["calls"] == []


async def test_what_wechat_pushes_is_kept_as_it_was_before_it_was_sealed(
    simulator: Simulator, receiver: Receiver
) -> None:
    openid = simulator.state.users.get("alice").openid
    await simulator.phone("revoke", user="alice")

    call = await the_call(simulator)
    assert (call["method"], call["path"], call["app"], call["user"]) == ("PUSH", f"/events/{APP_ID}", APP_ID, "alice")
    assert (call["body"]["Event"], call["body"][" OpenID"]) == ("user_authorization_revoke", openid[:6] + "…")
    assert (call["status"], call["errcode"], call["answer"]) == (200, None, "success")


@pytest.fixture
def log(state: SimulatorState, caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The lines that the simulator has written, as a program of its own."""
    state.journal.is_logged = True
    caplog.set_level(logging.INFO, "graph.simulator.journal")
    return lambda: [each.getMessage() for each in caplog.records if each.name == "graph.simulator.journal"]


async def test_each_call_and_act_is_one_line_in_words(
    simulator: Simulator, receiver: Receiver, log: Callable[[], list[str]]
) -> None:
    code = await simulator.login("Li Lei")
    await simulator.code2session(code)
    await simulator.code2session(code)
    await simulator.phone("user-info", user="Han Mei", api="getUserProfile", deny=True)
    await simulator.phone("faults", kind="bad-gateway")
    await simulator.http.get("/cgi-bin/token")
    await simulator.post("/cgi-bin/user/info", {})
    await simulator.phone("message-push")
    await simulator.phone("modified", user="Li Lei")
    await simulator.get("/device/calls")

    assert log() == [
        "wx.login Li Lei",
        "code2Session -> ok",
        "code2Session -> 40163 code been used",
        "wx.getUserProfile Han Mei -> fail auth deny",
        "faults",
        "getAccessToken -> 502 Bad Gateway",
        "/cgi-bin/user/info -> 40066 invalid url",
        "push check of the URL -> ok",
        "messagePush",
        "push user_info_modified -> ok",
        "modified Li Lei",
    ]
