"""One open database: what its failures are called, and that none of them outlives its cause."""

import asyncio

import pytest

from models.database import Database
from models.errors import DatabaseBehind, DatabaseError, DatabaseUnavailable
from models.logins import SignedInRecord, sign_in
from tests.models.rows import a_login, column


async def test_the_database_answers(database: Database) -> None:
    await database.ping()


async def test_a_statement_gives_the_rows_that_it_returns(database: Database) -> None:
    assert await database.fetch("UPDATE users SET city = 'x' RETURNING id") == []
    for number in range(3):
        await sign_in(database, a_login(number, openid=str(number)))
    changed = await database.fetch("UPDATE users SET city = $1 WHERE id <> $2 RETURNING city", "x", "user-0")
    assert changed == [{"city": "x"}] * 2
    assert await database.fetch("DELETE FROM sessions WHERE user_id = $1", "user-1") == []
    assert await column(database, "SELECT user_id FROM sessions ORDER BY user_id") == ["user-0", "user-2"]


async def test_a_placeholder_may_be_used_twice_and_in_any_order(database: Database) -> None:
    await sign_in(database, a_login())
    sql = "SELECT id FROM users WHERE id = $2 AND $1 <> id AND id = $2"
    assert await column(database, sql, "user-2", "user-1") == ["user-1"]


async def test_a_database_that_is_not_open_is_unavailable(tables_url: str) -> None:
    database = Database(tables_url)
    with pytest.raises(DatabaseUnavailable):
        await database.ping()
    async with database:
        await database.ping()
    with pytest.raises(DatabaseUnavailable):
        await database.ping()


async def test_closing_twice_is_closing_once(tables_url: str) -> None:
    database = Database(tables_url)
    await database.open()
    await database.ping()
    await database.close()
    await database.close()
    await database.open()
    await database.ping()
    await database.close()


async def test_a_missing_table_means_that_the_tables_are_behind(database_url: str) -> None:
    async with Database(database_url) as database:
        with pytest.raises(DatabaseBehind):
            await database.fetch("SELECT * FROM users")
        with pytest.raises(DatabaseBehind):
            await database.fetch("DELETE FROM users")


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("INSERT INTO encryption_keys VALUES ($1, 'hunter2', 2)", id="twice"),
        pytest.param("INSERT INTO encryption_keys VALUES ($1 || 'x', NULL, 2)", id="null"),
        pytest.param("UPDATE sessions SET user_id = $1", id="nobody's"),
    ],
)
async def test_a_constraint_is_no_reason_to_try_again(database: Database, statement: str) -> None:
    await sign_in(database, a_login())
    await database.fetch("INSERT INTO encryption_keys VALUES ($1, 'canary', 1)", "no such table")

    with pytest.raises(DatabaseError) as refused:
        await database.fetch(statement, "no such table")

    assert type(refused.value) is DatabaseError
    assert str(refused.value) == "IntegrityError"
    await database.ping()


async def test_an_error_repeats_neither_statement_nor_values(database: Database) -> None:
    for statement in ("SELECT hunter2 FROM users WHERE id = $1", "SELEC $1", "SELECT id FROM users WHERE id = $1 + $2"):
        with pytest.raises(DatabaseError) as failed:
            await database.fetch(statement, "hunter2")
        assert "hunter2" not in str(failed.value)
        assert failed.value.__suppress_context__


async def test_a_read_sees_every_write_that_was_over_before_it(database: Database) -> None:
    write, select = "UPDATE encryption_keys SET canary = $1", "SELECT canary FROM encryption_keys"
    await database.fetch("INSERT INTO encryption_keys VALUES ('k1', 'one', 1)")
    assert await column(database, select) == ["one"]
    await database.fetch(write, "two")
    assert await column(database, select) == ["two"]
    await database.fetch(f"{write} RETURNING id", "three")
    assert await column(database, select) == ["three"]


async def test_one_login_that_fails_among_many_at_once_takes_no_other_along(database: Database) -> None:
    await sign_in(database, a_login(1))
    twin = a_login(1, openid="openid-bob")
    others = [a_login(number, openid=f"openid-{number}") for number in range(2, 8)]

    logins = [sign_in(database, login) for login in (*others[:3], twin, *others[3:])]
    outcomes = await asyncio.gather(*logins, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [*[SignedInRecord] * 3, DatabaseError, *[SignedInRecord] * 3]
    assert await column(database, "SELECT COUNT(*) FROM accounts") == [7]
