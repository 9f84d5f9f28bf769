"""What WeChat's results do to pictures: each is applied once, to its picture, whenever and however it comes."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from graph.accounts import event_inbox
from graph.settings import CheckSettings, MetricsSettings, Settings
from graph.simulator.serving import WeChatSimulator
from models.events import EventState
from models.pictures import PictureState
from tests.accounts.inbox import applied, happens, openid_of, rows, tried
from tests.accounts.profiles import (
    CHECK_PICTURE,
    asked,
    audited,
    files,
    pictures,
    profile,
    refusal,
    result,
    settings_with_pictures,
    update,
    upload,
    url_of,
)
from tests.accounts.stored import run_sql
from tests.observability.exposition import until
from tests.processes import free_port
from tests.server import Clock, TestServer, open_server

AFTER, BEFORE = CheckSettings(picture="after"), CheckSettings(picture="before")
both_policies: Final = pytest.mark.parametrize("check", [AFTER, BEFORE], ids=["after", "before"], indirect=True)


@pytest.fixture
def check(request: pytest.FixtureRequest) -> CheckSettings:
    return getattr(request, "param", AFTER)


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path, check: CheckSettings) -> Settings:
    wechat_simulator.push.check_delay = 3600
    return settings_with_pictures(wechat_simulator, database_url, tmp_path, check=check)


@pytest.fixture
async def server(settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock) -> AsyncIterator[TestServer]:
    """Without a choice of plans: what is pushed runs no document."""
    async with open_server(settings, wechat_simulator, clock) as opened:
        yield opened


class Saved:
    """A picture that Alice has saved and WeChat checks."""

    def __init__(self, token: str, user_id: str, picture: str, trace_id: str) -> None:
        self.token, self.user_id, self.picture, self.trace_id = token, user_id, picture, trace_id


async def save(server: TestServer, settings: Settings, login: Any) -> Saved:
    picture = await upload(server, login["token"])
    await update(server, login["token"], avatar=picture)
    return Saved(login["token"], login["user"]["id"], picture, await asked(settings, picture))


@pytest.fixture
async def saved(server: TestServer, settings: Settings) -> Saved:
    return await save(server, settings, await server.login("alice"))


async def being_asked(server: TestServer, settings: Settings) -> str:
    """The token of Alice, about whose picture WeChat is to be asked in a minute again."""
    login = await server.login("alice")
    server.wechat.fail("errcode", errcode=45011, path=CHECK_PICTURE, times=None)
    await update(server, login["token"], avatar=await upload(server, login["token"]))
    return str(login["token"])


async def state(server: TestServer, saved: Saved) -> tuple[str | None, str, str | None]:
    """What is shown to all, the state of the picture, and its address."""
    user = await profile(server, saved.token)
    return user["avatarUrl"], user["picture"]["state"], user["picture"]["url"]


@both_policies
@pytest.mark.parametrize("style", ["json", "xml"])
async def test_a_picture_that_passes_is_shown(server: TestServer, settings: Settings, saved: Saved, style: str) -> None:
    await result(server, settings, saved.trace_id, style=style)
    url = url_of(saved.picture)
    assert await state(server, saved) == (url, "SHOWN", url)
    [row] = await pictures(settings)
    assert (row["label"], row["due_at"], row["checked_at"]) == (100, None, server.clock.ms)
    assert files(settings) == [saved.picture]


@both_policies
async def test_a_doubtful_picture_is_shown_as_it_was_meanwhile(
    server: TestServer, settings: Settings, saved: Saved, check: CheckSettings
) -> None:
    await result(server, settings, saved.trace_id, "review")
    url = url_of(saved.picture)
    assert await state(server, saved) == (url if check is AFTER else None, "REVIEW", url)


@both_policies
@pytest.mark.parametrize("style", ["json", "xml"])
async def test_a_risky_picture_is_hidden_and_deleted_at_once(
    server: TestServer, settings: Settings, saved: Saved, style: str
) -> None:
    await result(server, settings, saved.trace_id, "risky", style=style)
    assert await state(server, saved) == (None, "REFUSED", None)
    await _files_are(settings, [])
    [entry] = await audited(settings, "picture_refused")
    assert (entry["user_id"], entry["actor"], entry["app_id"]) == (saved.user_id, "wechat", server.wechat.app_id)
    assert json.loads(entry["detail"]) == {"label": 20002}
    # It is refused for good: to save it again does not help, and another result comes too late.
    await result(server, settings, saved.trace_id)
    assert await state(server, saved) == (None, "REFUSED", None)
    assert (await refusal(server, saved.token, avatar=saved.picture))["code"] == "PICTURE_REFUSED"


async def test_a_picture_that_was_shown_is_hidden_when_a_later_result_says_so(
    server: TestServer, settings: Settings, saved: Saved
) -> None:
    await result(server, settings, saved.trace_id)
    server.clock.advance(seconds=1)
    await result(server, settings, saved.trace_id, "risky")
    assert await state(server, saved) == (None, "REFUSED", None)
    await _files_are(settings, [])


@both_policies
@pytest.mark.parametrize("suggest", ["pass", "review", "risky"])
async def test_a_result_for_a_picture_that_was_replaced_changes_its_row_alone(
    server: TestServer, settings: Settings, saved: Saved, suggest: str, check: CheckSettings
) -> None:
    server.clock.advance(seconds=1)
    newer = await save(server, settings, {"token": saved.token, "user": {"id": saved.user_id}})
    before = await profile(server, saved.token)
    await result(server, settings, saved.trace_id, suggest)
    assert await profile(server, saved.token) == before
    states = {"pass": PictureState.SHOWN, "review": PictureState.REVIEW, "risky": PictureState.REFUSED}
    assert [(row["id"], row["state"]) for row in await pictures(settings)] == [
        (saved.picture, states[suggest]),
        (newer.picture, PictureState.CHECKING),
    ]
    await _files_are(settings, [newer.picture])
    assert await audited(settings, "picture_refused") == []


@pytest.mark.parametrize("check", [BEFORE], indirect=True)
async def test_the_picture_before_stays_until_the_new_one_passes(
    server: TestServer, settings: Settings, saved: Saved
) -> None:
    await result(server, settings, saved.trace_id)
    server.clock.advance(seconds=1)
    newer = await save(server, settings, {"token": saved.token, "user": {"id": saved.user_id}})
    assert await state(server, saved) == (url_of(saved.picture), "CHECKING", url_of(newer.picture))
    assert files(settings) == sorted([saved.picture, newer.picture])
    await result(server, settings, newer.trace_id)
    assert await state(server, saved) == (url_of(newer.picture), "SHOWN", url_of(newer.picture))


@pytest.mark.slow
async def test_a_result_that_comes_before_its_trace_id_is_stored_is_kept_for_it(
    server: TestServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It wakes for what it has put off.
    monkeypatch.setattr(event_inbox, "LOOK_EVERY_SECONDS", 3600)
    login = await server.login("alice")
    picture = await upload(server, login["token"])
    server.wechat.fail("delay", path=CHECK_PICTURE, seconds=1)
    await update(server, login["token"], avatar=picture)
    async with asyncio.timeout(30):
        while not (checks := server.wechat.picture_checks()):  # noqa: ASYNC110 - its thread has no event for this loop
            await asyncio.sleep(0.02)
    await result(server, settings, checks[0]["traceId"], "risky", unapplied=1)
    await tried(settings, 1)
    assert (await profile(server, login["token"]))["picture"]["state"] == "CHECKING"
    assert await asked(settings, picture) == checks[0]["traceId"]
    server.clock.advance(seconds=1)
    await applied(settings)
    assert (await profile(server, login["token"]))["picture"]["state"] == "REFUSED"
    await _files_are(settings, [])


async def test_a_result_of_no_picture_of_this_server_is_dropped_after_ten_minutes(
    server: TestServer, settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it may be of a picture about which WeChat is being asked."""
    monkeypatch.setattr(event_inbox, "LOOK_EVERY_SECONDS", 0.05)
    token = await being_asked(server, settings)
    trace_id = "6b0ba94b-45da9ffd-00000000"
    await result(server, settings, trace_id, "risky", unapplied=1)
    since, tries = server.clock.ms, 1
    while (row := await tried(settings, tries))["state"] == EventState.NEW:
        server.clock.advance(seconds=(row["due_at"] - server.clock.ms) / 1000)
        tries += 1
    assert server.clock.ms - since == 600_000
    assert (row["state"], row["body"]) == (EventState.DONE, "")
    assert "no picture of this server is checked under the trace_id of an event" in caplog.text
    assert trace_id not in caplog.text
    assert (await profile(server, token))["picture"]["state"] == "CHECKING"


async def test_a_result_of_another_services_picture_is_not_kept_where_wechat_is_not_being_asked(
    server: TestServer, settings: Settings, saved: Saved
) -> None:
    await result(server, settings, "6b0ba94b-45da9ffd-00000000", "risky")
    [row] = await rows(settings)
    assert (row["state"], row["body"], row["tries"]) == (EventState.DONE, "", 1)
    assert (await profile(server, saved.token))["picture"]["state"] == "CHECKING"


async def test_a_result_is_tried_as_often_where_it_fails_as_where_it_waits(
    server: TestServer, settings: Settings, saved: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_inbox, "LOOK_EVERY_SECONDS", 0.05)
    with monkeypatch.context() as broken:
        broken.setattr(event_inbox, "read_event", lambda *_: None)
        await result(server, settings, saved.trace_id, "risky", unapplied=1)
        for tries in range(1, 10):
            row = await tried(settings, tries)
            assert row["state"] == EventState.NEW
            server.clock.advance(seconds=(row["due_at"] - server.clock.ms) / 1000)
        row = await tried(settings, 10)
    server.clock.advance(seconds=(row["due_at"] - server.clock.ms) / 1000)
    await applied(settings)
    assert await state(server, saved) == (None, "REFUSED", None)


async def test_what_the_inbox_keeps_for_a_picture_to_come_is_no_backlog(
    wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path, clock: Clock
) -> None:
    metrics = MetricsSettings(port=free_port())
    settings = settings_with_pictures(wechat_simulator, database_url, tmp_path, metrics=metrics)
    async with open_server(settings, wechat_simulator, clock) as server:
        await being_asked(server, settings)
        await result(server, settings, "6b0ba94b-45da9ffd-00000000", unapplied=1)
        await tried(settings, 1)
        clock.advance(seconds=0.9)
        await until(lambda found: found.figures("wxgate_events_oldest_seconds") == {(): 0}, metrics)
        assert len(await rows(settings, "state = 0")) == 1


async def test_a_picture_that_its_user_took_back_is_gone_with_its_rows(
    server: TestServer, settings: Settings, saved: Saved
) -> None:
    openid = await openid_of(settings, saved.user_id, server.wechat.app_id)
    await happens(server, settings, "user_authorization_revoke", openid, RevokeInfo="20", seconds=5)
    user = await profile(server, saved.token)
    assert (user["avatarUrl"], user["picture"]) == (None, None)
    assert [row["name"] for row in await run_sql(settings, "SELECT * FROM files_to_delete")] == [f"{saved.picture}.jpg"]
    # What comes for it then is of no picture any more.
    await result(server, settings, saved.trace_id, "risky")
    assert await audited(settings, "picture_refused") == []


async def _files_are(settings: Settings, uploads: list[str]) -> None:
    async with asyncio.timeout(10):
        while files(settings) != sorted(uploads):  # noqa: ASYNC110 - a directory sends no event
            await asyncio.sleep(0.02)
