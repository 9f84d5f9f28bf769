"""Which process may do what only one should do at a time."""

from tortoise import fields
from tortoise.expressions import Q
from tortoise.models import Model

from models.clock import TOLERANCE_MS
from models.database import Database


class Lease(Model):
    """The table `leases`: a kind of work, until when a process is at it, and when it was last done to its end.

    A row rather than a lock of PostgreSQL's: a lock belongs to a connection, and behind a pooler in transaction mode
    no two statements need share one. A process that dies leaves a row that expires. Times in epoch milliseconds.
    """

    name = fields.CharField(primary_key=True, max_length=16)
    held_until = fields.BigIntField()
    done_at = fields.BigIntField()

    class Meta:
        table = "leases"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Work that one process does at a time."


async def take_lease(database: Database, name: str, *, until: int, now: int, unless_done_after: int) -> bool:
    """Whether it is the caller's turn; no other's until `until`. Raises `DatabaseError`, as all here.

    A time further in the future than clocks may differ was left by a wrong one, and is not believed.
    """
    row = Lease(name=name, held_until=0, done_at=0)
    await database.run(lambda: Lease.bulk_create([row], ignore_conflicts=True))
    free = Lease.filter(
        Q(held_until__lte=now) | Q(held_until__gt=until + TOLERANCE_MS),
        Q(done_at__lte=unless_done_after) | Q(done_at__gt=now + TOLERANCE_MS),
        name=name,
    )
    return await database.run(lambda: free.update(held_until=until)) == 1


async def keep_lease(database: Database, name: str, *, until: int) -> None:
    """Goes on being the one that works; `until` 0 gives it back undone."""
    await database.run(lambda: Lease.filter(name=name).update(held_until=until))


async def finish_lease(database: Database, name: str, *, now: int) -> None:
    """Gives it back, done as of `now`."""
    await database.run(lambda: Lease.filter(name=name).update(held_until=0, done_at=now))
