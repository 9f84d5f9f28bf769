"""What a withdrawal clears by where each part came from and when, and what it leaves."""

import pytest

from models.database import Database, Steps
from models.logins import sign_in
from models.profiles import store_profile
from models.users import require_user
from models.withdrawals import Withdrawn, withdraw
from tests.models.pictures import address_of, avatar_of, changed, files, pictures_of, profile_of, save
from tests.models.rows import MINUTE, NOON, a_login, a_profile


@pytest.fixture(autouse=True)
async def users(database: Database) -> None:
    await sign_in(database, a_login(1, now=NOON - MINUTE))


async def withdrawn(database: Database, *what: Withdrawn, before: int = NOON) -> list[Withdrawn]:
    def steps() -> Steps[list[Withdrawn]]:
        user = yield from require_user("user-1")
        return (yield from withdraw(user, what, at=before, before=before, now=NOON + 9))

    return await database.transaction(steps)


@pytest.mark.parametrize(
    ("collected", "stored", "goes"), [(-1, 9, True), (0, 9, True), (9, 0, True), (1, 1, False), (9, 9, False)]
)
async def test_what_was_signed_goes_if_it_was_collected_or_stored_by_then(
    database: Database, collected: int, stored: int, goes: bool
) -> None:
    """By a phone whose clock is ahead, it is stored before it was collected."""
    await store_profile(database, "user-1", a_profile(profile_at=NOON + collected), now=NOON + stored)
    assert await withdrawn(database, Withdrawn.PROFILE) == ([Withdrawn.PROFILE] if goes else [])
    row = await profile_of(database)
    assert [row[name] == "" for name in ("nick_name", "avatar_url", "city", "language")] == [goes] * 4
    assert (row["gender"] == 0) is goes


async def test_what_was_typed_and_uploaded_stays_where_only_the_signed_is_withdrawn(database: Database) -> None:
    await store_profile(database, "user-1", a_profile(profile_at=NOON - 9), now=NOON - 9)
    await changed(database, nick_name="Typed", city="Xi'an", now=NOON - 5)
    await save(database, now=NOON - 5)
    before = await profile_of(database)
    assert await withdrawn(database, Withdrawn.PROFILE) == []
    times = {name: (await profile_of(database))[name] for name in ("profile_at", "updated_at")}
    assert await profile_of(database) == before | times
    assert times["profile_at"] == NOON - 1


async def test_a_shown_picture_goes_and_one_that_was_uploaded_later_goes_on_waiting(database: Database) -> None:
    await save(database, "picture-1", now=NOON)
    await save(database, "picture-2", mode="before", now=NOON + 1)
    assert await avatar_of(database) == (address_of("picture-1"), "picture-1.jpg", 1)
    assert await withdrawn(database, Withdrawn.PICTURE) == [Withdrawn.PICTURE]
    assert await avatar_of(database) == ("", "", 0)
    assert await pictures_of(database) == {"picture-2": ("user-1", "CHECKING", True)}
    assert await files(database) == {"picture-1.jpg": NOON + 9}


async def test_rows_of_replaced_pictures_go_and_are_no_picture_that_was_removed(database: Database) -> None:
    await save(database, "picture-1", now=NOON)
    await save(database, "picture-2", now=NOON + 1)
    await database.fetch("DELETE FROM files_to_delete")
    assert await withdrawn(database, Withdrawn.PICTURE) == []
    assert list(await pictures_of(database)) == ["picture-2"]
    assert await files(database) == {}
    assert await avatar_of(database) == (address_of("picture-2"), "picture-2.jpg", 1)


async def test_a_withdrawal_of_nothing_leaves_the_row_as_it_is(database: Database) -> None:
    before = await profile_of(database)
    assert await withdrawn(database) == []
    assert await withdrawn(database, Withdrawn.NICK_NAME, Withdrawn.PICTURE) == []
    assert await profile_of(database) == before
