"""Removes the rows of a table that are kept for a time only."""

from collections.abc import AsyncIterator

from tortoise.models import Model

from models.database import Database


async def delete_before(
    database: Database, table: type[Model], key: str, time: int, *, size: int
) -> AsyncIterator[int]:
    """Deletes the rows whose indexed column `at` lies before a time, oldest first; how many with each page.

    `key` is the table's primary key. A page has at most `size` rows, however many are of one millisecond. Raises
    `DatabaseError`.
    """
    old, since = table.filter(at__lt=time).order_by("at").limit(size), 0
    # From where the last page ended, so that the index is not searched again among entries that are dead already.
    while page := await database.run(lambda: old.filter(at__gte=since).values_list(key, "at"), reads=True):  # noqa: B023
        yield await database.run(table.filter(pk__in=[row[0] for row in page]).delete)
        since = page[-1][1]
