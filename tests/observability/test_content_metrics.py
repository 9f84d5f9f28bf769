"""Checks of texts and pictures, what waits for them, and files that are deleted, as metrics."""

from pathlib import Path
from typing import Final

import pytest

from graph.accounts import content_backlog
from graph.settings import AvatarsSettings, MetricsSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.stored import run_sql
from tests.cli.content import PREFIX
from tests.observability.exposition import Figures, scrape, until
from tests.server import Clock, TestServer, open_server

NAME: Final = "mutation ($name: String) { updateProfile(nickName: $name) { id } }"
NO_PICTURE: Final = "mutation { updateProfile(avatar: null) { id } }"
CHECKS: Final = "wxgate_content_checks_total"
WAITING: Final = "wxgate_content_waiting"
DELETED: Final = "wxgate_files_deleted_total"
PICTURE: Final = "0bY3kVq8LmZr5TcWx2HnP1"


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    avatars = AvatarsSettings(store=f"file://{tmp_path}/avatars", public_url=PREFIX)
    return settings.model_copy(update={"avatars": avatars})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_checks_are_counted_by_what_came_of_them(server: TestServer, metrics_settings: MetricsSettings) -> None:
    token = (await server.login("alice"))["token"]
    before = (await scrape(metrics_settings)).figures(CHECKS)
    assert before[("text", "pass")] == before[("picture", "no_result")] == 0
    for name in ("Alice", "please review", "this is risky"):
        await server.post(NAME, {"name": name}, token=token)
    server.wechat.fail("errcode", errcode=45011, path="/wxa/msg_sec_check")
    await server.post(NAME, {"name": "Alison"}, token=token)
    after = (await scrape(metrics_settings)).figures(CHECKS)
    changed = {labels: count for labels, count in after.items() if count}
    assert changed == {("text", outcome): 1 for outcome in ("pass", "review", "risky", "unavailable")}
    assert after.keys() == before.keys()


async def test_what_waits_is_counted_with_the_age_of_the_oldest(
    settings: Settings,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    metrics_settings: MetricsSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(content_backlog, "LOOK_EVERY_SECONDS", 0.02)
    async with open_server(settings, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        nothing = (await scrape(metrics_settings)).figures(WAITING)
        await server.post(NAME, {"name": "please review"}, token=token)
        clock.advance(seconds=90)
        found = await until(lambda seen: seen.figures(WAITING) != nothing, metrics_settings)
    kinds = ("pictures_checking", "pictures_review", "texts_waiting", "texts_review", "files_due")
    assert nothing == {(kind,): 0 for kind in kinds}
    assert found.figures(WAITING) == nothing | {("texts_review",): 1}
    assert found.figures("wxgate_content_oldest_seconds") == nothing | {("texts_review",): 90}


async def test_files_are_counted_as_they_are_deleted_and_where_they_cannot_be(
    server: TestServer, settings: Settings, metrics_settings: MetricsSettings, tmp_path: Path
) -> None:
    async def deleted(picture_id: str) -> Figures:
        columns = "id, user_id, app_id, name, url, state, tries, created_at"
        row = f"'{picture_id}', '{login['user']['id']}', 'wx-one', '{picture_id}.jpg', '{PREFIX}', 1, 0, 1000"
        await run_sql(settings, f"INSERT INTO pictures ({columns}) VALUES ({row})")  # noqa: S608 - of this file
        before = (await scrape(metrics_settings)).figures(DELETED)
        await server.post(NO_PICTURE, token=login["token"])
        return (await until(lambda seen: seen.figures(DELETED) != before, metrics_settings)).figures(DELETED)

    login = await server.login("alice")
    assert await deleted(PICTURE) == {("deleted",): 0, ("failed",): 1}
    await run_sql(settings, "DELETE FROM files_to_delete")
    (tmp_path / "avatars").mkdir()
    assert await deleted(f"{PICTURE[:-1]}2") == {("deleted",): 1, ("failed",): 1}
