"""The inbox of WeChat's events: nothing is lost, nothing happens twice, and what cannot be done is not forgotten."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from typing import Final

import pytest

from graph.accounts import event_inbox
from graph.accounts.events import apply_event
from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from graph.wechat.push import read_event
from models.database import Database
from models.events import store_event
from models.logins import sign_in
from tests.accounts.inbox import applied, audited, happens, rows, settings_with_events, tried, user_with_profile
from tests.accounts.stored import allow_connections, run_sql, wxgate
from tests.databases import give_tables
from tests.http.answers import refusal
from tests.models.rows import NOON, a_login, column
from tests.server import APP_ID, ENCRYPTION_KEYS, K2, Clock, TestServer, open_server, with_keys
from tests.wechat.pushes import event, push, send

REVOKE: Final = "user_authorization_revoke"
on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    return settings_with_events(wechat_simulator, database_url)


@pytest.fixture
async def server(settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock) -> AsyncIterator[TestServer]:
    """Without a choice of plans: what is pushed runs no document."""
    async with open_server(settings, wechat_simulator, clock) as opened:
        yield opened


async def test_an_event_that_comes_three_times_happens_once(server: TestServer, settings: Settings) -> None:
    token, openid = await user_with_profile(server, settings)
    at = server.clock.ms // 1000
    message = event(REVOKE, openid, app_id=APP_ID, at=at, RevokeInfo="6")
    # Each time with another nonce, and random bytes around it.
    answers = await asyncio.gather(*[send(server.http, push(message, app_id=APP_ID, at=at)) for _ in range(3)])
    assert {answer.text for answer in answers} == {"success"}
    await applied(settings)
    assert (await send(server.http, push(message, app_id=APP_ID, at=at))).text == "success"
    await applied(settings)
    assert len(await rows(settings)) == len(await audited(settings)) == 1
    assert (await server.me(token))["isAnonymous"]


async def test_two_users_in_one_second_from_one_sender_are_two_events(server: TestServer, settings: Settings) -> None:
    (alice, openid), (bob, other) = [await user_with_profile(server, settings, name) for name in ("alice", "bob")]
    at = server.clock.ms // 1000
    for one in (openid, other):
        message = event(REVOKE, one, app_id=APP_ID, at=at, RevokeInfo="6")
        await send(server.http, push(message, app_id=APP_ID, at=at))
    await applied(settings)
    assert len(await rows(settings)) == 2
    assert [(await server.me(token))["nickName"] for token in (alice, bob)] == [None, None]


async def test_an_event_that_waits_is_stored_without_what_it_names(
    server: TestServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, openid = await user_with_profile(server, settings)
    at = server.clock.ms // 1000
    message = event(REVOKE, openid, app_id=APP_ID, at=at, RevokeInfo="6")
    monkeypatch.setattr(event_inbox, "read_event", lambda *_: None)
    await send(server.http, push(message, app_id=APP_ID, at=at))
    row = await tried(settings, 1)
    assert row["body"].startswith("v1.k1.")
    assert openid not in str(row)
    assert (row["app_id"], row["event"], row["created_at"], row["state"]) == (APP_ID, REVOKE, 1000 * at, 0)
    assert row["due_at"] == row["received_at"] + 60_000


async def test_what_cannot_be_applied_is_tried_three_times_more_and_then_left(
    server: TestServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_inbox, "LOOK_EVERY_SECONDS", 0.05)
    token, openid = await user_with_profile(server, settings)
    at = server.clock.ms // 1000
    message = event(REVOKE, openid, app_id=APP_ID, at=at, RevokeInfo="6")
    with monkeypatch.context() as broken:
        broken.setattr(event_inbox, "read_event", lambda *_: None)
        await send(server.http, push(message, app_id=APP_ID, at=at))
        for tries, minutes in enumerate((1, 5, 30, 0), 1):
            assert (await tried(settings, tries))["state"] == (2 if tries == 4 else 0)
            server.clock.advance(minutes=minutes, seconds=1)
    assert caplog.text.count("could not apply an event") == 3
    assert caplog.text.count("gave up an event") == 1
    assert not (await server.me(token))["isAnonymous"]


async def test_an_event_that_waits_outlives_the_key_that_sealed_it(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        token, openid = await user_with_profile(server, settings)
        message = event(REVOKE, openid, app_id=APP_ID, at=clock.ms // 1000, RevokeInfo="6")
        with monkeypatch.context() as broken:
            broken.setattr(event_inbox, "read_event", lambda *_: None)
            await send(server.http, push(message, app_id=APP_ID, at=clock.ms // 1000))
            await tried(settings, 1)
    both = with_keys(settings, f"{K2},{ENCRYPTION_KEYS}")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        wxgate(both, "keys", "retire", "k1")
    assert "0 phone numbers, 1 events" in refused.value.stderr
    assert "1 events resealed, 0 unreadable\n" in wxgate(both, "keys", "rotate")
    assert "events" not in wxgate(both, "keys", "retire", "k1")
    clock.advance(minutes=2)
    async with open_server(with_keys(settings, K2), wechat_simulator, clock) as server:
        await applied(settings)
        assert (await server.me(token))["isAnonymous"]


@on_postgres
async def test_what_was_acknowledged_outlives_a_database_that_goes_away(
    server: TestServer, settings: Settings, postgres_directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_inbox, "LOOK_EVERY_SECONDS", 0.05)
    token, openid = await user_with_profile(server, settings)
    at = server.clock.ms // 1000
    kept, lost = (
        push(event(REVOKE, openid, app_id=APP_ID, at=at, RevokeInfo=info), app_id=APP_ID, at=at) for info in "56"
    )
    with monkeypatch.context() as broken:
        broken.setattr(event_inbox, "read_event", lambda *_: None)
        await send(server.http, kept)
        await tried(settings, 1)
    await allow_connections(settings, postgres_directory, allowed=False)
    try:
        assert refusal(await send(server.http, lost), 503) == "SERVICE_UNAVAILABLE"
        server.clock.advance(minutes=2)
    finally:
        await allow_connections(settings, postgres_directory, allowed=True)
    await applied(settings)
    # That it was away is no try.
    assert [row["tries"] for row in await rows(settings)] == [2]
    server.clock.advance(minutes=-2)
    assert (await send(server.http, lost)).text == "success"
    await applied(settings)
    assert (await server.me(token))["isAnonymous"]
    assert len(await audited(settings)) == 2


async def test_what_a_process_took_and_left_another_one_applies(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        _, openid = await user_with_profile(server, settings)
        with monkeypatch.context() as broken:
            broken.setattr(event_inbox, "read_event", lambda *_: None)
            message = event(REVOKE, openid, app_id=APP_ID, at=clock.ms // 1000, RevokeInfo="6")
            await send(server.http, push(message, app_id=APP_ID, at=clock.ms // 1000))
            await tried(settings, 1)
    # As it is while a process is at it; this one died.
    await run_sql(settings, f"UPDATE events SET due_at = 0, taken_until = {clock.ms + 60_000}")  # noqa: S608 - a number
    monkeypatch.setattr(event_inbox, "LOOK_EVERY_SECONDS", 0.05)
    async with open_server(settings, wechat_simulator, clock) as server:
        message = event(REVOKE, "oSYNTHETIC0000000000000user1", app_id=APP_ID, at=clock.ms // 1000)
        await send(server.http, push(message, app_id=APP_ID, at=clock.ms // 1000))
        await applied(settings, but=1)
        assert [row["due_at"] for row in await rows(settings, "state = 0")] == [0], "the one that was taken"
        clock.advance(minutes=1)
        await applied(settings)
        assert len(await audited(settings)) == 1


async def test_an_event_that_several_transactions_apply_at_once_happens_once(database_url: str) -> None:
    await give_tables(database_url)
    about = event("user_info_modified", "openid-alice", app_id="wx-one", at=NOON // 1000)
    pushed = read_event(json.dumps(about).encode(), "wx-one")
    assert pushed is not None
    async with Database(database_url) as database:
        await sign_in(database, a_login(1))
        await store_event(database, "id", app_id="wx-one", event=pushed.name, body="sealed", created_at=1, now=NOON)
        work = [database.transaction(lambda: apply_event("id", "wx-one", pushed, now=NOON)) for _ in range(5)]
        await asyncio.gather(*work)
        assert await column(database, "SELECT action FROM audit_log WHERE actor = 'wechat'") == ["event_modified"]
        assert await column(database, "SELECT tries FROM events") == [1]


async def test_events_are_forgotten_a_month_after_they_were_applied_three_if_they_failed(
    server: TestServer, settings: Settings
) -> None:
    _, openid = await user_with_profile(server, settings)
    await happens(server, settings, REVOKE, openid, RevokeInfo="6")
    await run_sql(settings, "UPDATE events SET due_at = due_at - 2505600000")
    assert "0 events removed\n" in await asyncio.to_thread(wxgate, settings, "cleanup")
    await run_sql(settings, "UPDATE events SET due_at = due_at - 86400000")
    assert "1 events removed\n" in await asyncio.to_thread(wxgate, settings, "cleanup")
    assert await rows(settings) == []
    await happens(server, settings, REVOKE, openid, RevokeInfo="8")
    await run_sql(settings, f"UPDATE events SET state = 2, due_at = due_at - {89 * 86_400_000}")  # noqa: S608 - a number
    assert "0 events removed\n" in await asyncio.to_thread(wxgate, settings, "cleanup")
    await run_sql(settings, "UPDATE events SET due_at = due_at - 86400000")
    assert "1 events removed\n" in await asyncio.to_thread(wxgate, settings, "cleanup")
