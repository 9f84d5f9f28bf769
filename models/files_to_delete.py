"""Files of the store that no row needs: written down before they come to be, and in the transaction that frees them."""

from tortoise import fields
from tortoise.models import Model


class FileToDelete(Model):
    """The table `files_to_delete`; `due_at` in epoch milliseconds."""

    name = fields.CharField(primary_key=True, max_length=64)
    due_at = fields.BigIntField(db_index=True)

    class Meta:
        table = "files_to_delete"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Files that no row needs any more."
