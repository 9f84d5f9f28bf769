"""Access tokens: how long each kind works, and where it must be given."""

import re
from typing import Any

import pytest

from tests.simulator.conftest import APP_ID, APP_SECRET, Clock, Simulator


async def use(simulator: Simulator, token: str) -> int:
    """The errcode of a call with the token; 41008 (no code given) when the token itself is good."""
    answer = await simulator.post("/wxa/business/getuserphonenumber", {"some": "body"}, access_token=token)
    errcode: int = answer["errcode"]
    return errcode


GOOD, BAD, EXPIRED = 41008, 40001, 42001


async def test_a_token_has_wechats_shape_and_two_hours(simulator: Simulator) -> None:
    answer = await simulator.token()

    assert answer.keys() == {"access_token", "expires_in"}
    assert re.fullmatch(r"\d\d_[0-9A-Za-z_-]{130,}", answer["access_token"])
    assert answer["expires_in"] == 7200
    assert await use(simulator, answer["access_token"]) == GOOD


async def test_a_token_expires_after_two_hours(simulator: Simulator, clock: Clock) -> None:
    token = (await simulator.token())["access_token"]
    clock.time += 7199
    assert await use(simulator, token) == GOOD
    clock.time += 1
    assert await use(simulator, token) == EXPIRED


async def test_a_new_fetch_kills_the_old_token_after_five_minutes(simulator: Simulator, clock: Clock) -> None:
    old, new = [(await simulator.token())["access_token"] for _ in range(2)]
    assert old != new
    clock.time += 299
    assert await use(simulator, old) == GOOD
    clock.time += 1
    assert await use(simulator, old) == BAD
    assert await use(simulator, new) == GOOD


async def test_the_stable_token_stays_the_same_with_the_rest_of_its_life(simulator: Simulator, clock: Clock) -> None:
    first = await simulator.stable_token()
    clock.time += 6900

    assert await simulator.stable_token() == first | {"expires_in": 300}


async def test_the_stable_token_is_renewed_five_minutes_early_and_both_work(simulator: Simulator, clock: Clock) -> None:
    old = (await simulator.stable_token())["access_token"]
    clock.time += 6901
    new = await simulator.stable_token()

    assert new["access_token"] != old
    assert new["expires_in"] == 7200
    assert await use(simulator, old) == await use(simulator, new["access_token"]) == GOOD
    clock.time += 299
    assert await use(simulator, old) == EXPIRED


async def test_the_two_kinds_of_token_are_independent(simulator: Simulator, clock: Clock) -> None:
    stable = (await simulator.stable_token())["access_token"]
    await simulator.token()
    ordinary = (await simulator.token())["access_token"]
    await simulator.stable_token(force_refresh=True)
    clock.time += 301

    assert await use(simulator, ordinary) == GOOD
    assert await use(simulator, stable) == BAD


async def test_forcing_gives_a_new_token_and_kills_the_old_at_once(simulator: Simulator) -> None:
    old = (await simulator.stable_token())["access_token"]
    new = (await simulator.stable_token(force_refresh=True))["access_token"]

    assert old != new
    assert await use(simulator, old) == BAD
    assert await use(simulator, new) == GOOD


async def test_forcing_again_within_thirty_seconds_does_nothing(simulator: Simulator, clock: Clock) -> None:
    await simulator.stable_token()
    forced = await simulator.stable_token(force_refresh=True)
    clock.time += 29
    assert (await simulator.stable_token(force_refresh=True))["access_token"] == forced["access_token"]
    clock.time += 1
    assert (await simulator.stable_token(force_refresh=True))["access_token"] != forced["access_token"]


async def test_forcing_works_twenty_times_a_day(simulator: Simulator, clock: Clock) -> None:
    tokens = {(await simulator.stable_token())["access_token"]}
    for _ in range(25):
        tokens.add((await simulator.stable_token(force_refresh=True))["access_token"])
        clock.time += 60
    assert len(tokens) == 21
    clock.time += 86400 - 1500
    tokens.add((await simulator.stable_token(force_refresh=True))["access_token"])
    assert len(tokens) == 22


@pytest.mark.parametrize(
    ("changes", "errcode", "words"),
    [
        ({"appid": None}, 41002, "appid missing rid: "),
        ({"appid": "wxffffffffffffffff"}, 40013, "invalid appid rid: "),
        ({"secret": None}, 41004, "appsecret missing rid: "),
        ({"secret": "wrong"}, 40001, "invalid credential rid: "),
        ({"grant_type": "authorization_code"}, 40002, "invalid grant_type rid: "),
    ],
)
async def test_a_wrong_parameter_of_token_has_its_errcode(
    simulator: Simulator, changes: dict[str, str | None], errcode: int, words: str
) -> None:
    answer = await simulator.token(**changes)

    assert answer["errcode"] == errcode
    assert answer["errmsg"].startswith(words)


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"appid": ""}, 41002),
        ({"appid": "wxffffffffffffffff"}, 40013),
        ({"secret": ""}, 41004),
        ({"secret": "wrong"}, 40125),
        ({"secret": 7}, 40125),
        ({"grant_type": "authorization_code"}, 40002),
        ({"force_refresh": "true"}, 47001),
    ],
)
async def test_a_wrong_field_of_stable_token_has_its_errcode(
    simulator: Simulator, changes: dict[str, Any], errcode: int
) -> None:
    assert (await simulator.stable_token(**changes))["errcode"] == errcode


@pytest.mark.parametrize(("content", "errcode"), [(b"", 44002), (b"{", 47001), (b"[]", 47001), (b"\xff", 47001)])
async def test_a_body_that_is_no_object_is_refused(simulator: Simulator, content: bytes, errcode: int) -> None:
    response = await simulator.http.post("/cgi-bin/stable_token", content=content)

    assert response.json()["errcode"] == errcode


async def test_stable_token_wants_post_and_token_wants_get(simulator: Simulator) -> None:
    assert (await simulator.get("/cgi-bin/stable_token"))["errcode"] == 43002
    assert (await simulator.post("/cgi-bin/token", {}, appid=APP_ID, secret=APP_SECRET))["errcode"] == 43001


async def test_a_token_in_the_body_is_a_data_format_error(simulator: Simulator) -> None:
    token = (await simulator.token())["access_token"]

    answer = await simulator.post("/wxa/business/getuserphonenumber", {"access_token": token, "code": "x"})

    assert answer["errcode"] == 47001


async def test_the_stable_token_survives_a_client_that_fetches_in_a_loop(simulator: Simulator) -> None:
    stable = (await simulator.stable_token())["access_token"]
    for _ in range(1500):
        simulator.state.access_tokens.fetch()

    assert await use(simulator, stable) == GOOD


async def test_all_tokens_can_be_made_to_expire_at_once(simulator: Simulator) -> None:
    token = (await simulator.token())["access_token"]
    simulator.state.access_tokens.expire_all()

    assert await use(simulator, token) == EXPIRED
