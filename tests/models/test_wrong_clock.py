"""Logins that are stored by a process whose clock is wrong, or after one."""

import pytest

from models.database import Database
from models.logins import sign_in
from tests.models.rows import DAY, MINUTE, NOON, Keys, a_login, column, keys_of, stored


async def test_a_time_that_a_wrong_clock_left_makes_no_later_key_the_older(database: Database) -> None:
    wrong = [a_login(number, key=key, asked_at=NOON + 40 * DAY + number) for number, key in enumerate("AB")]
    record = await stored(database, *wrong, a_login(2, key="C", asked_at=NOON + 2))
    assert await keys_of(database, record.account_id) == Keys(
        "sealed C by 2", "of C", NOON + 2, "sealed B by 1", NOON + 2
    )


@pytest.mark.parametrize("wrong", [-40 * DAY, 40 * DAY])
async def test_a_wrong_clock_drops_the_session_that_a_right_one_would(database: Database, wrong: int) -> None:
    await stored(database, *[a_login(number, now=NOON + number * MINUTE) for number in range(4)])
    await database.fetch("UPDATE sessions SET last_seen_at = $1 WHERE token_hash = 'token-0'", NOON + 1)

    await sign_in(database, a_login(4, now=NOON + wrong + 59 * MINUTE, keep=4))

    kept = ["token-0", "token-2", "token-3", "token-4"]
    assert await column(database, "SELECT token_hash FROM sessions ORDER BY 1") == kept


async def test_expired_sessions_take_no_place_of_live_ones_and_stay_where_there_is_room(database: Database) -> None:
    await sign_in(database, a_login(1))
    await sign_in(database, a_login(2, now=NOON + MINUTE, expires_at=NOON + DAY))

    await sign_in(database, a_login(3, now=NOON + DAY, keep=3))
    assert await column(database, "SELECT COUNT(*) FROM sessions") == [3]

    await sign_in(database, a_login(4, now=NOON + DAY, keep=3))
    assert await column(database, "SELECT token_hash FROM sessions ORDER BY 1") == ["token-1", "token-3", "token-4"]
