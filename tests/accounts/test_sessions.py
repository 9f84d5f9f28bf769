"""How long a token works, and for whom."""

import pytest

from graph.settings import Settings
from tests.accounts.stored import run_sql
from tests.server import ME, Gate

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def is_signed_in(gate: Gate, token: str) -> bool:
    """Whether a token still names somebody; when not, the answer must be UNAUTHENTICATED."""
    answer = await gate.post(ME, token=token)
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


async def test_a_token_ends_after_seven_days_without_a_request(gate: Gate) -> None:
    idle, used = [(await gate.login(person))["token"] for person in ("alice", "bob")]
    gate.clock.advance(days=6, hours=23)
    assert await is_signed_in(gate, used)
    gate.clock.advance(hours=1)
    assert not await is_signed_in(gate, idle)
    assert await is_signed_in(gate, used)
    gate.clock.advance(days=6, hours=22)
    assert await is_signed_in(gate, used)


async def test_a_token_ends_after_thirty_days_however_much_it_is_used(gate: Gate) -> None:
    token = (await gate.login())["token"]
    for _ in range(29):
        gate.clock.advance(days=1)
        assert await is_signed_in(gate, token)
    gate.clock.advance(hours=23, minutes=59, seconds=59)
    assert await is_signed_in(gate, token)
    gate.clock.advance(seconds=1)
    assert not await is_signed_in(gate, token)


async def test_a_session_is_written_to_once_an_hour_at_most(gate: Gate, settings: Settings) -> None:
    async def last_seen() -> int:
        [row] = await run_sql(settings, "SELECT last_seen_at FROM sessions")
        return int(row["last_seen_at"])

    token = (await gate.login())["token"]
    at_login = await last_seen()
    assert at_login == gate.clock()

    gate.clock.advance(hours=1)
    assert await is_signed_in(gate, token)
    assert await last_seen() == at_login
    gate.clock.advance(seconds=1)
    assert await is_signed_in(gate, token)
    assert await last_seen() == gate.clock() == at_login + 3_601_000
    gate.clock.advance(minutes=59)
    assert await is_signed_in(gate, token)
    assert await last_seen() == at_login + 3_601_000


async def test_a_superseded_token_works_for_another_minute(gate: Gate) -> None:
    old = (await gate.login("alice"))["token"]
    new = (await gate.login("alice", token=old))["token"]
    gate.clock.advance(seconds=59)
    assert await is_signed_in(gate, old)
    gate.clock.advance(seconds=2)
    assert not await is_signed_in(gate, old)
    assert await is_signed_in(gate, new)


async def test_a_token_cannot_be_superseded_into_a_longer_life(gate: Gate) -> None:
    old = (await gate.login("alice"))["token"]
    await gate.login("alice", token=old)
    gate.clock.advance(seconds=50)
    await gate.login("alice", token=old)
    gate.clock.advance(seconds=11)
    assert not await is_signed_in(gate, old)


async def test_a_login_without_the_old_token_leaves_the_other_device_signed_in(gate: Gate) -> None:
    phone = (await gate.login("alice"))["token"]
    tablet = (await gate.login("alice"))["token"]
    gate.clock.advance(days=1)
    assert await is_signed_in(gate, phone)
    assert await is_signed_in(gate, tablet)


async def test_a_login_does_not_end_the_session_of_somebody_else(gate: Gate) -> None:
    of_bob = (await gate.login("bob"))["token"]
    await gate.login("alice", token=of_bob)
    gate.clock.advance(minutes=2)
    assert await is_signed_in(gate, of_bob)


async def test_of_more_than_ten_sessions_the_least_recently_seen_goes(gate: Gate) -> None:
    tokens = []
    for _ in range(10):
        tokens.append((await gate.login("alice"))["token"])
        gate.clock.advance(minutes=1)
    bystander = (await gate.login("bob"))["token"]
    gate.clock.advance(hours=2)
    assert await is_signed_in(gate, tokens[0])

    tokens.append((await gate.login("alice"))["token"])

    assert [await is_signed_in(gate, token) for token in tokens] == [True, False] + [True] * 9
    assert await is_signed_in(gate, bystander)


async def test_a_login_among_many_in_one_millisecond_is_good(gate: Gate) -> None:
    for _ in range(12):
        assert await is_signed_in(gate, (await gate.login("alice"))["token"])


async def test_a_login_is_good_even_where_other_servers_clocks_are_ahead(gate: Gate) -> None:
    for _ in range(10):
        await gate.login("alice")
    gate.clock.advance(seconds=-30)
    assert await is_signed_in(gate, (await gate.login("alice"))["token"])


async def test_expired_sessions_are_cleared_away_by_the_next_login(gate: Gate, settings: Settings) -> None:
    await gate.login("alice")
    gate.clock.advance(days=31)
    await gate.login("alice")
    assert await run_sql(settings, "SELECT COUNT(*) AS sessions FROM sessions") == [{"sessions": 1}]


@on_sqlite
async def test_a_token_with_any_character_changed_names_nobody(gate: Gate) -> None:
    token = (await gate.login())["token"]
    for place, character in enumerate(token):
        changed = token[:place] + ("A" if character != "A" else "B") + token[place + 1 :]
        assert not await is_signed_in(gate, changed), place


@on_sqlite
async def test_what_only_resembles_a_token_names_nobody(gate: Gate) -> None:
    token = (await gate.login())["token"]
    for text in ("", token[:-1], token + "A", token.lower(), f"{token} {token}", f'"{token}"', "wxs_" + "0" * 49):
        assert not await is_signed_in(gate, text), text


@on_sqlite
@pytest.mark.parametrize(
    ("scheme", "welcome"), [("Bearer", True), ("bearer", True), ("BEARER", True), ("Basic", False), ("Token", False)]
)
async def test_a_token_counts_behind_bearer_only(gate: Gate, scheme: str, welcome: bool) -> None:
    token = (await gate.login())["token"]
    response = await gate.http.post(
        "/graphql", json={"query": ME}, headers={"Authorization": f"{scheme} {token}", "Cookie": f"token={token}"}
    )
    assert (response.json()["data"]["me"] is not None) is welcome


@on_sqlite
async def test_a_token_in_a_url_or_cookie_is_not_looked_at(gate: Gate) -> None:
    token = (await gate.login())["token"]
    response = await gate.http.post(
        f"/graphql?access_token={token}", json={"query": ME}, headers={"Cookie": f"token={token}"}
    )
    assert response.json() == {"data": {"me": None}}


async def test_the_token_of_an_erased_person_names_nobody(gate: Gate, settings: Settings) -> None:
    erased, other = [await gate.login(person) for person in ("alice", "bob")]
    await run_sql(settings, f"DELETE FROM users WHERE id = '{erased['user']['id']}'")  # noqa: S608 - our own id
    assert not await is_signed_in(gate, erased["token"])
    assert await is_signed_in(gate, other["token"])
    assert (await gate.login("alice"))["user"]["id"] != erased["user"]["id"]


async def test_the_database_holds_no_token(gate: Gate, settings: Settings) -> None:
    token = (await gate.login())["token"]
    for table in ("users", "accounts", "sessions", "encryption_keys"):
        rows = await run_sql(settings, f"SELECT * FROM {table}")  # noqa: S608 - our own names
        assert rows
        assert token not in str(rows)
