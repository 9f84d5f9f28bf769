"""Who may do what only one process should do at a time."""

from tortoise import fields
from tortoise.models import Model


class Lease(Model):
    """The table `leases`: a kind of work, until when somebody is at it, and when it was last done to its end.

    A row rather than a lock of PostgreSQL's: a lock belongs to a connection, and behind a pooler in transaction mode
    no two statements need share one. A process that dies leaves a row that expires.
    """

    name = fields.CharField(primary_key=True, max_length=16)
    held_until = fields.BigIntField()
    done_at = fields.BigIntField()

    class Meta:
        table = "leases"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Work that one process does at a time."
