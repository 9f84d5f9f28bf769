"""Uploads: whose they are, for how long, and what becomes of their files."""

import asyncio

import pytest

from models.database import Database
from models.files_to_delete import (
    FileDue,
    due_files,
    forget_file,
    keep_file,
    note_file,
    plan_deletion,
    put_off_file,
)
from models.logins import sign_in
from models.uploads import expire_uploads, store_upload, take_upload
from tests.models.pictures import HOUR, an_upload, files
from tests.models.rows import NOON, a_login, column


@pytest.fixture(autouse=True)
async def users(database: Database) -> None:
    await sign_in(database, a_login(1))
    await sign_in(database, a_login(2, openid="openid-bob"))


async def test_the_file_of_an_upload_that_is_stored_is_deleted_no_more(database: Database) -> None:
    await note_file(database, "picture-1.jpg", due_at=NOON + 2 * HOUR)
    await note_file(database, "picture-2.jpg", due_at=NOON + 2 * HOUR)
    assert [await store_upload(database, an_upload()) for _ in range(2)] == [True, True]  # as after a lost COMMIT
    assert await files(database) == {"picture-2.jpg": NOON + 2 * HOUR}
    assert await column(database, "SELECT user_id FROM uploads") == ["user-1"]


async def test_an_upload_of_a_user_who_is_gone_is_not_stored_and_its_file_goes(database: Database) -> None:
    await note_file(database, "picture-1.jpg", due_at=NOON)
    assert not await store_upload(database, an_upload(user_id="user-9"))
    assert await files(database) == {"picture-1.jpg": NOON}


async def test_an_upload_is_taken_once_by_its_user_before_it_expires(database: Database) -> None:
    await store_upload(database, an_upload())

    async def take(user_id: str, now: int) -> str | None:
        return await database.transaction(lambda: take_upload("picture-1", user_id, now))

    assert await take("user-2", NOON) is None
    assert await take("user-1", NOON + HOUR) is None
    assert sorted(await asyncio.gather(*[take("user-1", NOON + HOUR - 1) for _ in range(5)]), key=str) == [
        *[None] * 4,
        "picture-1.jpg",
    ]


async def test_uploads_that_have_expired_go_page_by_page_and_free_their_files(database: Database) -> None:
    for number in range(5):
        await store_upload(database, an_upload(f"picture-{number}", expires_at=NOON + number))
    assert [await expire_uploads(database, now=NOON + 3, size=3) for _ in range(3)] == [3, 1, 0]
    assert await column(database, "SELECT id FROM uploads") == ["picture-4"]
    assert await files(database) == {f"picture-{number}.jpg": NOON + 3 for number in range(4)}


async def test_of_two_times_for_one_file_the_earlier_counts(database: Database) -> None:
    for due_at in (NOON + 2, NOON + 1, NOON + 3):
        await database.transaction(lambda: plan_deletion(["b.jpg", "a.jpg"], due_at))  # noqa: B023
    assert await files(database) == {"a.jpg": NOON + 1, "b.jpg": NOON + 1}
    await database.transaction(lambda: keep_file("a.jpg"))
    assert await files(database) == {"b.jpg": NOON + 1}


async def test_files_that_are_due_are_found_the_longest_first_and_no_others(database: Database) -> None:
    for name, due_at in (("b", NOON), ("c", NOON - 1), ("d", NOON + 1), ("a", NOON)):
        await note_file(database, name, due_at=due_at)
    first = await due_files(database, now=NOON, after=None, limit=2)
    rest = await due_files(database, now=NOON, after=first[-1], limit=2)
    assert [*first, *rest] == [FileDue("c", NOON - 1), FileDue("a", NOON), FileDue("b", NOON)]


async def test_a_file_that_was_planned_anew_is_neither_forgotten_nor_put_off(database: Database) -> None:
    [file] = [FileDue("a.jpg", NOON + 9)]
    await note_file(database, "a.jpg", due_at=NOON + 5)
    await forget_file(database, file)
    await put_off_file(database, file, due_at=NOON + 60)
    assert await files(database) == {"a.jpg": NOON + 5}
    await put_off_file(database, FileDue("a.jpg", NOON + 5), due_at=NOON + 60)
    assert await files(database) == {"a.jpg": NOON + 60}
    await forget_file(database, FileDue("a.jpg", NOON + 60))
    assert await files(database) == {}
