"""Who a token stands for, and with which keys."""

import pytest

from models.accounts import find_sealed
from models.database import Database
from models.logins import sign_in
from models.sessions import SessionLookup, touch_sessions
from tests.models.rows import DAY, MINUTE, NOON, a_login, column


async def test_a_session_is_found_with_its_person(database: Database) -> None:
    record = await sign_in(database, a_login())

    session = await SessionLookup(database).find("token-1", now=NOON, seen_after=0)

    assert session is not None
    assert (session.user, session.account_id) == (record.user, record.account_id)
    assert (session.last_seen_at, session.expires_at) == (NOON, NOON + 30 * DAY)


@pytest.mark.parametrize(
    ("token_hash", "now", "seen_after"),
    [
        pytest.param("token-2", NOON, 0, id="unknown"),
        pytest.param("TOKEN-1", NOON, 0, id="in other letters"),
        pytest.param("token-1", NOON + 30 * DAY, 0, id="expired"),
        pytest.param("token-1", NOON, NOON, id="idle"),
    ],
)
async def test_no_session_is_found(database: Database, token_hash: str, now: int, seen_after: int) -> None:
    await sign_in(database, a_login())
    assert await SessionLookup(database).find(token_hash, now=now, seen_after=seen_after) is None


async def test_a_session_lives_to_its_last_millisecond(database: Database) -> None:
    await sign_in(database, a_login())
    assert await SessionLookup(database).find("token-1", now=NOON + 30 * DAY - 1, seen_after=NOON - 1) is not None


async def test_a_touch_notes_that_a_session_is_in_use(database: Database) -> None:
    await sign_in(database, a_login(1))
    await sign_in(database, a_login(2))

    await touch_sessions(database, ["token-1"], now=NOON + MINUTE, unless_seen_after=NOON + 1)

    rows = await column(database, "SELECT last_seen_at FROM sessions ORDER BY token_hash")
    assert rows == [NOON + MINUTE, NOON]


async def test_a_touch_leaves_a_session_alone_that_was_seen_lately(database: Database) -> None:
    await sign_in(database, a_login())
    await touch_sessions(database, ["token-1"], now=NOON + MINUTE, unless_seen_after=NOON)
    assert await column(database, "SELECT last_seen_at FROM sessions") == [NOON]


async def test_keys_are_found_with_what_they_are_bound_to(database: Database) -> None:
    await sign_in(database, a_login(1, openid="openid-bob"))
    record = await sign_in(database, a_login(2, app_id="wx-two", key="B"))

    keys = await find_sealed(database, record.account_id)

    assert keys is not None
    assert (keys.app_id, keys.openid) == ("wx-two", "openid-alice")
    assert keys.session_key == "sealed B by 2"
    assert (keys.previous_session_key, keys.previous_session_key_at) == (None, None)
    assert "sealed" not in repr(keys)
    assert "openid-alice" not in repr(keys)


async def test_an_account_that_is_gone_has_no_keys(database: Database) -> None:
    assert await find_sealed(database, 4711) is None


async def test_whoever_is_erased_leaves_neither_account_nor_session(database: Database) -> None:
    record = await sign_in(database, a_login())

    await database.fetch("DELETE FROM users WHERE id = $1", record.user.id)

    assert await SessionLookup(database).find("token-1", now=NOON, seen_after=0) is None
    assert await find_sealed(database, record.account_id) is None
    assert await column(database, "SELECT token_hash FROM sessions") == []
