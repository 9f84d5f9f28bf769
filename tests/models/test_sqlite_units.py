"""Several statements as one unit on SQLite: whole or not at all, whoever is stored with it or locks the file."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from models.database import Database
from models.errors import DatabaseBehind, DatabaseError, DatabaseUnavailable
from models.sqlite_units import Units
from tests.databases import give_tables
from tests.models.rows import column

# Seconds; whatever takes longer waits for ever.
BOUND = 20
IDS = "SELECT id FROM encryption_keys ORDER BY id"
INSERT = "INSERT INTO encryption_keys VALUES ($1, $2, 1)"
KEEP = (INSERT, "SELECT id, canary FROM encryption_keys WHERE canary = $2 ORDER BY id")


@pytest.fixture
async def database(sqlite_path: Path) -> AsyncIterator[Database]:
    await asyncio.to_thread(lambda: asyncio.run(give_tables(f"sqlite://{sqlite_path}")))
    async with asyncio.timeout(BOUND), Database(f"sqlite://{sqlite_path}") as opened:
        yield opened


def units_of(database: Database) -> Units:
    units: Units = database._client._units
    return units


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many units each commit stored."""
    noted: list[int] = []
    commit = Units._commit

    def noting(units: Units, together: Sequence[Any]) -> Any:
        noted.append(len(together))
        return commit(units, together)

    monkeypatch.setattr(Units, "_commit", noting)
    return noted


async def test_a_unit_gives_the_rows_of_its_last_statement_which_share_their_values(database: Database) -> None:
    await database.unit([INSERT], "k1", "one")
    rows = await database.unit(KEEP, "k2", "one")
    assert [dict(row) for row in rows] == [{"id": "k1", "canary": "one"}, {"id": "k2", "canary": "one"}]
    assert await column(database, IDS) == ["k1", "k2"]


async def test_what_a_unit_has_written_is_read(database: Database) -> None:
    for number in range(20):
        await database.unit([INSERT], f"k{number}", "x")
        assert await column(database, "SELECT COUNT(*) FROM encryption_keys") == [number + 1]
        assert database.peek(f"SELECT 1 FROM encryption_keys WHERE id = 'k{number}'") == [(1,)]  # noqa: S608


async def test_nobody_sees_half_of_a_unit_or_writes_between_its_statements(
    database: Database, sqlite_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(sqlite_path, isolation_level=None, timeout=0, check_same_thread=False)) as other:

        def meanwhile() -> str:
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("INSERT INTO encryption_keys VALUES ('k9', 'theirs', 1)")
            return str(other.execute(IDS).fetchall())

        def with_function() -> sqlite3.Connection:
            connection = connect()
            connection.create_function("meanwhile", 0, meanwhile)
            return connection

        units = units_of(database)
        connect = units._connect
        monkeypatch.setattr(units, "_connect", with_function)
        [row] = await database.unit([INSERT, "SELECT meanwhile() AS seen"], "k1", "ours")
        assert row["seen"] == "[]"
        [row] = await database.unit(["SELECT meanwhile() AS seen"])
        assert row["seen"] == "[('k1',)]"


async def test_those_who_come_together_share_a_commit_and_get_their_own_rows(
    database: Database, commits: list[int]
) -> None:
    units = [database.unit(KEEP, f"k{number}", str(number)) for number in range(200)]
    for number, rows in enumerate(await asyncio.gather(*units)):
        assert [dict(row) for row in rows] == [{"id": f"k{number}", "canary": str(number)}]
    assert sum(commits) == 200
    assert max(commits) == 64
    assert len(commits) <= 5


@pytest.mark.parametrize(
    ("statement", "values", "raised"),
    [
        pytest.param(INSERT, ("k0", "twice"), DatabaseError, id="a constraint"),
        pytest.param(INSERT, ("k1", "half a pair: \ud83d"), DatabaseError, id="no UTF-8"),
        pytest.param(INSERT, ("k1", 2**64), OverflowError, id="too large"),
        pytest.param(INSERT, ("k1",), DatabaseError, id="too few"),
        pytest.param(
            INSERT.replace("INSERT", "INSERT OR ROLLBACK"), ("k0", "x"), DatabaseError, id="ends a transaction"
        ),
        pytest.param(
            "INSERT INTO sessions VALUES ('t', 1, 1, 1, $2, $1)", ("nobody", 1), DatabaseError, id="at the end"
        ),
    ],
)
async def test_a_unit_that_fails_leaves_nothing_and_those_beside_it_are_stored(
    database: Database, commits: list[int], statement: str, values: tuple[object, ...], raised: type[Exception]
) -> None:
    await database.unit([INSERT], "k0", "first")
    bad = ["PRAGMA defer_foreign_keys = 1", "INSERT INTO encryption_keys VALUES ('bad', 'x', 1)", statement]
    outcomes = await asyncio.gather(
        database.unit([INSERT], "before", "x"),
        database.unit(bad, *values),
        database.unit([INSERT], "behind", "x"),
        return_exceptions=True,
    )
    assert commits[:2] == [1, 3]
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [False, True, False]
    assert type(outcomes[1]) is raised
    assert await column(database, IDS) == ["before", "behind", "k0"]
    await database.unit([INSERT], "later", "x")


async def test_a_file_that_is_locked_when_one_has_failed_is_waited_for_once(
    database: Database, sqlite_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []
    commit = Units._commit

    with closing(sqlite3.connect(sqlite_path, isolation_level=None, timeout=0, check_same_thread=False)) as other:

        def locking(units: Units, together: Sequence[Any]) -> Any:
            tried.append(len(together))
            if len(tried) == 3:
                other.execute("BEGIN IMMEDIATE")
            return commit(units, together)

        monkeypatch.setattr(Units, "_commit", locking)
        units = [database.unit([INSERT], f"k{number % 4}", "x") for number in range(5)]  # the last is refused
        outcomes = await asyncio.gather(*units, return_exceptions=True)
        assert tried == [5, 1, 1]
        assert outcomes[0] == []
        assert [type(outcome) for outcome in outcomes[1:]] == [DatabaseUnavailable] * 4
        other.execute("COMMIT")
    assert await column(database, IDS) == ["k0"]


async def test_statements_that_are_older_than_the_tables_are_told_apart(database: Database) -> None:
    with pytest.raises(DatabaseBehind):
        await database.unit(["SELECT 1 FROM tomorrow"])
    with pytest.raises(DatabaseBehind):
        await database.unit(["SELECT tomorrow FROM users"])


async def test_a_unit_outlives_a_caller_who_is_cancelled(database: Database) -> None:
    callers = [asyncio.create_task(database.unit([INSERT], f"k{number}", "x")) for number in range(3)]
    await asyncio.sleep(0)  # they have asked
    callers[1].cancel()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [list, asyncio.CancelledError, list]
    assert await column(database, IDS) == ["k0", "k1", "k2"]


async def test_closing_waits_for_units_under_way(database: Database, sqlite_path: Path) -> None:
    units = [asyncio.create_task(database.unit([INSERT], f"k{number}", "x")) for number in range(100)]
    await asyncio.sleep(0)
    await database.close()
    assert [unit.done() for unit in units] == [True] * 100
    await asyncio.gather(*units)
    assert not sqlite_path.with_name("wxgate.db-wal").exists()

    await database.open()
    assert await column(database, "SELECT COUNT(*) FROM encryption_keys") == [100]
    await database.unit([INSERT], "again", "x")


async def test_units_are_stored_while_every_thread_of_the_event_loop_is_taken(database: Database) -> None:
    await database.unit([INSERT], "k0", "x")  # opens the file
    go_on = threading.Event()
    taken = [asyncio.create_task(asyncio.to_thread(go_on.wait, BOUND)) for _ in range(100)]
    try:
        await asyncio.sleep(0)
        await database.unit([INSERT], "k1", "x")
        assert not go_on.is_set()
    finally:
        go_on.set()
        await asyncio.gather(*taken)


async def test_what_takes_longer_than_closing_waits_is_closed_when_it_ends(
    database: Database, sqlite_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.sqlite_units._CLOSING", 0.05)
    await database.unit([INSERT], "k0", "x")
    units = units_of(database)
    with closing(sqlite3.connect(sqlite_path, isolation_level=None, timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")
        unit = asyncio.create_task(database.unit([INSERT], "k1", "x"))
        await asyncio.sleep(0.05)
        await database.close()
        assert units._connection is not None
        assert not unit.done()
        other.execute("COMMIT")
    await unit
    while units._connection is not None:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)


async def test_a_database_that_is_not_open_stores_nothing(database: Database) -> None:
    await database.close()
    with pytest.raises(DatabaseUnavailable):
        await database.unit([INSERT], "k1", "x")


async def test_a_file_that_could_not_be_opened_is_tried_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more_files() -> sqlite3.Connection:
        message = "unable to open database file"
        raise sqlite3.OperationalError(message)

    with monkeypatch.context() as patch:
        patch.setattr(units_of(database), "_connect", no_more_files)
        units = [database.unit([INSERT], f"k{number}", "x") for number in range(3)]
        outcomes = await asyncio.gather(*units, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [DatabaseUnavailable] * 3
    await database.unit([INSERT], "k1", "x")
    assert await column(database, IDS) == ["k1"]


async def test_whoever_waits_too_long_behind_others_is_sent_away_and_not_stored(
    database: Database, sqlite_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await database.unit([INSERT], "k0", "x")
    with closing(sqlite3.connect(sqlite_path, isolation_level=None, timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")
        first = asyncio.create_task(database.unit([INSERT], "first", "x"))
        await asyncio.sleep(0.05)
        with monkeypatch.context() as impatient:
            impatient.setattr("models.sqlite_units.TURN_SECONDS", 0.1)
            late = [database.unit([INSERT], f"late{number}", "x") for number in range(3)]
            outcomes = await asyncio.gather(*late, return_exceptions=True)
        assert [(type(outcome), str(outcome)) for outcome in outcomes] == [(DatabaseUnavailable, "TimeoutError")] * 3
        assert not first.done()
        other.execute("COMMIT")
    await first
    assert await column(database, IDS) == ["first", "k0"]


async def test_when_the_event_loop_ends_nobody_waits_for_ever(database: Database) -> None:
    unit = asyncio.create_task(database.unit([INSERT], "k1", "x"))
    for _ in range(2):
        await asyncio.sleep(0)  # the unit, and then the work, has begun
    work = units_of(database)._work
    assert work is not None
    work.cancel()
    await asyncio.wait([unit], timeout=BOUND / 2)
    assert unit.cancelled()
    await database.unit([INSERT], "k2", "x")
    assert "k2" in await column(database, IDS)
