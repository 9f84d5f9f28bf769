"""`wxgate events`: what an operator sees of the inbox, and how what was given up is applied after all."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from graph.accounts import event_inbox
from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.inbox import applied, audited, openid_of, rows, settings_with_events
from tests.accounts.stored import run_sql, wxgate
from tests.cli.processes import invoke
from tests.databases import give_tables
from tests.secret_patterns import secrets_in
from tests.server import APP_ID, Clock, open_server
from tests.wechat.pushes import event, push, send

MODIFIED = "user_info_modified"


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    return settings_with_events(wechat_simulator, database_url)


@pytest.fixture
def events(database_url: str) -> Callable[..., list[Any]]:
    """What `wxgate events list --json` prints."""

    def listed(*arguments: str) -> list[Any]:
        result = invoke("events", "list", "--json", *arguments, WXGATE_DATABASE_URL=database_url)
        assert result.exit_code == 0, result.output
        assert secrets_in(result.output) == []
        return [json.loads(line) for line in result.output.splitlines()]

    return listed


def stored(settings: Settings, **states: int) -> None:
    """Events of these ids and states, each a second newer than the one before."""
    columns = "id, app_id, event, body, created_at, received_at, due_at, taken_until, tries, state"
    values = ", ".join(
        f"('{name}', '{APP_ID}', '{MODIFIED}', 'v1.k1.sealed', 1000, {1000 * number}, {1000 * number}, 0, 4, {state})"
        for number, (name, state) in enumerate(states.items(), 1)
    )
    asyncio.run(give_tables(settings.database.url.get_secret_value()))
    asyncio.run(run_sql(settings, f"INSERT INTO events ({columns}) VALUES {values}"))  # noqa: S608 - of this file


def test_events_are_listed_newest_first_with_their_states(
    settings: Settings, events: Callable[..., list[Any]], database_url: str
) -> None:
    stored(settings, one=1, two=2, three=0)
    assert [(row["id"], row["state"]) for row in events()] == [("three", "new"), ("two", "failed"), ("one", "done")]
    [failed] = events("--failed")
    assert failed == {
        "id": "two",
        "app_id": APP_ID,
        "event": MODIFIED,
        "state": "failed",
        "tries": 4,
        "created_at": "1970-01-01T00:00:01.000+00:00",
        "received_at": "1970-01-01T00:00:02.000+00:00",
        "due_at": "1970-01-01T00:00:02.000+00:00",
    }
    table = invoke("events", "list", WXGATE_DATABASE_URL=database_url).output.splitlines()
    assert len(table) == 4
    assert table[2].split() == ["two", "1970-01-01", "00:00:02", APP_ID, MODIFIED, "failed", "4"]


def test_only_what_is_given_up_is_retried(settings: Settings, database_url: str) -> None:
    stored(settings, one=1, two=2, three=0)
    for name in ("one", "three", "four"):
        refused = invoke("events", "retry", name, WXGATE_DATABASE_URL=database_url)
        assert refused.exit_code == 1
        assert f"No event {name} is given up" in refused.output
    done = invoke("events", "retry", "two", WXGATE_DATABASE_URL=database_url)
    assert (done.exit_code, done.output) == (0, "two is due again.\n")
    assert [(row["state"], row["tries"]) for row in asyncio.run(rows(settings, "id = 'two'"))] == [(0, 0)]


async def test_a_running_server_applies_what_an_operator_retries(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_inbox, "LOOK_EVERY_SECONDS", 0.05)
    async with open_server(settings, wechat_simulator, clock) as server:
        login = await server.login("alice")
        openid, at = await openid_of(settings, login["user"]["id"], APP_ID), clock.ms // 1000
        with monkeypatch.context() as broken:
            broken.setattr(event_inbox, "RETRY_AFTER_MS", ())
            broken.setattr(event_inbox, "read_event", lambda *_: None)
            await send(server.http, push(event(MODIFIED, openid, app_id=APP_ID, at=at), app_id=APP_ID, at=at))
            await applied(settings)
        [row] = await rows(settings, "state = 2")
        assert await audited(settings) == []
        printed = await asyncio.to_thread(wxgate, settings, "events", "retry", row["id"])
        assert printed == f"{row['id']} is due again.\n"
        clock.advance(minutes=5)  # the command looks at the real one
        await applied(settings)
        assert [row["body"] for row in await rows(settings, "state = 1")] == [""]
        assert len(await audited(settings)) == 1
