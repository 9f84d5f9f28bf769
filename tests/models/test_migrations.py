"""No migration loses anything: what any earlier version has stored is there after the newest has migrated."""

import asyncio
import shutil
import uuid
from collections.abc import Awaitable, Callable
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Final

import pytest
from tortoise.fields import Field
from tortoise.migrations import operations as ops

from models import migrations
from tests.databases import new_postgres_url
from tests.models.earlier_schemas import apply, fill, read, steps

OURS: Final = "models.migrations"
# What leaves rows alone; for anything else Tortoise makes a table of SQLite's anew.
ADDING: Final = (ops.CreateModel, ops.AddField, ops.AddIndex, ops.RunSQL, ops.AlterModelOptions)
FORM: Final = """
from tortoise import fields, migrations
from tortoise.migrations import operations as ops

class Migration(migrations.Migration):
    dependencies = [("models", "0001_initial")]
    initial = False
    operations = [{operation}]
"""
HARMLESS: Final = {
    "a new column": 'ops.AddField("User", "phone", fields.CharField(max_length=32, null=True))',
    "a new table": 'ops.CreateModel("Tag", [("id", fields.IntField(primary_key=True))], {"table": "tags"}, ["Model"])',
}
HARMFUL: Final = {
    "rows deleted": 'ops.RunSQL("DELETE FROM sessions")',
    "rows deleted with their parents": 'ops.RunSQL("DELETE FROM users")',
    "a column emptied": """ops.RunSQL("UPDATE users SET nick_name = ''")""",
    "a column removed": 'ops.RemoveField("Account", "unionid")',
}

NewUrl = Callable[[], Awaitable[str]]


@pytest.fixture(params=["sqlite", "postgres"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> NewUrl:
    """Makes as many empty databases of one kind as there are steps."""
    numbers = count()
    directory = None if request.param == "sqlite" else str(request.getfixturevalue("postgres_directory"))

    async def new() -> str:
        if directory is None:
            return f"sqlite://{tmp_path / f'{next(numbers)}.db'}"
        return await asyncio.to_thread(new_postgres_url, directory)

    return new


async def what_was_lost(package: str, new_url: NewUrl) -> list[str]:
    """From which steps on the way to the newest something is lost, and out of which tables."""
    names, lost = await steps(await new_url(), package), []
    for reached in names:
        url = await new_url()
        await apply(url, package, upto=reached)
        stored = await fill(url)
        assert len(stored) >= 4
        assert await read(url, stored) == {table: [row] for table, row in stored.items()}
        await apply(url, package, upto=names[-1])
        try:
            found = await read(url, stored)
        except Exception as error:
            lost.append(f"{reached}: {type(error).__name__}")
        else:
            lost += [f"{reached}: {table}" for table, row in stored.items() if found[table] != [row]]
    return lost


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Makes a package of our first migration and one more, and tells its name."""

    def make(operation: str) -> str:
        package = tmp_path / f"scratch_{uuid.uuid4().hex}"
        package.mkdir()
        (package / "__init__.py").touch()
        shutil.copy(Path(migrations.__path__[0]) / "0001_initial.py", package)
        (package / "0002_next.py").write_text(FORM.format(operation=operation))
        monkeypatch.syspath_prepend(tmp_path)
        return package.name

    return make


async def test_what_every_earlier_version_stored_is_there_after_all_migrations(new_url: NewUrl) -> None:
    assert await what_was_lost(OURS, new_url) == []


@pytest.mark.parametrize("operation", HARMLESS.values(), ids=HARMLESS)
async def test_a_migration_that_only_adds_passes(
    operation: str, scratch: Callable[[str], str], new_url: NewUrl
) -> None:
    assert await what_was_lost(scratch(operation), new_url) == []


@pytest.mark.parametrize("operation", HARMFUL.values(), ids=HARMFUL)
async def test_a_migration_that_loses_something_is_caught(
    operation: str, scratch: Callable[[str], str], new_url: NewUrl
) -> None:
    lost = await what_was_lost(scratch(operation), new_url)
    assert lost
    assert all(loss.startswith("0001_initial: ") for loss in lost)


async def test_a_column_that_is_altered_costs_sqlite_the_rows_that_refer_to_its_table(
    scratch: Callable[[str], str], tmp_path: Path
) -> None:
    """Why migrations here only add."""
    numbers = count()

    async def new_file() -> str:
        return f"sqlite://{tmp_path / f'{next(numbers)}.db'}"

    package = scratch('ops.AlterField("User", "nick_name", fields.CharField(default="", max_length=512))')
    assert await what_was_lost(package, new_file) == ["0001_initial: accounts", "0001_initial: sessions"]


async def test_migrations_only_add(tmp_path: Path) -> None:
    for name in await steps(f"sqlite://{tmp_path / 'empty.db'}", OURS):
        for operation in import_module(f"{OURS}.{name}").Migration.operations:
            assert isinstance(operation, ADDING), f"{name}: {operation.describe()}"
            if isinstance(operation, ops.AddField):
                field = operation.field
                assert isinstance(field, Field), f"{name}: {operation.describe()}"
                assert field.null or field.has_db_default(), f"{name}: {operation.describe()}"
