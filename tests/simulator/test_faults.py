"""Faults on demand, as a client of WeChat meets them."""

import asyncio
import json
import time
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from graph.simulator.endpoints import ENDPOINTS
from tests.simulator.conftest import APP_ID, APP_SECRET, Simulator

PATH = "/sns/jscode2session"


async def order(simulator: Simulator, kind: str, **fields: Any) -> dict[str, Any]:
    return await simulator.phone("faults", kind=kind, **fields)


async def exchange(simulator: Simulator, code: str | None = None) -> httpx.Response:
    query = {"appid": APP_ID, "secret": APP_SECRET, "grant_type": "authorization_code"}
    return await simulator.http.get(PATH, params=query | {"js_code": code or await simulator.login()})


@pytest.mark.parametrize(
    ("errcode", "errmsg", "words"),
    [
        (-1, None, "system error, rid: "),
        (45011, None, "api minute-quota reach limit mustslower"),
        (12345, None, "simulated error 12345,"),
        (40243, "frozen", "frozen, rid: "),
    ],
)
async def test_an_errcode_on_demand_comes_in_wechats_shape(
    simulator: Simulator, errcode: int, errmsg: str | None, words: str
) -> None:
    await order(simulator, "errcode", errcode=errcode, errmsg=errmsg)

    response = await exchange(simulator)

    assert response.status_code == 200
    assert response.json()["errcode"] == errcode
    assert response.json()["errmsg"].startswith(words)


async def test_a_fault_happens_once_by_default(simulator: Simulator) -> None:
    code = await simulator.login()
    await order(simulator, "errcode")

    assert (await exchange(simulator, code)).json()["errcode"] == -1
    assert "openid" in (await exchange(simulator, code)).json()


async def test_a_fault_happens_as_often_as_ordered(simulator: Simulator) -> None:
    answer = await order(simulator, "bad-gateway", times=2)

    assert answer["faults"][0]["times"] == 2
    assert [(await exchange(simulator)).status_code for _ in range(3)] == [502, 502, 200]


async def test_a_fault_without_number_stands_until_it_is_cleared(simulator: Simulator) -> None:
    await order(simulator, "bad-gateway", times=None)
    assert [(await exchange(simulator)).status_code for _ in range(5)] == [502] * 5

    assert (await simulator.http.delete("/device/faults")).json() == {"errMsg": "faults:ok", "faults": []}

    assert (await exchange(simulator)).status_code == 200


async def test_a_fault_for_one_path_spares_the_others(simulator: Simulator) -> None:
    await order(simulator, "bad-gateway", path="/cgi-bin/token")

    assert "openid" in await simulator.sign_in()
    assert (await simulator.http.get("/cgi-bin/token")).status_code == 502


@pytest.mark.parametrize("path", list(ENDPOINTS))
async def test_a_fault_without_path_is_for_every_endpoint_and_never_the_phone(simulator: Simulator, path: str) -> None:
    await order(simulator, "bad-gateway")
    await simulator.login()

    assert (await simulator.http.post(path, json={})).status_code == 502


async def test_faults_happen_in_the_order_of_being_asked_for(simulator: Simulator) -> None:
    for errcode in (40226, 45011):
        await order(simulator, "errcode", errcode=errcode)

    assert [(await exchange(simulator)).json().get("errcode") for _ in range(3)] == [40226, 45011, None]


async def test_standing_faults_are_listed(simulator: Simulator) -> None:
    await order(simulator, "delay", path=PATH, seconds=0.5)

    assert (await simulator.http.get("/device/faults")).json()["faults"] == [
        {
            "kind": "delay",
            "path": PATH,
            "app": None,
            "times": 1,
            "errcode": -1,
            "errmsg": None,
            "seconds": 0.5,
            "size": 16 * 1024 * 1024,
            "carriedOut": False,
        }
    ]


async def test_an_empty_answer_is_a_200_in_html_of_no_length(simulator: Simulator) -> None:
    await order(simulator, "empty")

    response = await exchange(simulator)

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"] == "text/html; charset=gbk"
    assert response.headers["content-length"] == "0"


async def test_an_html_answer_is_a_200_and_a_bad_gateway_a_502(simulator: Simulator) -> None:
    await order(simulator, "html")
    await order(simulator, "bad-gateway")

    html, gateway = await exchange(simulator), await exchange(simulator)

    assert (html.status_code, gateway.status_code) == (200, 502)
    for response in (html, gateway):
        assert response.headers["content-type"] == "text/html"
        assert response.text.startswith("<html>")


async def test_a_truncated_answer_is_the_first_half_of_the_true_one(simulator: Simulator) -> None:
    await order(simulator, "truncated")

    response = await exchange(simulator)

    assert response.status_code == 200
    assert response.text.startswith('{"session_key":"')
    with pytest.raises(json.JSONDecodeError):
        response.json()


async def test_an_answer_may_lack_its_openid(simulator: Simulator) -> None:
    await order(simulator, "missing-openid")

    assert (await exchange(simulator)).json().keys() == {"session_key"}


async def test_a_huge_answer_has_the_size_that_was_asked_for(simulator: Simulator) -> None:
    await order(simulator, "huge", size=1_000_000)

    response = await exchange(simulator)

    assert len(response.content) == 1_000_000
    assert response.json()["errcode"] == -1


async def test_a_delayed_answer_is_late_and_true(simulator: Simulator) -> None:
    await order(simulator, "delay", seconds=0.05)
    code = await simulator.login()
    started = time.monotonic()

    response = await exchange(simulator, code)

    assert time.monotonic() - started >= 0.05
    assert "openid" in response.json()


async def test_a_lost_answer_may_have_used_the_code_up_or_not(simulator: Simulator) -> None:
    spared, spent = await simulator.login(), await simulator.login()
    await order(simulator, "errcode")
    await exchange(simulator, spared)
    await order(simulator, "errcode", carriedOut=True)
    await exchange(simulator, spent)

    assert "openid" in (await exchange(simulator, spared)).json()
    assert (await exchange(simulator, spent)).json()["errcode"] == 40163


@pytest.mark.parametrize("kind", ["hang", "delay"])
async def test_clearing_the_faults_lets_waiting_requests_go(simulator: Simulator, kind: str) -> None:
    await order(simulator, kind, seconds=3600)
    code = await simulator.login()
    waiting = asyncio.create_task(exchange(simulator, code))
    await until_a_request_waits(simulator)
    assert not waiting.done()

    await simulator.http.delete("/device/faults")

    with anyio.fail_after(5):
        assert "openid" in (await waiting).json()


async def test_a_hanging_request_can_be_cancelled_as_a_stopping_server_does(simulator: Simulator) -> None:
    await order(simulator, "hang")
    code = await simulator.login()
    waiting = asyncio.create_task(exchange(simulator, code))
    await until_a_request_waits(simulator)

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not simulator.state.faults.waiting()
    assert "openid" in (await exchange(simulator, code)).json()


async def until_a_request_waits(simulator: Simulator) -> None:
    with anyio.fail_after(5):
        # The request is on its way through the app: it needs iterations of the loop, and no time.
        while not simulator.state.faults.waiting():
            await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "kind: Field required"),
        ({"kind": "flood"}, "kind: Input should be 'errcode', 'delay'"),
        ({"kind": "hang", "path": "/nowhere"}, "path: must be one of /sns/jscode2session, "),
        ({"kind": "hang", "times": 0}, "times: Input should be greater than or equal to 1"),
        ({"kind": "hang", "times": "once"}, "times: Input should be a valid integer"),
        ({"kind": "delay", "seconds": -1}, "seconds: Input should be greater than or equal to 0"),
        ({"kind": "delay", "seconds": "1"}, "seconds: Input should be a valid number"),
        ({"kind": "huge", "size": 1 << 40}, "size: Input should be less than or equal to 1073741824"),
        ({"kind": "errcode", "code": 40029}, "code: Extra inputs are not permitted"),
    ],
)
async def test_a_fault_that_makes_no_sense_gets_a_sentence(
    simulator: Simulator, fields: dict[str, Any], sentence: str
) -> None:
    response = await simulator.http.post("/device/faults", json=fields)

    assert response.status_code == 400
    assert response.json()["errMsg"].startswith(f"faults:fail {sentence}")
    assert (await simulator.http.get("/device/faults")).json()["faults"] == []
