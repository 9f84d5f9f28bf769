"""Files of the store that no row needs: written down before they come to be, and in the transaction that frees them."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from tortoise import fields
from tortoise.expressions import Q
from tortoise.functions import Count, Min
from tortoise.models import Model

from models.database import Database, Steps


class FileToDelete(Model):
    """The table `files_to_delete`; `due_at` in epoch milliseconds."""

    name = fields.CharField(primary_key=True, max_length=64)
    due_at = fields.BigIntField(db_index=True)

    class Meta:
        table = "files_to_delete"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Files that no row needs any more."


class FileDue(NamedTuple):
    """A file, and since when it is to go, in epoch milliseconds."""

    name: str
    due_at: int


_PLAN: Final = """
INSERT INTO files_to_delete (name, due_at) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET due_at =
  CASE WHEN excluded.due_at < files_to_delete.due_at THEN excluded.due_at ELSE files_to_delete.due_at END"""
_KEEP: Final = "DELETE FROM files_to_delete WHERE name = $1"


def plan_deletion(names: Iterable[str], due_at: int) -> Steps[None]:
    """Has the files with these names deleted from then on (epoch milliseconds), or earlier if that was planned."""
    for name in sorted(names):  # in one order, for another transaction may free the same
        yield _PLAN, (name, due_at)


def keep_file(name: str) -> Steps[None]:
    """Takes a file out again: from now on a row needs it."""
    yield _KEEP, (name,)


async def note_file(database: Database, name: str, *, due_at: int) -> None:
    """As `plan_deletion`, of a file that is about to be written. Raises `DatabaseError`, as all here that await."""
    await database.transaction(lambda: plan_deletion([name], due_at))


async def due_files(database: Database, *, now: int, after: FileDue | None, limit: int) -> Sequence[FileDue]:
    """The next files that are due, the longest first, so that those that cannot be deleted do not keep the others."""
    due = FileToDelete.filter(due_at__lte=now).order_by("due_at", "name").limit(limit)
    if after is not None:
        due = due.filter(Q(due_at__gt=after.due_at) | Q(due_at=after.due_at, name__gt=after.name))
    return [FileDue(*row) for row in await database.run(lambda: due.values_list(*FileDue._fields), reads=True)]


async def count_due_files(database: Database, *, now: int) -> tuple[int, int | None]:
    """How many files are due, and since when the first is, in epoch milliseconds."""
    due = FileToDelete.filter(due_at__lte=now).annotate(number=Count("name"), oldest=Min("due_at"))
    [(number, oldest)] = await database.run(lambda: due.values_list("number", "oldest"), reads=True)
    return number, oldest


async def forget_file(database: Database, file: FileDue) -> None:
    """Removes the row of a file that is deleted, unless it was planned anew meanwhile."""
    await database.run(FileToDelete.filter(name=file.name, due_at=file.due_at).delete)


async def put_off_file(database: Database, file: FileDue, *, due_at: int) -> None:
    """Has a file that could not be deleted tried again, unless it was planned anew meanwhile."""
    row = FileToDelete.filter(name=file.name, due_at=file.due_at)
    await database.run(lambda: row.update(due_at=due_at))
