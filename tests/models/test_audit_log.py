"""The audit log as a table: written with what it records, read and removed by pages."""

from dataclasses import replace
from typing import Final

import pytest

from models.audit_log import Audited, AuditEntry, read_entries, record
from models.database import Database
from models.errors import DatabaseError
from models.logins import sign_in
from models.retention import delete_before
from tests.models.rows import DAY, NOON, a_login, column

# Three of one millisecond, so that a page of any size ends between equals somewhere.
TIMES: Final = [NOON - 2 * DAY, NOON - DAY, NOON - DAY, NOON - DAY, NOON, NOON + 1, NOON + 2]
SIZES: Final = pytest.mark.parametrize("size", [1, 2, 3, 7, 100])


@pytest.fixture(autouse=True)
async def no_entries(database: Database) -> None:
    await database.fetch("DELETE FROM audit_log")


def an_entry(number: int, at: int = NOON, *, action: str = "user_created", user_id: str | None = None) -> Audited:
    return Audited(id=f"id-{number}", at=at, action=action, user_id=user_id or f"user-{number}", actor="user")


async def recorded(database: Database, *entries: Audited) -> None:
    for entry in entries:
        await database.transaction(lambda: record(entry))  # noqa: B023 - it has ended by then


async def found(database: Database, *, size: int = 100, **wanted: object) -> list[Audited]:
    pages = [page async for page in read_entries(database, size=size, **wanted)]  # type: ignore[arg-type]
    assert all(0 < len(page) <= size for page in pages)
    return [entry for page in pages for entry in page]


@SIZES
async def test_entries_are_read_newest_first_in_pages_of_any_size(database: Database, size: int) -> None:
    entries = [an_entry(number, at) for number, at in enumerate(TIMES)]
    await recorded(database, *entries)
    assert await found(database, size=size) == entries[::-1]


async def test_entries_are_found_by_user_by_action_and_by_time(database: Database) -> None:
    detail = replace(an_entry(4, NOON + 4), user_id=None, actor="cli:root", detail={"key_id": "k1", "lost": True})
    first, out, later = an_entry(1), an_entry(2, NOON + 1, user_id="user-1", action="logged_out"), an_entry(3, NOON + 2)
    await recorded(database, first, out, later, detail)
    assert await found(database, user_id="user-1") == [out, first]
    assert await found(database, user_id="user-1", action="user_created") == [first]
    assert await found(database, action="logged_out") == [out]
    assert await found(database, since=NOON + 2) == [detail, later]
    assert await found(database, user_id="user-9") == []


async def test_an_entry_that_is_stored_twice_is_there_once(database: Database) -> None:
    await recorded(database, an_entry(1), an_entry(1))
    assert await found(database) == [an_entry(1)]


@SIZES
async def test_old_entries_are_removed_in_pages_of_any_size(database: Database, size: int) -> None:
    await recorded(database, *[an_entry(number, at) for number, at in enumerate(TIMES)])
    counts = [count async for count in delete_before(database, AuditEntry, "id", NOON, size=size)]
    assert sum(counts) == 4
    assert max(counts) <= size
    assert [entry.at for entry in await found(database)] == [NOON + 2, NOON + 1, NOON]


async def test_a_login_that_is_not_stored_leaves_no_entry(database: Database) -> None:
    await sign_in(database, a_login(1))
    twin = a_login(1, openid="openid-bob")  # a token hash that is there already
    with pytest.raises(DatabaseError):
        await sign_in(database, replace(twin, user_id="user-2", user_created=lambda: an_entry(2)))
    assert await column(database, "SELECT id FROM audit_log") == ["made-1"]


async def test_a_user_whom_another_mini_program_knows_is_not_recorded_as_new(database: Database) -> None:
    await sign_in(database, a_login(1, unionid="union-alice"))
    await sign_in(database, a_login(2, app_id="wx-two", openid="openid-there", unionid="union-alice"))
    assert await column(database, "SELECT id FROM audit_log") == ["made-1"]


async def test_a_login_whose_outcome_was_lost_is_recorded_once(database: Database) -> None:
    login = replace(a_login(1), logged_in=an_entry(1, NOON + 1, action="logged_in"))
    for _ in range(2):
        await sign_in(database, login)
    assert [(entry.action, entry.user_id) for entry in await found(database)] == [
        ("logged_in", "user-1"),
        ("user_created", "user-1"),
    ]
