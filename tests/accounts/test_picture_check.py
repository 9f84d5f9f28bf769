"""How WeChat is asked about pictures: when, how often, and when it is left to operators."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from graph.accounts import picture_check
from graph.settings import CheckSettings, Settings
from graph.simulator.serving import WeChatSimulator
from models.pictures import PictureState
from tests.accounts.profiles import (
    CHECK_PICTURE,
    asked,
    audited,
    pictures,
    profile,
    result,
    settings_with_pictures,
    until,
    update,
    upload,
    url_of,
)
from tests.server import SHOP, Clock, TestServer, open_server

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

Opened = Callable[[CheckSettings], AbstractAsyncContextManager[TestServer]]
MINUTE: Final = 60_000
AFTER: Final = CheckSettings()
BEFORE: Final = CheckSettings(picture="before")
OFF: Final = CheckSettings(picture="off")
IN_REVIEW: Final = f"state = {PictureState.REVIEW.value}"


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path) -> Settings:
    return settings_with_pictures(wechat_simulator, database_url, tmp_path)


@pytest.fixture
def opened(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Opened:
    """Opens a server with a policy, which looks often for pictures to ask about."""
    monkeypatch.setattr(picture_check, "LOOK_EVERY_SECONDS", 0.05)
    # Until a test gives one, there is no result.
    wechat_simulator.push.check_delay = 3600

    @asynccontextmanager
    async def open_(check: CheckSettings) -> AsyncIterator[TestServer]:
        changed = settings.model_copy(update={"check": check})
        async with open_server(changed, wechat_simulator, clock) as server:
            yield server

    return open_


async def saved(server: TestServer, settings: Settings, name: str = "alice") -> tuple[str, str, Any]:
    """A user's token, a picture of theirs, and what they see once they have saved it."""
    login = await server.login(name)
    picture = await upload(server, login["token"])
    return login["token"], picture, await update(server, login["token"], avatar=picture)


def calls(server: TestServer) -> int:
    """How often WeChat was asked about pictures."""
    return server.wechat.state.calls[CHECK_PICTURE]


@pytest.mark.parametrize("check", [AFTER, BEFORE])
async def test_wechat_is_asked_once_a_picture_is_saved(
    opened: Opened, settings: Settings, check: CheckSettings
) -> None:
    async with opened(check) as server:
        token, picture, user = await saved(server, settings)
        assert user["picture"]["state"] == "CHECKING"
        assert user["picture"]["url"] == url_of(picture)
        assert user["avatarUrl"] == (url_of(picture) if check is AFTER else None)
        trace_id = await asked(settings, picture)
        [check_of_it] = server.wechat.picture_checks()
        assert (check_of_it["user"], check_of_it["traceId"]) == ("alice", trace_id)
        [row] = await pictures(settings)
        assert row["due_at"] == server.clock.ms + 60 * MINUTE
        # A repeat, and a change of something else.
        await update(server, token, avatar=picture)
        await update(server, token, gender="MALE")
        assert calls(server) == 1


@on_sqlite
async def test_unchecked_pictures_are_shown_at_once(opened: Opened, settings: Settings) -> None:
    async with opened(OFF) as server:
        _, picture, user = await saved(server, settings)
        assert (user["picture"]["state"], user["avatarUrl"]) == ("SHOWN", url_of(picture))
    assert calls(server) == 0


@on_sqlite
async def test_a_mini_program_without_message_push_shows_pictures_unchecked(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock, tmp_path: Path
) -> None:
    shop = wechat_simulator.app(SHOP)
    settings = settings_with_pictures(wechat_simulator, database_url, tmp_path, shop)
    async with open_server(settings, wechat_simulator, clock) as server:
        login = await server.login("alice", app=shop)
        picture = await upload(server, login["token"])
        assert (await update(server, login["token"], avatar=picture))["picture"]["state"] == "SHOWN"
        assert (await saved(server, settings, "bob"))[2]["picture"]["state"] == "CHECKING"


@pytest.mark.parametrize("errcode", [None, 61010, 45011, 48001])
async def test_wechat_is_asked_again_where_it_could_not_be_asked(
    opened: Opened, settings: Settings, errcode: int | None
) -> None:
    async with opened(AFTER) as server:
        kind = "bad-gateway" if errcode is None else "errcode"
        fields = {} if errcode is None else {"errcode": errcode}
        server.wechat.fail(kind, path=CHECK_PICTURE, times=None, **fields)
        token, _, _ = await saved(server, settings)
        for tries, minutes in enumerate((1, 5, 30), 1):
            row = await until(settings, f"tries = {tries}")
            assert (row["state"], row["due_at"]) == (PictureState.CHECKING, server.clock.ms + minutes * MINUTE)
            server.clock.advance(minutes=minutes)
        row = await until(settings, IN_REVIEW)
        assert (row["tries"], row["due_at"], row["trace_id"]) == (4, None, None)
        assert (await profile(server, token))["picture"]["state"] == "REVIEW"
    assert len(await audited(settings, "no_access_record")) == (errcode == 61010)


async def test_a_picture_without_a_result_is_asked_about_once_more(opened: Opened, settings: Settings) -> None:
    async with opened(BEFORE) as server:
        token, picture, _ = await saved(server, settings)
        first = await asked(settings, picture)
        server.clock.advance(minutes=60)
        row = await until(settings, f"trace_id <> '{first}'")
        second = row["trace_id"]
        assert (calls(server), row["due_at"]) == (2, server.clock.ms + 60 * MINUTE)
        server.clock.advance(minutes=60)
        await until(settings, IN_REVIEW)
        assert calls(server) == 2
        assert (await profile(server, token))["avatarUrl"] is None
        # Late, but a result.
        await result(server, settings, second)
        assert (await profile(server, token))["avatarUrl"] == url_of(picture)
        assert (await profile(server, token))["picture"]["state"] == "SHOWN"


async def test_a_picture_that_wechat_cannot_download_is_asked_about_once_more(
    opened: Opened, settings: Settings
) -> None:
    async with opened(AFTER) as server:
        token, picture, _ = await saved(server, settings)
        first = await asked(settings, picture)
        await result(server, settings, first, errcode=-1008)
        row = await until(settings, f"trace_id <> '{first}'")
        await result(server, settings, row["trace_id"], errcode=-1008)
        await until(settings, IN_REVIEW)
        assert calls(server) == 2
        assert (await profile(server, token))["avatarUrl"] == url_of(picture)


async def test_a_picture_whose_second_check_fails_is_asked_about_until_it_is_taken(
    opened: Opened, settings: Settings
) -> None:
    async with opened(AFTER) as server:
        server.wechat.fail("errcode", errcode=61010, path=CHECK_PICTURE)
        _, picture, _ = await saved(server, settings)
        await until(settings, "tries = 1")
        server.clock.advance(minutes=1)
        first = await asked(settings, picture)
        server.wechat.fail("errcode", errcode=61010, path=CHECK_PICTURE)
        server.clock.advance(minutes=60)
        row = await until(settings, f"due_at = {server.clock.ms + MINUTE}")
        assert row["trace_id"] == first
        server.clock.advance(minutes=1)
        await until(settings, f"trace_id <> '{first}'")
        server.clock.advance(minutes=60)
        await until(settings, IN_REVIEW)
        assert calls(server) == 4


async def test_a_picture_that_another_replaced_is_not_asked_about_any_more(opened: Opened, settings: Settings) -> None:
    async with opened(AFTER) as server:
        login = await server.login("alice")
        first, second = [await upload(server, login["token"]) for _ in range(2)]
        server.wechat.fail("errcode", errcode=61010, path=CHECK_PICTURE)
        await update(server, login["token"], avatar=first)
        await until(settings, "tries = 1")
        server.clock.advance(seconds=1)
        await update(server, login["token"], avatar=second)
        await asked(settings, second)
        server.clock.advance(minutes=5)
        await result(server, settings, await asked(settings, second))
        assert [(row["id"], row["tries"]) for row in await pictures(settings)] == [(first, 1), (second, 10)]
        assert calls(server) == 2


async def test_where_pictures_are_not_checked_any_more_waiting_ones_are_for_operators(
    opened: Opened, settings: Settings
) -> None:
    async with opened(BEFORE) as server:
        server.wechat.fail("errcode", errcode=61010, path=CHECK_PICTURE)
        await saved(server, settings)
        await until(settings, "tries = 1")
    async with opened(OFF) as server:
        server.clock.advance(minutes=1)
        await until(settings, IN_REVIEW)
        assert calls(server) == 1


async def test_a_picture_that_the_process_died_over_is_asked_about_by_the_job(
    opened: Opened, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(picture_check.PictureChecks, "ask_soon", lambda *_: None)
        async with opened(AFTER) as server:
            _, picture, _ = await saved(server, settings)
            assert calls(server) == 0
    async with opened(AFTER) as server:
        server.clock.advance(minutes=1)
        await asked(settings, picture)
        assert calls(server) == 1
