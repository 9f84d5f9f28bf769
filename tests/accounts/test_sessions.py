"""How long a token works, and for whom."""

import asyncio
from typing import Final

import pytest

from graph.settings import Settings
from tests.accounts.stored import run_sql
from tests.server import ME, SUBMIT, TestServer

# Seconds; whatever takes longer waits for ever.
BOUND: Final = 20

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def is_signed_in(server: TestServer, token: str) -> bool:
    """Whether a token still names somebody; when not, the answer must be UNAUTHENTICATED."""
    answer = await server.post(ME, token=token)
    if "errors" not in answer:
        assert answer["data"]["me"] is not None
        return True
    [error] = answer["errors"]
    assert error["extensions"] | {"requestId": ""} == {
        "code": "UNAUTHENTICATED",
        "action": "LOG_IN",
        "retryable": True,
        "requestId": "",
    }
    assert answer["data"] == {"me": None}
    return False


async def seen(settings: Settings, at: int) -> None:
    """Returns when it is noted, behind the answer, that a session was in use at `at`."""
    async with asyncio.timeout(BOUND):
        while not await run_sql(settings, f"SELECT 1 FROM sessions WHERE last_seen_at = {at}"):  # noqa: ASYNC110, S608
            await asyncio.sleep(0.01)


async def test_a_token_ends_after_seven_days_without_a_request(server: TestServer, settings: Settings) -> None:
    idle, used = [(await server.login(person))["token"] for person in ("alice", "bob")]
    server.clock.advance(days=6, hours=23)
    assert await is_signed_in(server, used)
    await seen(settings, server.clock())
    server.clock.advance(hours=1)
    assert not await is_signed_in(server, idle)
    assert await is_signed_in(server, used)
    server.clock.advance(days=6, hours=22)
    assert await is_signed_in(server, used)


async def test_a_token_ends_after_thirty_days_however_much_it_is_used(server: TestServer, settings: Settings) -> None:
    token = (await server.login())["token"]
    for _ in range(29):
        server.clock.advance(days=1)
        assert await is_signed_in(server, token)
        await seen(settings, server.clock())
    server.clock.advance(hours=23, minutes=59, seconds=59)
    assert await is_signed_in(server, token)
    server.clock.advance(seconds=1)
    assert not await is_signed_in(server, token)


async def test_a_session_is_written_to_once_an_hour_at_most(server: TestServer, settings: Settings) -> None:
    async def last_seen() -> int:
        [row] = await run_sql(settings, "SELECT last_seen_at FROM sessions")
        return int(row["last_seen_at"])

    token = (await server.login())["token"]
    at_login = await last_seen()
    assert at_login == server.clock()

    server.clock.advance(hours=1)
    assert await is_signed_in(server, token)
    assert await last_seen() == at_login
    server.clock.advance(seconds=1)
    assert await is_signed_in(server, token)
    await seen(settings, server.clock())
    assert await last_seen() == server.clock() == at_login + 3_601_000
    server.clock.advance(minutes=59)
    assert await is_signed_in(server, token)
    assert await last_seen() == at_login + 3_601_000


async def test_a_superseded_token_works_for_another_minute(server: TestServer) -> None:
    old = (await server.login("alice"))["token"]
    new = (await server.login("alice", token=old))["token"]
    server.clock.advance(seconds=59)
    assert await is_signed_in(server, old)
    server.clock.advance(seconds=2)
    assert not await is_signed_in(server, old)
    assert await is_signed_in(server, new)


async def test_a_token_cannot_be_superseded_into_a_longer_life(server: TestServer) -> None:
    old = (await server.login("alice"))["token"]
    await server.login("alice", token=old)
    server.clock.advance(seconds=50)
    await server.login("alice", token=old)
    server.clock.advance(seconds=11)
    assert not await is_signed_in(server, old)


async def test_a_login_without_the_old_token_leaves_the_other_device_signed_in(server: TestServer) -> None:
    phone = (await server.login("alice"))["token"]
    tablet = (await server.login("alice"))["token"]
    server.clock.advance(days=1)
    assert await is_signed_in(server, phone)
    assert await is_signed_in(server, tablet)


async def test_a_login_does_not_end_the_session_of_somebody_else(server: TestServer) -> None:
    of_bob = (await server.login("bob"))["token"]
    await server.login("alice", token=of_bob)
    server.clock.advance(minutes=2)
    assert await is_signed_in(server, of_bob)


async def test_of_more_than_ten_sessions_the_least_recently_seen_goes(server: TestServer, settings: Settings) -> None:
    tokens = []
    for _ in range(10):
        tokens.append((await server.login("alice"))["token"])
        server.clock.advance(minutes=1)
    bystander = (await server.login("bob"))["token"]
    server.clock.advance(hours=2)
    assert await is_signed_in(server, tokens[0])
    await seen(settings, server.clock())

    tokens.append((await server.login("alice"))["token"])

    assert [await is_signed_in(server, token) for token in tokens] == [True, False] + [True] * 9
    assert await is_signed_in(server, bystander)


async def test_a_login_among_many_in_one_millisecond_is_good(server: TestServer) -> None:
    for _ in range(12):
        assert await is_signed_in(server, (await server.login("alice"))["token"])


async def test_a_login_is_good_even_where_other_servers_clocks_are_ahead(server: TestServer) -> None:
    for _ in range(10):
        await server.login("alice")
    server.clock.advance(seconds=-30)
    assert await is_signed_in(server, (await server.login("alice"))["token"])


async def test_a_login_by_a_clock_that_is_weeks_ahead_signs_no_other_device_out(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    server.clock.advance(days=31)
    await server.login("alice")
    server.clock.advance(days=-31)
    assert await is_signed_in(server, token)


@on_sqlite
async def test_a_token_with_any_character_changed_names_nobody(server: TestServer) -> None:
    token = (await server.login())["token"]
    for place, character in enumerate(token):
        changed = token[:place] + ("A" if character != "A" else "B") + token[place + 1 :]
        assert not await is_signed_in(server, changed), place


@on_sqlite
async def test_what_only_resembles_a_token_names_nobody(server: TestServer) -> None:
    token = (await server.login())["token"]
    for text in ("", token[:-1], token + "A", token.lower(), "undefined", "null", "wxs_" + "0" * 49):
        assert not await is_signed_in(server, text), text


@on_sqlite
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
async def test_a_token_counts_behind_bearer_in_any_case(server: TestServer, scheme: str) -> None:
    token = (await server.login())["token"]
    response = await server.http.post("/graphql", json={"query": ME}, headers={"Authorization": f"{scheme} {token}"})
    assert response.json()["data"]["me"] is not None


@on_sqlite
@pytest.mark.parametrize(
    "form",
    [
        "{}",
        '"{}"',
        "Basic {}",
        "Token {}",
        "token={}",
        "Bearer: {}",
        'Bearer "{}"',
        '"Bearer {}"',
        "Bearer '{}'",
        "Bearer <{}>",
        "Bearer Bearer {}",
        "Bearer {0} {0}",
    ],
)
async def test_a_token_in_another_form_is_no_reason_to_log_in_again(server: TestServer, form: str) -> None:
    token = (await server.login())["token"]
    headers = {"Authorization": form.format(token), "Cookie": f"token={token}"}
    submission = {"query": SUBMIT, "variables": server.wechat.user_info()}
    for request in ({"query": ME}, submission):
        response = await server.http.post("/graphql", json=request, headers=headers)
        [error] = response.json()["errors"]
        extensions = error["extensions"]
        assert (extensions["code"], extensions["action"]) == ("UNAUTHENTICATED", "FIX_REQUEST")
        assert not extensions["retryable"]
        assert "`Authorization: Bearer <token>`" in error["message"]
        assert token not in response.text


@on_sqlite
@pytest.mark.parametrize("empty", ["", "  "])
async def test_an_empty_authorization_is_none(server: TestServer, empty: str) -> None:
    response = await server.http.post("/graphql", json={"query": ME}, headers={"Authorization": empty})
    assert response.json() == {"data": {"me": None}}


@on_sqlite
async def test_a_token_in_a_url_or_cookie_is_not_looked_at(server: TestServer) -> None:
    token = (await server.login())["token"]
    response = await server.http.post(
        f"/graphql?access_token={token}", json={"query": ME}, headers={"Cookie": f"token={token}"}
    )
    assert response.json() == {"data": {"me": None}}


async def test_the_token_of_an_erased_person_names_nobody(server: TestServer, settings: Settings) -> None:
    erased, other = [await server.login(person) for person in ("alice", "bob")]
    await run_sql(settings, f"DELETE FROM users WHERE id = '{erased['user']['id']}'")  # noqa: S608 - our own id
    assert not await is_signed_in(server, erased["token"])
    assert await is_signed_in(server, other["token"])
    assert (await server.login("alice"))["user"]["id"] != erased["user"]["id"]


async def test_the_database_holds_no_token(server: TestServer, settings: Settings) -> None:
    token = (await server.login())["token"]
    for table in ("users", "accounts", "sessions", "encryption_keys"):
        rows = await run_sql(settings, f"SELECT * FROM {table}")  # noqa: S608 - our own names
        assert rows
        assert token not in str(rows)
