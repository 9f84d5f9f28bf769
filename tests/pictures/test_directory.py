"""Pictures in a directory: whole or not at all, also where a disk is full, hangs, or may not be written."""

import asyncio
import os
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from graph.pictures.blocking import BlockingStore
from graph.pictures.directory import DirectoryStore
from graph.pictures.errors import StoreMisconfigured, StoreUnavailable
from graph.pictures.location import DirectoryLocation
from graph.pictures.names import probe_name
from graph.pictures.store import PictureStore, open_store
from tests.faults.disk import Disk, small_disk

NAME = "0123456789abcdefABCDEF.jpg"
PICTURE = b"\xff\xd8" + bytes(range(256)) * 400


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "avatars"


@pytest.fixture
async def store(directory: Path) -> AsyncIterator[PictureStore]:
    async with open_store(DirectoryLocation(directory), public_url="https://a.example/avatars") as opened:
        yield opened


@pytest.fixture
def disk() -> Iterator[Disk]:
    with small_disk() as mounted:
        yield mounted


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_a_picture_is_stored_read_and_deleted(store: PictureStore, directory: Path) -> None:
    assert isinstance(store, DirectoryStore)
    await store.put(NAME, PICTURE)
    assert (directory / NAME).read_bytes() == PICTURE == await store.read(NAME)
    assert store.url(NAME) == f"https://a.example/avatars/{NAME}"
    await store.delete(NAME)
    assert files(directory) == []
    assert await store.read(NAME) is None
    await store.delete(NAME)


async def test_files_are_for_the_server_and_its_group(store: PictureStore, directory: Path) -> None:
    before = os.umask(0o022)
    try:
        await store.put(NAME, PICTURE)
    finally:
        os.umask(before)
    assert (mode(directory / NAME), mode(directory)) == (0o640, 0o750)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a.jpg", NAME[:-1], NAME + "\n", "/" + NAME, NAME.upper()])
async def test_no_other_name_becomes_a_path(store: PictureStore, directory: Path, name: str) -> None:
    assert isinstance(store, DirectoryStore)
    for call in (store.put(name, PICTURE), store.delete(name), store.read(name)):
        with pytest.raises(ValueError, match="not the name of a picture"):
            await call
    with pytest.raises(ValueError, match="not the name of a picture"):
        store.url(name)
    assert files(directory.parent) == []


async def test_a_directory_is_not_made_where_its_volume_may_be_missing(tmp_path: Path) -> None:
    missing = DirectoryLocation(tmp_path / "volume" / "avatars")
    async with open_store(missing, public_url="https://a.example") as store:
        with pytest.raises(StoreMisconfigured, match="ENOENT"):
            await store.put(NAME, PICTURE)
        # A file that cannot be seen is not deleted.
        with pytest.raises(StoreMisconfigured, match="ENOENT"):
            await store.delete(NAME)
        (tmp_path / "volume").mkdir()
        await store.put(NAME, PICTURE)


async def test_a_picture_is_on_the_disk_before_it_has_its_name(
    store: PictureStore, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.check()
    seen: list[tuple[bool, list[str]]] = []
    sync = os.fsync

    def synced(descriptor: int) -> None:
        seen.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), files(directory)))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", synced)
    await store.put(NAME, PICTURE)
    await store.delete(NAME)
    assert seen == [(False, [f".{NAME}.part"]), (True, [NAME]), (True, [])]


async def test_what_a_crash_has_left_goes_with_its_picture(store: PictureStore, directory: Path) -> None:
    await store.check()
    (directory / f".{NAME}.part").write_bytes(PICTURE[:100])
    await store.delete(NAME)
    assert files(directory) == []


async def test_many_pictures_are_stored_at_once(store: PictureStore, directory: Path) -> None:
    names = [probe_name() for _ in range(30)]
    await asyncio.gather(*(store.put(name, PICTURE + name.encode()) for name in names))
    assert files(directory) == sorted(names)
    assert all((directory / name).read_bytes() == PICTURE + name.encode() for name in names)


async def test_of_two_that_store_one_name_each_file_is_whole(store: PictureStore, directory: Path) -> None:
    both = [PICTURE + b"one", PICTURE + b"other"]
    for _ in range(20):
        ended = await asyncio.gather(*(store.put(NAME, data) for data in both), return_exceptions=True)
        assert None in ended
        assert all(end is None or isinstance(end, StoreUnavailable) for end in ended)
        assert files(directory) == [NAME]
        assert (directory / NAME).read_bytes() in both


async def test_a_full_disk_leaves_no_file(disk: Disk) -> None:
    directory = disk.directory / "avatars"
    async with open_store(DirectoryLocation(directory), public_url="https://a.example") as store:
        await store.put(NAME, PICTURE)
        with disk.full(), pytest.raises(StoreUnavailable, match=r"ENOSPC|EFBIG"):
            await store.put(probe_name(), PICTURE)
        assert files(directory) == [NAME]
        await store.put(probe_name(), PICTURE)


async def test_a_disk_that_may_not_be_written_is_the_operators(disk: Disk) -> None:
    async with open_store(DirectoryLocation(disk.directory), public_url="https://a.example") as store:
        await store.check()
        disk.directory.chmod(0o555)
        with disk.read_only(), pytest.raises(StoreMisconfigured, match=r"EROFS|EACCES"):
            await store.check()
        disk.directory.chmod(0o777)
        await store.check()


async def test_a_file_in_place_of_the_directory_is_the_operators(tmp_path: Path) -> None:
    (tmp_path / "avatars").write_text("a file")
    async with open_store(DirectoryLocation(tmp_path / "avatars"), public_url="https://a.example") as store:
        for call in (store.put(NAME, PICTURE), store.delete(NAME), store.check()):
            with pytest.raises(StoreMisconfigured):
                await call


async def test_a_check_leaves_nothing(store: PictureStore, directory: Path) -> None:
    await store.check()
    assert files(directory) == []


class HungStore(BlockingStore):
    """Hangs until `answers` is set, as a network file system may."""

    seconds = 0.3

    def __init__(self) -> None:
        super().__init__("https://a.example")
        self.answers = threading.Event()
        self.begun: list[str] = []

    def _put(self, name: str, data: bytes) -> None:
        self.begun.append(name)
        self.answers.wait()

    def _delete(self, name: str) -> None:
        self._put(name, b"")


async def test_a_store_that_hangs_is_unavailable() -> None:
    async with HungStore() as store:
        names = [probe_name() for _ in range(60)]
        ended = await asyncio.gather(*(store.put(name, b"") for name in names), return_exceptions=True)
        assert all(isinstance(end, StoreUnavailable) for end in ended)
        assert {str(end).rpartition(": ")[2] for end in ended} == {"too many calls wait", "no answer in time"}
        # What was given up before its turn is not stored after it.
        assert len(store.begun) == store.calls_at_once
        store.answers.set()
        await store.check()
        assert len(store.begun) == store.calls_at_once + 2
