"""What users take back: the events of it, the tries to deliver them, and what the phone and WeChat do afterwards."""

import asyncio
import hashlib
import hmac
import json
from typing import Any

import pytest

from graph.simulator import SimulatorState
from graph.simulator.serving import serve
from tests.simulator.conftest import APP_ID, APP_SECRET, START, Clock, Simulator, playing
from tests.simulator.receiver import Pushed, Receiver, opened, receiving

SHOP_ID = "wx1111111111111111"
PHONE, CHECK = "/wxa/business/getuserphonenumber", "/wxa/checksession"


def event_of(state: SimulatorState, pushed: Pushed, app_id: str = APP_ID) -> dict[str, Any]:
    message, sealed_for = opened(pushed.fields["Encrypt"], state.apps[app_id].push.aes_key)
    event: dict[str, Any] = json.loads(message)
    assert sealed_for == event[" AppID"]
    return event


async def checked(simulator: Simulator, session: dict[str, Any]) -> int:
    """The errcode of checksession."""
    token = (await simulator.stable_token())["access_token"]
    signature = hmac.new(session["session_key"].encode(), b"", hashlib.sha256).hexdigest()
    query = {"openid": session["openid"], "signature": signature, "sig_method": "hmac_sha256"}
    errcode: int = (await simulator.get(CHECK, access_token=token, **query))["errcode"]
    return errcode


async def exchanged(simulator: Simulator, code: str, **fields: str) -> int:
    """The errcode of getuserphonenumber."""
    token = (await simulator.stable_token())["access_token"]
    errcode: int = (await simulator.post(PHONE, {"code": code, **fields}, access_token=token))["errcode"]
    return errcode


@pytest.mark.parametrize("answer", ["success", ""])
async def test_an_event_is_sent_once_where_success_or_nothing_is_the_response(
    simulator: Simulator, receiver: Receiver, answer: str
) -> None:
    receiver.answers = [(200, answer)]

    [delivery] = (await simulator.phone("modified"))["deliveries"]

    assert delivery == {
        "event": "user_info_modified",
        "accepted": True,
        "tries": [{"status": 200, "answer": answer}],
    }
    assert len(receiver.pushed) == 1


async def test_an_event_is_tried_three_times_in_all(simulator: Simulator, receiver: Receiver) -> None:
    simulator.state.apps[APP_ID].push.interval = 0
    receiver.answers = [(503, "success"), (200, "ok"), (201, "success"), (200, "success")]

    [delivery] = (await simulator.phone("revoke"))["deliveries"]

    assert not delivery["accepted"]
    assert delivery["tries"] == [
        {"status": 503, "answer": "success"},
        {"status": 200, "answer": "ok"},
        {"status": 201, "answer": "success"},
    ]
    assert len(receiver.pushed) == 3


async def test_a_response_that_does_not_come_ends_a_try(simulator: Simulator, receiver: Receiver) -> None:
    push = simulator.state.apps[APP_ID].push
    push.timeout, push.interval = 0.1, 0
    receiver.answers = [None]

    [delivery] = (await simulator.phone("revoke"))["deliveries"]

    assert not delivery["accepted"]
    assert delivery["tries"] == [{"status": None, "answer": "no response within 0.1 s"}] * 3


async def test_the_next_try_waits_for_its_time_and_a_late_event_for_its_own(
    simulator: Simulator, receiver: Receiver
) -> None:
    simulator.state.apps[APP_ID].push.interval = 3600
    receiver.answers = [(503, "")]
    refused = asyncio.ensure_future(simulator.phone("revoke"))
    late = asyncio.ensure_future(simulator.phone("revoke", delay=3600))
    async with asyncio.timeout(10):
        while not receiver.pushed:  # noqa: ASYNC110 - its thread has no event for this loop
            await asyncio.sleep(0.002)

    finished, waiting = await asyncio.wait({refused, late}, timeout=0.1)

    assert (finished, len(receiver.pushed)) == (set(), 1)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_tries_end_with_the_first_success_and_repeat_the_same_message(
    simulator: Simulator, receiver: Receiver
) -> None:
    simulator.state.apps[APP_ID].push.interval = 0
    receiver.answers = [(500, ""), (200, "success")]

    [delivery] = (await simulator.phone("revoke"))["deliveries"]

    first, second = receiver.pushed
    assert [tried["status"] for tried in delivery["tries"]] == [500, 200]
    assert event_of(simulator.state, first) == event_of(simulator.state, second)
    assert first.fields["Encrypt"] != second.fields["Encrypt"]
    assert first.query["nonce"] != second.query["nonce"]


async def test_a_server_that_is_away_is_named_as_such(simulator: Simulator, receiver: Receiver) -> None:
    push = simulator.state.apps[APP_ID].push
    push.url, push.interval = "http://127.0.0.1:1/", 0

    [delivery] = (await simulator.phone("revoke"))["deliveries"]

    assert delivery["tries"] == [{"status": None, "answer": "ConnectError"}] * 3


async def test_where_no_url_is_set_nothing_is_sent(simulator: Simulator) -> None:
    assert await simulator.phone("revoke", delay=3600) == {"errMsg": "revoke:ok", "deliveries": []}


async def test_an_event_can_be_repeated(simulator: Simulator, receiver: Receiver) -> None:
    deliveries = (await simulator.phone("revoke", user="alice", repeat=3))["deliveries"]

    assert [delivery["accepted"] for delivery in deliveries] == [True] * 3
    assert len({str(event_of(simulator.state, pushed)) for pushed in receiver.pushed}) == 1
    assert len(receiver.pushed) == 3


async def test_a_wrong_signature_is_that_of_the_sealed_body(simulator: Simulator, receiver: Receiver) -> None:
    push = simulator.state.apps[APP_ID].push
    await simulator.phone("revoke", fault="wrong-signature")
    await simulator.phone("message-push", mode="plain")
    await simulator.phone("revoke", fault="wrong-signature")

    safe, _, plain = receiver.pushed
    assert safe.signed("signature", push.token)
    assert not safe.signed("msg_signature", push.token, safe.fields["Encrypt"])
    assert not plain.signed("signature", push.token)


async def test_an_event_of_another_app_is_signed_and_sealed_with_the_same_secrets(
    simulator: Simulator, receiver: Receiver
) -> None:
    await simulator.phone("revoke", fault="wrong-app")

    [pushed] = receiver.pushed
    assert pushed.signed("msg_signature", simulator.state.apps[APP_ID].push.token, pushed.fields["Encrypt"])
    assert event_of(simulator.state, pushed)[" AppID"] == "wxffffffffffffffff"


async def test_held_events_come_after_later_ones_and_as_they_were(
    simulator: Simulator, receiver: Receiver, clock: Clock
) -> None:
    held = await simulator.phone("revoke", user="alice", info=[6], hold=True)
    clock.time += 100
    await simulator.phone("revoke", user="alice", info=[8])
    released = await simulator.phone("release-events")
    again = await simulator.phone("release-events")

    later, earlier = [event_of(simulator.state, pushed) for pushed in receiver.pushed]
    assert (later[" RevokeInfo"], later["CreateTime"]) == ("8", START + 100)
    assert (earlier[" RevokeInfo"], earlier["CreateTime"]) == ("6", START)
    assert [pushed.query["timestamp"] for pushed in receiver.pushed] == [str(int(START + 100))] * 2
    assert (held["deliveries"], len(released["deliveries"]), again["deliveries"]) == ([], 1, [])


async def test_each_app_has_a_url_secrets_and_held_events_of_its_own(simulator: Simulator, receiver: Receiver) -> None:
    shop = simulator.state.add_app(SHOP_ID, "11111111111111111111111111111111")
    shop.push.url = f"{receiver.url}/{SHOP_ID}"
    await simulator.phone("revoke", user="alice", app=SHOP_ID, hold=True)
    await simulator.phone("release-events")
    assert receiver.pushed == []

    await simulator.phone("release-events", app=SHOP_ID)

    [pushed] = receiver.pushed
    own = simulator.state.apps[APP_ID].push
    assert shop.push.token != own.token
    assert shop.push.aes_key != own.aes_key
    assert pushed.signed("msg_signature", shop.push.token, pushed.fields["Encrypt"])
    event = event_of(simulator.state, pushed, SHOP_ID)
    assert event[" OpenID"] == shop.users.get("alice").openid
    assert event["FromUserName"] != own.platform


async def test_a_user_who_revoked_the_number_may_give_it_again(simulator: Simulator) -> None:
    session = await simulator.sign_in()
    await simulator.phone("revoke", user="alice", info=[8])
    code = (await simulator.phone("phone-number", user="alice"))["code"]

    assert await exchanged(simulator, code, openid=session["openid"]) == 0
    assert await checked(simulator, session) == 0


async def test_a_modified_user_has_the_given_name_from_then_on(simulator: Simulator) -> None:
    await simulator.phone("modified", user="alice", nickName="Alice")

    assert (await simulator.phone("user-info", user="alice", policy="old"))["userInfo"]["nickName"] == "Alice"


async def test_a_closed_account_is_an_unknown_openid(simulator: Simulator) -> None:
    session = await simulator.sign_in()
    phone_code = (await simulator.phone("phone-number", user="alice"))["code"]
    login_code = await simulator.login()
    assert await checked(simulator, session) == 0

    await simulator.phone("close-account", user="alice")

    assert await checked(simulator, session) == 40003
    assert await exchanged(simulator, phone_code) == 40029
    assert await exchanged(simulator, phone_code, openid=session["openid"]) == 40029
    assert (await simulator.code2session(login_code))["errcode"] == 40029


async def test_the_login_after_a_closed_account_is_that_of_another_openid(
    simulator: Simulator, receiver: Receiver
) -> None:
    sessions = [await simulator.sign_in()]
    for _ in range(2):
        await simulator.phone("close-account", user="alice")
        sessions.append(await simulator.sign_in())
    bob = await simulator.sign_in("bob")
    await simulator.phone("close-account", user="bob")

    assert len({session["openid"] for session in [*sessions, bob]}) == 4
    assert len({session["session_key"] for session in [*sessions, bob]}) == 4
    assert [await checked(simulator, session) for session in sessions] == [40003, 40003, 0]
    closed = [event_of(simulator.state, pushed)[" OpenID"] for pushed in receiver.pushed]
    assert closed == [sessions[0]["openid"], sessions[1]["openid"], bob["openid"]]


async def test_an_account_is_closed_in_one_app_only(simulator: Simulator) -> None:
    shop = simulator.state.add_app(SHOP_ID, "11111111111111111111111111111111")
    in_shop = shop.users.get("alice").openid
    session = await simulator.sign_in()

    await simulator.phone("close-account", user="alice", app=SHOP_ID)

    assert shop.users.get("alice").openid != in_shop
    assert (await simulator.sign_in())["openid"] == session["openid"]


async def test_a_seed_gives_the_same_pushes_and_openids_every_time() -> None:
    runs = []
    for seed in (7, 7, 8):
        state = SimulatorState(APP_ID, APP_SECRET, seed=seed, now=Clock())
        with receiving() as receiver:
            state.apps[APP_ID].push.url = f"{receiver.url}/{APP_ID}"
            async with playing(state) as simulator:
                for action in ("message-push", "revoke", "close-account", "modified"):
                    await simulator.phone(action)
                session = await simulator.sign_in("me")
        runs.append([(pushed.query, pushed.body) for pushed in receiver.pushed] + [({}, str(session).encode())])

    assert runs[0] == runs[1]
    assert not any(pushed in runs[0] for pushed in runs[2])


def test_the_fixture_takes_back_with_plain_calls(state: SimulatorState) -> None:
    with serve(state) as simulator, receiving() as receiver:
        simulator.push.url = f"{receiver.url}/{APP_ID}"
        shop = simulator.app(SHOP_ID)
        shop.push.url = f"{receiver.url}/{SHOP_ID}"
        deliveries = [
            *simulator.revoke("alice"),
            *simulator.revoke("alice", [6, 8], fault="wrong-signature"),
            *shop.modified("alice"),
            *simulator.close_account("alice"),
        ]
        assert simulator.revoke("alice", hold=True) == []
        deliveries += simulator.release_events()

    assert [delivery["event"].removeprefix("user_") for delivery in deliveries] == [
        "authorization_revoke",
        "authorization_revoke",
        "info_modified",
        "authorization_cancellation",
        "authorization_revoke",
    ]
    assert all(delivery["accepted"] for delivery in deliveries)
