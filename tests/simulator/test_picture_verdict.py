"""What WeChat finds of a picture, on order, and which checks it remembers."""

import json
from typing import Final

import pytest

from graph.simulator import picture_checks
from tests.simulator.checks import check, event, shown, until
from tests.simulator.conftest import APP_ID, START, Clock, Simulator
from tests.simulator.pictures import Pictures
from tests.simulator.receiver import Receiver

SHOP_ID: Final = "wx1111111111111111"


async def test_without_a_url_a_verdict_is_found_and_not_sent(simulator: Simulator, host: Pictures) -> None:
    trace_id = (await check(simulator, f"{host.url}/red"))["trace_id"]
    [check_of_it] = simulator.state.apps[APP_ID].picture_checks.values()
    await until(lambda: check_of_it.verdict)
    assert await shown(simulator) == [
        {"app": APP_ID, "user": "alice", "traceId": trace_id, "suggest": "risky", "label": 20002, "errcode": 0}
    ]


@pytest.mark.parametrize("named", [True, False])
async def test_a_verdict_that_is_given_comes_in_place_of_the_one_awaited(
    simulator: Simulator, receiver: Receiver, host: Pictures, *, named: bool
) -> None:
    await simulator.phone("message-push", checkDelay=3600)
    receiver.pushed.clear()
    trace_id = (await check(simulator, f"{host.url}/red"))["trace_id"]
    await until(lambda: host.asked)
    [before] = await shown(simulator)
    assert (before["traceId"], before["suggest"]) == (trace_id, None)

    which = {"traceId": trace_id} if named else {"user": "alice"}
    [delivery] = (await simulator.phone("picture-verdict", suggest="review", label=20006, **which))["deliveries"]

    assert (delivery["event"], delivery["accepted"]) == ("wxa_media_check", True)
    found = await event(simulator.state, receiver)
    assert (found["trace_id"], found["result"]) == (trace_id, {"suggest": "review", "label": 20006})
    [decided] = simulator.state.apps[APP_ID].picture_checks.values()
    assert decided.task is not None
    await until(decided.task.cancelled)


async def test_a_verdict_is_followed_by_another_on_order(
    simulator: Simulator, receiver: Receiver, host: Pictures, clock: Clock
) -> None:
    await check(simulator, f"{host.url}/blue")
    await event(simulator.state, receiver)
    clock.time += 60
    await simulator.phone("picture-verdict", user="alice", errcode=-1008)
    assert (await event(simulator.state, receiver, 2))["errcode"] == -1008
    answer = await simulator.phone("picture-verdict", user="alice", hold=True, repeat=2)
    assert answer["deliveries"] == []
    assert len((await simulator.phone("release-events"))["deliveries"]) == 2
    found = await event(simulator.state, receiver, 4)
    assert (found["CreateTime"], found["result"]) == (int(START) + 60, {"suggest": "risky", "label": 20002})


async def test_an_event_of_another_app_names_that_one(simulator: Simulator, receiver: Receiver, host: Pictures) -> None:
    simulator.state.apps[APP_ID].push.mode = "plain"
    await check(simulator, f"{host.url}/blue")
    await until(lambda: receiver.pushed)
    await simulator.phone("picture-verdict", user="alice", fault="wrong-app")
    assert json.loads(receiver.pushed[1].body)["appid"] == "wxffffffffffffffff"


async def test_a_check_is_known_in_its_own_app_alone(simulator: Simulator, host: Pictures) -> None:
    simulator.state.add_app(SHOP_ID, "0" * 32)
    trace_id = (await check(simulator, f"{host.url}/blue"))["trace_id"]
    for fields in ({"app": SHOP_ID, "traceId": trace_id}, {"traceId": "another"}, {"user": "bob"}):
        response = await simulator.http.post("/device/picture-verdict", json=fields)
        assert response.status_code == 400
        assert response.json()["errMsg"].startswith("pictureVerdict:fail traceId: ")


async def test_the_last_picture_of_a_user_is_meant(simulator: Simulator, receiver: Receiver, host: Pictures) -> None:
    simulator.state.apps[APP_ID].push.check_delay = 3600
    for _ in range(2):
        last = (await check(simulator, f"{host.url}/blue"))["trace_id"]
    await simulator.phone("picture-verdict", user="alice")
    assert (await event(simulator.state, receiver))["trace_id"] == last


async def test_of_many_checks_the_oldest_are_forgotten(
    simulator: Simulator, host: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_checks, "MAX_CHECKS", 2)
    ids = [(await check(simulator, f"{host.url}/blue"))["trace_id"] for _ in range(3)]
    assert [each["traceId"] for each in await shown(simulator)] == ids[1:]
