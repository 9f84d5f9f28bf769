"""Users see which devices they are signed in on, and sign them out, each at once and for good."""

import asyncio
import json
from typing import Any, Final

import pytest

from graph.security.tokens import SessionToken, session_id
from graph.settings import SessionSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.stored import run_sql
from tests.server import APP_ID, ME, Clock, TestServer, open_server

SESSIONS: Final = """
{ sessions { id isCurrent createdAt lastSeenAt expiresAt appId
             device { label platform weChatVersion appVersion } } }"""
LOGOUT: Final = "mutation { logout }"
REVOKE: Final = "mutation ($id: ID!) { revokeSession(id: $id) }"
REVOKE_OTHERS: Final = "mutation { revokeOtherSessions }"
ALL: Final = (SESSIONS, LOGOUT, REVOKE, REVOKE_OTHERS)

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def sessions(server: TestServer, token: str) -> list[dict[str, Any]]:
    """The sessions that the holder of a token sees."""
    answer = await server.post(SESSIONS, token=token)
    assert "errors" not in answer, answer
    listed: list[dict[str, Any]] = answer["data"]["sessions"]
    return listed


async def done(server: TestServer, mutation: str, token: str | None, **variables: object) -> Any:
    """What a mutation answers."""
    answer = await server.post(mutation, variables, token=token)
    assert "errors" not in answer, answer
    [value] = answer["data"].values()
    return value


async def is_signed_in(server: TestServer, token: str) -> bool:
    return "errors" not in await server.post(ME, token=token)


async def tokens_of(server: TestServer, *users: str) -> list[str]:
    """The tokens of logins a minute apart."""
    tokens = []
    for user in users:
        tokens.append((await server.login(user))["token"])
        server.clock.advance(minutes=1)
    return tokens


def hash_of(token: str) -> str:
    parsed = SessionToken.parse(token)
    assert parsed is not None
    return parsed.hash()


def id_of(token: str) -> str:
    return session_id(hash_of(token))


async def audit(settings: Settings) -> list[dict[str, Any]]:
    """What the audit log holds, in order; its ids are as random as others."""
    rows = await run_sql(settings, "SELECT * FROM audit_log WHERE action <> 'user_created' ORDER BY at, id")
    assert len({row.pop("id") for row in rows}) == len(rows)
    return rows


async def stored(settings: Settings) -> int:
    return len(await run_sql(settings, "SELECT token_hash FROM sessions"))


async def test_a_user_sees_their_live_sessions_the_one_seen_last_first(server: TestServer) -> None:
    first, _, last = await tokens_of(server, "alice", "bob", "alice")
    newest, oldest = await sessions(server, first)

    assert [session.pop("id") for session in (newest, oldest)] == [id_of(last), id_of(first)]
    assert [session["isCurrent"] for session in (newest, oldest)] == [False, True]
    assert newest["createdAt"] == newest["lastSeenAt"] > oldest["createdAt"]
    assert newest["expiresAt"] > newest["createdAt"]
    assert newest["appId"] == APP_ID
    assert newest["device"]["platform"] == "OTHER"
    assert [session["isCurrent"] for session in await sessions(server, last)] == [True, False]


async def test_a_session_in_use_is_seen_to_the_hour(server: TestServer) -> None:
    used, _ = await tokens_of(server, "alice", "alice")
    server.clock.advance(hours=2)
    async with asyncio.timeout(20):
        while (listed := await sessions(server, used))[0]["id"] != id_of(used):  # noqa: ASYNC110 - written behind it
            await asyncio.sleep(0.01)
    assert listed[0]["lastSeenAt"] > listed[1]["lastSeenAt"] == listed[1]["createdAt"]


async def test_what_has_ended_is_not_listed(server: TestServer, settings: Settings) -> None:
    forged, superseded = await tokens_of(server, "alice", "alice")
    token = (await server.login("alice", token=superseded))["token"]
    await run_sql(settings, f"UPDATE sessions SET mac = 'v1.k1.00' WHERE token_hash = '{hash_of(forged)}'")  # noqa: S608
    assert [session["id"] for session in await sessions(server, token)] == [id_of(token)]
    assert {session["id"] for session in await sessions(server, superseded)} == {id_of(token), id_of(superseded)}

    server.clock.advance(days=6)
    later = (await server.login("alice"))["token"]
    server.clock.advance(days=1)
    assert [session["id"] for session in await sessions(server, later)] == [id_of(later)]
    assert await stored(settings) == 4


async def test_the_eleventh_login_drops_the_session_seen_last(server: TestServer) -> None:
    tokens = await tokens_of(server, *["alice"] * 11)
    listed = [session["id"] for session in await sessions(server, tokens[-1])]
    assert listed == [id_of(token) for token in reversed(tokens[1:])]


async def test_a_logout_ends_its_session_once(server: TestServer, settings: Settings) -> None:
    token, other = await tokens_of(server, "alice", "alice")
    assert await done(server, LOGOUT, token) is True
    assert await done(server, LOGOUT, token) is False
    assert not await is_signed_in(server, token)
    assert [session["id"] for session in await sessions(server, other)] == [id_of(other)]
    user = (await server.me(other))["id"]
    assert await audit(settings) == [
        {
            "at": server.clock(),
            "action": "logged_out",
            "user_id": user,
            "app_id": APP_ID,
            "session": id_of(token),
            "actor": "user",
            "detail": "{}",
        }
    ]


@pytest.mark.parametrize("token", [None, "", "garbage", "wxs_" + "0" * 49, "wxs_" + "Ü" * 49, "x" * 4096])
async def test_a_logout_without_a_token_ends_nothing_and_is_no_error(
    server: TestServer, settings: Settings, token: str | None
) -> None:
    headers = [] if token is None else [(b"Authorization", f"Bearer {token}".encode())]
    [kept] = await tokens_of(server, "alice")
    response = await server.http.post("/graphql", json={"query": LOGOUT}, headers=headers)
    assert response.json() == {"data": {"logout": False}}
    assert await done(server, LOGOUT, SessionToken.issue().get_secret_value()) is False
    assert await is_signed_in(server, kept)
    assert await audit(settings) == []


async def test_a_logout_with_a_session_that_has_ended_is_no_error(server: TestServer, settings: Settings) -> None:
    forged, superseded, expired = await tokens_of(server, "mallory", "alice", "bob")
    await server.login("alice", token=superseded)
    await run_sql(settings, f"UPDATE sessions SET mac = 'v1.k1.00' WHERE token_hash = '{hash_of(forged)}'")  # noqa: S608
    assert [await done(server, LOGOUT, token) for token in (superseded, forged)] == [False, False]
    assert await stored(settings) == 2, "neither is good for anything any more"
    assert not await is_signed_in(server, superseded)
    server.clock.advance(days=8)
    assert await done(server, LOGOUT, expired) is False
    assert await audit(settings) == []


async def test_a_session_is_revoked_by_another_of_its_user(server: TestServer, settings: Settings) -> None:
    phone, tablet, of_bob = await tokens_of(server, "alice", "alice", "bob")
    user = (await server.me(phone))["id"]
    assert await done(server, REVOKE, phone, id=id_of(tablet)) is True
    assert await done(server, REVOKE, phone, id=id_of(tablet)) is False
    assert [await is_signed_in(server, token) for token in (phone, tablet, of_bob)] == [True, False, True]
    assert await done(server, REVOKE, phone, id=id_of(phone)) is True, "one's own as well"
    assert not await is_signed_in(server, phone)
    entries = await audit(settings)
    assert {(row["action"], row["user_id"], row["app_id"], row["actor"], row["detail"]) for row in entries} == {
        ("session_revoked", user, APP_ID, "user", "{}")
    }
    assert {row["session"] for row in entries} == {id_of(tablet), id_of(phone)}


async def test_a_session_of_another_user_is_as_one_that_is_not_there(server: TestServer, settings: Settings) -> None:
    mallory, alice = await tokens_of(server, "mallory", "alice")
    assert await done(server, REVOKE, mallory, id=id_of(alice)) is False
    assert await done(server, REVOKE, mallory, id="0" * 22) is False
    assert await is_signed_in(server, alice)
    assert await audit(settings) == []


@on_sqlite
@pytest.mark.parametrize(
    "text", ["", "x" * 4096, "0" * 21, "0" * 23, "0" * 21 + "_", "0" * 21 + "é", "0" * 22 + "\n", 7]
)
async def test_what_is_no_id_is_the_client_s_mistake(server: TestServer, text: object) -> None:
    [token] = await tokens_of(server, "alice")
    [error] = (await server.post(REVOKE, {"id": text}, token=token))["errors"]
    assert (error["extensions"]["code"], error["extensions"]["action"]) == ("BAD_USER_INPUT", "FIX_REQUEST")
    assert await server.code_of_error(REVOKE, {"id": text}) == "UNAUTHENTICATED", "to strangers not even that"


@on_sqlite
async def test_only_a_logout_needs_no_user(server: TestServer) -> None:
    for operation in (SESSIONS, REVOKE, REVOKE_OTHERS):
        for token in (None, SessionToken.issue().get_secret_value()):
            assert await server.code_of_error(operation, {"id": "0" * 22}, token=token) == "UNAUTHENTICATED"


async def test_all_other_sessions_of_a_user_end_together(server: TestServer, settings: Settings) -> None:
    superseded, tablet, phone, of_bob = await tokens_of(server, "alice", "alice", "alice", "bob")
    laptop = (await server.login("alice", token=superseded))["token"]
    user = (await server.me(phone))["id"]
    assert await done(server, REVOKE_OTHERS, phone) == 2, "what was superseded does not count, and ends too"
    tokens = (superseded, tablet, laptop, phone, of_bob)
    assert [await is_signed_in(server, token) for token in tokens] == [False] * 3 + [True] * 2
    assert await done(server, REVOKE_OTHERS, phone) == 0
    [entry] = await audit(settings)
    assert (entry["action"], entry["user_id"], entry["session"]) == ("sessions_revoked", user, id_of(phone))
    assert (entry["app_id"], entry["actor"], json.loads(entry["detail"])) == (APP_ID, "user", {"count": 2})


async def test_a_login_meanwhile_survives_or_counts_among_the_revoked(server: TestServer, settings: Settings) -> None:
    [phone] = await tokens_of(server, "alice")
    logins = revoked = 0
    for _ in range(5):
        before = [(await server.login("alice"))["token"] for _ in range(2)]
        answers = await asyncio.gather(
            *[server.login("alice") for _ in range(3)], done(server, REVOKE_OTHERS, phone), server.login("alice")
        )
        new = [answer["token"] for answer in answers if isinstance(answer, dict)]
        logins += len(before) + len(new)
        revoked += sum(answer for answer in answers if isinstance(answer, int))
        assert [await is_signed_in(server, token) for token in before] == [False] * 2
        # The limit of ten drops none: that would be a session neither alive nor counted.
        revoked += await done(server, REVOKE_OTHERS, phone)
        assert logins == revoked
    assert await stored(settings) == 1
    assert sum(json.loads(row["detail"])["count"] for row in await audit(settings)) == revoked


async def test_a_thousand_sessions_are_listed_and_ended(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    many = settings.model_copy(update={"session": SessionSettings(max_per_user=1000)})
    async with open_server(many, wechat_simulator, clock) as server:
        login = await server.login("alice")
        [row] = await run_sql(settings, "SELECT user_id, account_id FROM sessions")
        hashes = [SessionToken.issue().hash() for _ in range(999)]
        values = f"'{row['user_id']}', {row['account_id']}, {clock()}, {clock()}, {clock() + 10**9}"
        await run_sql(
            settings,
            "INSERT INTO sessions (token_hash, user_id, account_id, created_at, last_seen_at, expires_at) VALUES "  # noqa: S608
            + ", ".join(f"('{each}', {values})" for each in hashes),
        )
        listed = await sessions(server, login["token"])
        assert {session["id"] for session in listed} == {id_of(login["token"]), *map(session_id, hashes)}
        # What an earlier version wrote.
        nothing = {"label": None, "platform": "OTHER", "weChatVersion": None, "appVersion": None}
        assert [session["device"] for session in listed if not session["isCurrent"]] == [nothing] * 999
        assert await done(server, REVOKE_OTHERS, login["token"]) == 999


async def test_of_devices_that_end_all_others_at_once_one_stays(server: TestServer) -> None:
    for _ in range(5):
        tokens = await tokens_of(server, "alice", "alice", "alice")
        answers = await asyncio.gather(*[server.post(REVOKE_OTHERS, token=token) for token in tokens])
        assert sorted("errors" in answer for answer in answers) == [False, True, True]
        alive = [await is_signed_in(server, token) for token in tokens]
        assert alive == ["errors" not in answer for answer in answers]


@on_sqlite
async def test_a_session_is_ended_by_its_user_in_its_last_minute_too(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    of_a_day = settings.model_copy(update={"session": SessionSettings(absolute_days=1)})
    async with open_server(of_a_day, wechat_simulator, clock) as server:
        token, another = [(await server.login("alice"))["token"] for _ in range(2)]
        server.clock.advance(hours=23, minutes=59, seconds=10)
        assert len(await sessions(server, token)) == 2
        assert await done(server, LOGOUT, another)
        assert await done(server, LOGOUT, token)
