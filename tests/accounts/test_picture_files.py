"""Files that nothing needs any more are deleted: each one, whatever becomes of the others."""

import asyncio
from pathlib import Path

import pytest

from graph.accounts import picture_files
from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.pictures import files_to_delete
from tests.accounts.profiles import directory_of, files, settings_with_pictures
from tests.accounts.stored import run_sql
from tests.server import Clock, open_server

NAMES = [f"{number:022}" for number in range(25)]


@pytest.fixture
def settings(
    wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    monkeypatch.setattr(picture_files, "LOOK_EVERY_SECONDS", 0.05)
    return settings_with_pictures(wechat_simulator, database_url, tmp_path)


async def plan(settings: Settings, name: str, due_at: int) -> None:
    await run_sql(settings, f"INSERT INTO files_to_delete (name, due_at) VALUES ('{name}.jpg', {due_at})")  # noqa: S608


async def left(settings: Settings, names: list[str]) -> None:
    """Returns when no others are planned to be deleted."""
    async with asyncio.timeout(30):
        while [*await files_to_delete(settings)] != [f"{name}.jpg" for name in names]:  # noqa: ASYNC110 - of a database
            await asyncio.sleep(0.02)


async def test_files_are_deleted_once_they_are_due_whether_or_not_they_are_there(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    for name in NAMES[1:]:
        (directory_of(settings) / f"{name}.jpg").write_bytes(b"a picture")
    async with open_server(settings, wechat_simulator, clock):
        for name in NAMES:
            await plan(settings, name, clock.ms + (1000 if name == NAMES[-1] else 0))
        await left(settings, NAMES[-1:])
        assert files(settings) == NAMES[-1:]
        clock.advance(seconds=1)
        await left(settings, [])
    assert files(settings) == []


async def test_a_file_that_cannot_be_deleted_is_tried_again_and_keeps_no_other(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    stuck, other, last = NAMES[0], NAMES[1], NAMES[20]
    # A directory of this name is none that the store has made.
    (directory_of(settings) / f"{stuck}.jpg").mkdir()
    async with open_server(settings, wechat_simulator, clock):
        for name in (stuck, other, last):
            await plan(settings, name, clock.ms)
        await left(settings, [stuck])
        assert await files_to_delete(settings) == {f"{stuck}.jpg": clock.ms + 300_000}
        (directory_of(settings) / f"{stuck}.jpg").rmdir()
        clock.advance(minutes=5)
        await left(settings, [])
    assert "could not delete the file of a picture" in caplog.text
    assert stuck not in caplog.text


async def test_files_of_a_store_that_is_away_are_deleted_when_it_is_back(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    directory_of(settings).rmdir()
    async with open_server(settings, wechat_simulator, clock):
        for name in NAMES[:15]:
            await plan(settings, name, clock.ms)
        async with asyncio.timeout(30):
            while clock.ms in (due := await files_to_delete(settings)).values():  # noqa: ASYNC110 - of a database
                await asyncio.sleep(0.02)
        assert set(due.values()) == {clock.ms + 300_000}
        directory_of(settings).mkdir()
        clock.advance(minutes=5)
        await left(settings, [])
