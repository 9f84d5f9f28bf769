"""What WeChat finds of a name and a region, or cannot find just now, and what the server makes of it by its policy."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Literal

import pytest

from graph.accounts import text_check
from graph.settings import CheckSettings, Settings
from graph.simulator.serving import WeChatSimulator
from models.database import Database
from models.text_checks import TextCheckState
from models.users import UserRecord, find_user
from tests.accounts.profiles import CHECK_TEXT, audited, profile, refusal, text_checks, until, update
from tests.accounts.stored import run_sql
from tests.server import SHOP, Clock, TestServer, open_server, settings_for, wechat_settings

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

Policy = Literal["lenient", "strict", "off"]
Opened = Callable[[Policy], AbstractAsyncContextManager[TestServer]]
MINUTE: Final = 60_000


@pytest.fixture
def opened(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Opened:
    """Opens a server with a policy, which looks often for texts to check again."""
    monkeypatch.setattr(text_check, "LOOK_EVERY_SECONDS", 0.05)

    @asynccontextmanager
    async def open_(policy: Policy) -> AsyncIterator[TestServer]:
        settings = settings_for(wechat_simulator, database_url, check=CheckSettings(text=policy))
        async with open_server(settings, wechat_simulator, clock) as server:
            yield server

    return open_


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    return settings_for(wechat_simulator, database_url)


def fail(server: TestServer, errcode: int | None, times: int | None = 2) -> None:
    """Has WeChat refuse to check texts, or give no response at all."""
    kind = "bad-gateway" if errcode is None else "errcode"
    server.wechat.fail(kind, path=CHECK_TEXT, times=times, **({} if errcode is None else {"errcode": errcode}))


async def in_review(settings: Settings) -> dict[str, Any]:
    """The row of the texts, once they are left to operators."""
    return await until(settings, f"state = {TextCheckState.REVIEW.value}", "text_checks")


async def test_what_passes_leaves_no_trace_and_is_checked_with_what_stands_beside_it(
    opened: Opened, settings: Settings
) -> None:
    async with opened("lenient") as server:
        token = (await server.login("alice"))["token"]
        await update(server, token, nickName="Alice", city="Guangzhou")
        assert await text_checks(settings) == []
        # As in a checker that sees one text a time, no word would be found.
        fail(server, 61010, times=1)
        await update(server, token, nickName="risky")
        assert (await refusal(server, token, city="Shenzhen"))["code"] == "TEXT_REFUSED"
        assert server.wechat.state.calls[CHECK_TEXT] == 3


@on_sqlite
@pytest.mark.parametrize("policy", ["lenient", "strict"])
@pytest.mark.parametrize("where", ["nickName", "city", "province", "country"])
async def test_a_risky_text_is_refused_wherever_it_stands(opened: Opened, policy: Policy, where: str) -> None:
    async with opened(policy) as server:
        token = (await server.login("alice"))["token"]
        before = await update(server, token, nickName="Alice")
        refused = await refusal(server, token, **{where: "a risky text", "gender": "MALE"})
        assert (refused["code"], refused["action"]) == ("TEXT_REFUSED", "ASK_AGAIN")
        assert await profile(server, token) == before


async def test_a_doubtful_text_is_kept_for_operators_or_refused(opened: Opened, settings: Settings) -> None:
    async with opened("strict") as server:
        token = (await server.login("alice"))["token"]
        assert (await refusal(server, token, nickName="please review"))["code"] == "TEXT_REFUSED"
        assert await text_checks(settings) == []
    async with opened("lenient") as server:
        assert (await update(server, token, nickName="please review"))["nickName"] == "please review"
        [row] = await text_checks(settings)
        assert (row["state"], row["label"], row["due_at"]) == (TextCheckState.REVIEW, 21000, None)
        # Texts that pass, all of them, end the doubt.
        await update(server, token, nickName="Alice")
        assert await text_checks(settings) == []


@pytest.mark.parametrize(
    ("errcode", "code", "wait"),
    [
        (None, "WECHAT_UNAVAILABLE", 1000),
        (-1, "WECHAT_UNAVAILABLE", 1000),
        (45009, "WECHAT_UNAVAILABLE", 3_600_000),
        (45011, "WECHAT_UNAVAILABLE", 60_000),
        (61010, "WECHAT_UNAVAILABLE", None),
        (48001, "WECHAT_MISCONFIGURED", None),
    ],
)
async def test_what_cannot_be_checked_is_kept_and_checked_later_or_refused(
    opened: Opened, settings: Settings, errcode: int | None, code: str, wait: int | None
) -> None:
    async with opened("strict") as server:
        login = await server.login("alice")
        token = login["token"]
        fail(server, errcode)
        refused = await refusal(server, token, nickName="Alice", gender="MALE")
        action = "GIVE_UP" if code == "WECHAT_MISCONFIGURED" else "WAIT"
        assert (refused["code"], refused["action"], refused.get("retryAfterMs")) == (code, action, wait)
        assert (await profile(server, token))["gender"] == "UNKNOWN"
        assert await text_checks(settings) == []
        server.wechat.heal()
    async with opened("lenient") as server:
        fail(server, errcode)
        assert (await update(server, token, nickName="Alice"))["nickName"] == "Alice"
        server.wechat.heal()
        [row] = await text_checks(settings)
        assert (row["state"], row["tries"]) == (TextCheckState.WAITING, 0)
        assert row["due_at"] == server.clock.ms + 10 * MINUTE
        server.clock.advance(minutes=10)
        await _none_in_doubt(settings)
        assert (await profile(server, token))["nickName"] == "Alice"
    seen = [(entry["user_id"], entry["actor"]) for entry in await audited(settings, "no_access_record")]
    assert seen == ([(login["user"]["id"], "wechat")] * 2 if errcode == 61010 else [])


async def test_texts_that_cannot_be_checked_after_an_hour_either_are_for_operators(
    opened: Opened, settings: Settings
) -> None:
    async with opened("lenient") as server:
        token = (await server.login("alice"))["token"]
        fail(server, 61010, times=None)
        await update(server, token, nickName="Alice")
        server.clock.advance(minutes=10)
        row = await until(settings, "tries = 1", "text_checks")
        assert (row["state"], row["due_at"]) == (TextCheckState.WAITING, server.clock.ms + 60 * MINUTE)
        assert server.wechat.state.calls[CHECK_TEXT] == 2
        server.clock.advance(minutes=60)
        row = await in_review(settings)
        assert (row["due_at"], server.wechat.state.calls[CHECK_TEXT]) == (None, 3)
        assert (await profile(server, token))["nickName"] == "Alice"
    assert len(await audited(settings, "no_access_record")) == 1


async def test_texts_that_are_found_risky_later_go_and_doubtful_ones_are_for_operators(
    opened: Opened, settings: Settings
) -> None:
    async with opened("lenient") as server:
        alice, bob = [await server.login(name) for name in ("alice", "bob")]
        fail(server, 45011, times=2)
        await update(server, alice["token"], nickName="risky", city="Guangzhou", gender="MALE")
        # The breaker keeps WeChat from being asked for a minute.
        await update(server, bob["token"], nickName="review")
        server.wechat.heal()
        server.clock.advance(minutes=10)
        row = await in_review(settings)
        assert (row["user_id"], row["label"]) == (bob["user"]["id"], 21000)
        await until(settings, "1 = 1", "text_checks")
        left = await profile(server, alice["token"])
        assert (left["nickName"], left["city"], left["gender"], left["isAnonymous"]) == (None, None, "MALE", True)
        assert (await profile(server, bob["token"]))["nickName"] == "review"
    [entry] = await audited(settings, "text_refused")
    assert (entry["user_id"], entry["actor"]) == (alice["user"]["id"], "wechat")
    assert json.loads(entry["detail"]) == {"label": 21000}


async def test_texts_that_were_changed_since_are_checked_as_they_are(opened: Opened, settings: Settings) -> None:
    async with opened("lenient") as server:
        token = (await server.login("alice"))["token"]
        fail(server, 61010, times=1)
        await update(server, token, nickName="risky")
        assert (await update(server, token, nickName="Alice"))["nickName"] == "Alice"
        assert await text_checks(settings) == []
        fail(server, 61010, times=1)
        await update(server, token, nickName="review")
        await update(server, token, nickName=None)
        assert await text_checks(settings) == []


@pytest.mark.parametrize("policy", ["lenient", "strict"])
async def test_texts_are_taken_back_without_wechats_leave(opened: Opened, settings: Settings, policy: Policy) -> None:
    async with opened("lenient") as server:
        token = (await server.login("alice"))["token"]
        await update(server, token, nickName="please review", city="Guangzhou", country="China")
        doubt = await text_checks(settings)
    async with opened(policy) as server:
        asked = server.wechat.state.calls[CHECK_TEXT]
        fail(server, None, times=None)
        user = await update(server, token, nickName="please review", city=None)
        assert (user["nickName"], user["city"], user["country"]) == ("please review", None, "China")
        # Of what is left something is in doubt as it was.
        assert await text_checks(settings) == doubt
        await update(server, token, nickName=None, country=None)
        assert await text_checks(settings) == []
        assert server.wechat.state.calls[CHECK_TEXT] == asked


@pytest.mark.parametrize("policy", ["lenient", "strict"])
async def test_two_changes_at_once_leave_no_text_that_wechat_has_not_seen(
    opened: Opened, settings: Settings, policy: Policy
) -> None:
    async with opened(policy) as server:
        token = (await server.login("alice"))["token"]
        server.wechat.fail("delay", path=CHECK_TEXT, seconds=0.2, times=2)
        await asyncio.gather(update(server, token, nickName="Alice"), update(server, token, city="Guangzhou"))
        left = await profile(server, token)
        assert (left["nickName"], left["city"]) == ("Alice", "Guangzhou")
        if policy == "lenient":
            await _none_in_doubt(settings)
        assert server.wechat.state.calls[CHECK_TEXT] == 3
        assert await text_checks(settings) == []


async def test_where_texts_are_not_checked_waiting_ones_are_for_operators(opened: Opened, settings: Settings) -> None:
    async with opened("lenient") as server:
        token = (await server.login("alice"))["token"]
        fail(server, 61010, times=1)
        await update(server, token, nickName="risky")
    async with opened("off") as server:
        server.clock.advance(minutes=10)
        await in_review(settings)
        bob = (await server.login("bob"))["token"]
        assert (await update(server, bob, nickName="risky"))["nickName"] == "risky"
        assert server.wechat.state.calls[CHECK_TEXT] == 1
        assert len(await text_checks(settings)) == 1


async def test_texts_of_a_mini_program_that_is_served_no_more_are_for_operators(
    wechat_simulator: WeChatSimulator, settings: Settings, clock: Clock, opened: Opened
) -> None:
    shop = wechat_simulator.app(SHOP)
    both = settings.model_copy(update={"wechat": wechat_settings(wechat_simulator, shop)})
    async with open_server(both, wechat_simulator, clock) as server:
        token = (await server.login("alice", app=shop))["token"]
        fail(server, 61010, times=1)
        await update(server, token, nickName="Alice")
    async with opened("lenient") as server:
        server.clock.advance(minutes=10)
        await in_review(settings)
        await run_sql(settings, "DELETE FROM text_checks")
        assert (await update(server, token, nickName="Alicia"))["nickName"] == "Alicia"
        await in_review(settings)
    async with opened("strict") as server:
        assert (await refusal(server, token, nickName="Alice"))["code"] == "APP_UNKNOWN"


@on_sqlite
async def test_an_operator_is_warned_where_wechat_will_not_check_texts(
    opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened("lenient") as server:
        token = (await server.login("alice"))["token"]
        fail(server, 48001)
        await update(server, token, nickName="Alice")
    [line] = [record for record in caplog.records if record.name == "graph.accounts.text_check"]
    assert (line.levelno, vars(line)["errcode"]) == (logging.WARNING, 48001)


async def test_a_check_that_fails_within_keeps_no_other_from_its_turn(
    opened: Opened, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened("lenient") as server:
        users = [await server.login(name) for name in ("alice", "bob")]
        for user in users:
            fail(server, 61010, times=1)
            await update(server, user["token"], nickName="Name")
        broken = min(user["user"]["id"] for user in users)

        async def find_or_fail(database: Database, user_id: str) -> UserRecord | None:
            if user_id == broken:
                raise RuntimeError
            return await find_user(database, user_id)

        monkeypatch.setattr(text_check, "find_user", find_or_fail)
        server.clock.advance(minutes=10)
        row = await until(settings, f"user_id = '{broken}' AND tries = 1", "text_checks")
        assert row["due_at"] == server.clock.ms + 60 * MINUTE
        await until(settings, "1 = 1", "text_checks")


async def _none_in_doubt(settings: Settings) -> None:
    async with asyncio.timeout(30):
        while await text_checks(settings):  # noqa: ASYNC110 - the database sends no event
            await asyncio.sleep(0.02)
