"""What a database URL may say, that it reaches the driver, and what is said about one that cannot be used."""

from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
from tortoise.connection import get_connections

from models.database import Database
from models.errors import UnsupportedDatabase
from models.migrate import migrate
from models.url import ALIAS, tortoise_config
from tests.models.rows import column

# By the name in the URL: a value, and the setting of the driver that it becomes.
POSTGRES_PARAMETERS: Final[dict[str, tuple[str, dict[str, object]]]] = {
    "application_name": ("a%20b", {"server_settings": {"application_name": "a b"}}),
    "command_timeout": ("1.5", {"command_timeout": 1.5}),
    "host": ("", {}),  # every URL of these tests has it: the directory of the server's socket
    "maxsize": ("3", {"max_size": 3}),
    "minsize": ("2", {"min_size": 2}),
    "schema": ("mine", {"server_settings": {"search_path": "mine"}}),
    "ssl": ("disable", {"ssl": "disable"}),
    "sslmode": ("disable", {"ssl": "disable"}),
    "statement_cache_size": ("0", {"statement_cache_size": 0}),
    "timeout": ("4.5", {"timeout": 4.5}),
}
SQLITE_PARAMETERS: Final[dict[str, tuple[str, object]]] = {
    "busy_timeout": ("321", 321),
    "cache_size": ("-777", -777),
    "synchronous": ("FULL", 2),
}
WRONG: Final = "must be sqlite:///absolute/path or postgres://user@host/db"


def refusal(url: str) -> str:
    """Why a URL is refused; the name of its variable goes before it."""
    with pytest.raises(UnsupportedDatabase) as refused:
        Database(url)
    assert "hunter2" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://root:hunter2@localhost/db",
        "hunter2",
        "",
        "postgres://[hunter2/db",
        "postgres://u:hunter2?@localhost/db",
        "postgres://u@localhost:hunter2/db",
        "postgres://u:hunter2@a:5432,b:hunter2/db",
    ],
)
async def test_a_database_of_another_kind_is_refused_without_repeating_its_url(url: str) -> None:
    assert refusal(url) == WRONG
    with pytest.raises(UnsupportedDatabase):
        await migrate(url)


@pytest.mark.parametrize(
    "url", ["sqlite:///data#1/wxgate.db", "postgres://u:hunter2#@h/db", "sqlite:///a?busy_timeout=1#"]
)
def test_a_url_that_would_lose_its_end_is_refused(url: str) -> None:
    assert refusal(url).startswith("must not hold a '#'")


@pytest.mark.parametrize("url", ["sqlite://:memory:", "sqlite://:memory:?busy_timeout=1"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    assert refusal(url) == "must name a file: an SQLite database in memory is gone with its first connection"


@pytest.mark.parametrize(
    ("base", "known"),
    [
        ("sqlite:///wxgate.db", [*SQLITE_PARAMETERS]),
        # What `sslrootcert` does, `test_tls.py` tests.
        ("postgres://u@h/db", [*POSTGRES_PARAMETERS, "sslrootcert"]),
    ],
)
@pytest.mark.parametrize("query", ["hunter2=1", "maxsize_=hunter2", "hunter2", "timeuot=", "query_only=hunter2"])
def test_the_error_of_an_unknown_parameter_names_the_known_ones_only(base: str, known: list[str], query: str) -> None:
    expected = f"has a parameter that the server does not know; it knows {', '.join(sorted(known))}"
    assert refusal(f"{base}?{query}") == expected


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:///wxgate.db?busy_timeout=hunter2", "busy_timeout"),
        ("sqlite:///wxgate.db?busy_timeout=1.5", "busy_timeout"),
        ("postgres://u@h/db?maxsize=hunter2", "maxsize"),
        ("postgres://u@h/db?application_name=hunter2&timeout=", "timeout"),
    ],
)
def test_a_number_that_is_none_is_refused_by_its_parameters_name(url: str, name: str) -> None:
    assert refusal(url) == f"has a parameter {name} that is not a number"


def test_postgresql_without_its_driver_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.url.find_spec", lambda _name: None)
    assert refusal("postgres://u:hunter2@h/db").endswith("pip install 'wxgate[postgres]'")
    tortoise_config("sqlite:///wxgate.db")


@pytest.mark.parametrize("name", POSTGRES_PARAMETERS)
async def test_every_parameter_of_a_postgresql_url_reaches_a_driver_that_works_with_it(
    migrated_postgres_url: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    seen: dict[str, Any] = {}
    connect = asyncpg.connect

    async def listening(**settings: Any) -> Any:
        seen.update(settings)
        return await connect(**settings)

    monkeypatch.setattr(asyncpg, "connect", listening)
    value, expected = POSTGRES_PARAMETERS[name]
    url = migrated_postgres_url if name == "host" else f"{migrated_postgres_url}&{name}={value}"
    async with Database(url) as database:
        await database.ping()
        client: Any = get_connections().get(ALIAS)
        seen |= {"min_size": client.pool_minsize, "max_size": client.pool_maxsize}
    assert seen | expected == seen
    assert str(seen["host"]).startswith("/")


@pytest.mark.slow
@pytest.mark.parametrize("name", SQLITE_PARAMETERS)
async def test_every_parameter_of_an_sqlite_url_reaches_reader_and_writer(sqlite_path: Path, name: str) -> None:
    await migrate(f"sqlite://{sqlite_path}")
    value, expected = SQLITE_PARAMETERS[name]
    async with Database(f"sqlite://{sqlite_path}?{name}={value}") as database:
        assert await column(database, f"PRAGMA {name}") == [expected]
        assert await column(database, f"SELECT * FROM pragma_{name}")  # noqa: S608 == [expected]
