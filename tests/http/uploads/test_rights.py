"""A body is read of clients that are signed in, have not uploaded too often, and find a place."""

import asyncio

import pytest

from graph.settings import RateLimitSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.http.answers import refusal
from tests.http.uploading import (
    SlowBody,
    form,
    send,
    taken,
    unread,
    uploads,
)
from tests.server import Clock, TestServer, open_server

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@on_sqlite
@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer x", "Basic eDp5", "wxs_x", "Bearer Bearer x"])
async def test_without_a_session_the_body_is_not_read(server: TestServer, authorization: str | None) -> None:
    more = {} if authorization is None else {"Authorization": authorization}
    response = await send(server, None, unread(), **more)
    assert refusal(response, 401) == "UNAUTHENTICATED"
    assert response.headers["www-authenticate"] == "Bearer"


@on_sqlite
async def test_a_session_that_ended_uploads_nothing(server: TestServer, token: str) -> None:
    await server.post("mutation { logout }", token=token)
    assert refusal(await send(server, token, unread()), 401) == "UNAUTHENTICATED"


async def test_an_account_may_upload_so_often_and_an_address_ten_times_as_often(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    limited = settings.model_copy(update={"rate_limit": RateLimitSettings(upload="1/hour")})
    async with open_server(limited, wechat_simulator, clock) as server:
        tokens = [(await server.login(f"user {number}"))["token"] for number in range(12)]
        for number, token in enumerate(tokens[:10]):
            await taken(await send(server, token))
            if not number:  # nor does it take from what the others at the address have
                refused = await send(server, token, unread())
                assert refusal(refused, 429) == "RATE_LIMITED"
                assert 3590 < int(refused.headers["retry-after"]) <= 3600
                assert refused.json()["errors"][0]["extensions"]["action"] == "WAIT"
        assert refusal(await send(server, tokens[10], unread()), 429) == "RATE_LIMITED"
        clock.advance(hours=1)
        await taken(await send(server, tokens[11]))


@on_sqlite
async def test_what_finds_no_place_is_not_counted(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    limited = settings.model_copy(update={"rate_limit": RateLimitSettings(upload="3/hour")})
    async with open_server(limited, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        slow = [SlowBody(), SlowBody()]
        sent = [asyncio.create_task(send(server, token, each.pieces())) for each in slow]
        for each in slow:
            await each.is_read()
        for _ in range(5):
            assert refusal(await send(server, token, unread()), 503) == "SERVICE_UNAVAILABLE"
        for each in slow:
            each.go_on.set()
        for response in await asyncio.gather(*sent):
            await taken(response)
        await taken(await send(server, token))


async def test_an_account_has_two_places_and_all_have_sixteen(server: TestServer, settings: Settings) -> None:
    tokens = [(await server.login(f"user {number}"))["token"] for number in range(9)]
    slow = [SlowBody() for _ in range(16)]
    sent = [asyncio.create_task(send(server, tokens[number // 2], each.pieces())) for number, each in enumerate(slow)]
    for each in slow:
        await each.is_read()
    refused = await send(server, tokens[8], unread())
    assert refusal(refused, 503) == "SERVICE_UNAVAILABLE"
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["errors"][0]["extensions"] | {"requestId": ""} == {
        "code": "SERVICE_UNAVAILABLE",
        "action": "WAIT",
        "retryable": True,
        "requestId": "",
        "retryAfterMs": 1000,
    }
    slow[0].go_on.set()
    await taken(await sent[0])
    await taken(await send(server, tokens[8]))
    assert refusal(await send(server, tokens[1], unread()), 503) == "SERVICE_UNAVAILABLE", "it has two already"
    for each in slow:
        each.go_on.set()
    for response in await asyncio.gather(*sent):
        await taken(response)
    assert len(await uploads(settings)) == 17


@on_sqlite
async def test_a_place_is_free_again_whatever_becomes_of_its_upload(server: TestServer, token: str) -> None:
    for body in (form(b"no picture"), b"no form", form()[:-9], form(b"x" * 6_000_000)) * 5:
        assert (await send(server, token, body)).status_code in {400, 413, 422}
    for _ in range(5):
        slow = SlowBody()
        left = asyncio.create_task(send(server, token, slow.pieces()))
        await slow.is_read()
        left.cancel()
        await asyncio.wait([left])
    await taken(await send(server, token))
