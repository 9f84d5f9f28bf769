"""Proof of which encryption keys this database was written with."""

from tortoise import fields
from tortoise.models import Model

from models.database import Database


class EncryptionKey(Model):
    """The table `encryption_keys`: a canary sealed with each key, so that a wrong key is seen at start."""

    id = fields.CharField(primary_key=True, max_length=16)
    canary = fields.TextField()
    created_at = fields.BigIntField()

    class Meta:
        table = "encryption_keys"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Proof of the encryption keys that this database was written with."


async def read_canaries(database: Database) -> dict[str, str]:
    """The canary of each key id that this database was written with. Raises `DatabaseError`, as all here."""
    rows = await database.run(lambda: EncryptionKey.all().values_list("id", "canary"), reads=True)
    return {str(key_id): str(canary) for key_id, canary in rows}


async def add_canary(database: Database, key_id: str, canary: str, *, now: int) -> None:
    """Notes that a key is in use; a canary that is there stays as it is."""
    row = EncryptionKey(id=key_id, canary=canary, created_at=now)
    await database.run(lambda: EncryptionKey.bulk_create([row], ignore_conflicts=True))


async def drop_canary(database: Database, key_id: str) -> bool:
    """Forgets that a key was ever in use; whether it was."""
    return await database.run(lambda: EncryptionKey.filter(id=key_id).delete()) == 1
