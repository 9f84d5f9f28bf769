"""Proof of which encryption keys this database was written with."""

from tortoise import fields
from tortoise.models import Model


class EncryptionKey(Model):
    """The table `encryption_keys`: a canary sealed with each key, so that a wrong key is seen at start."""

    id = fields.CharField(primary_key=True, max_length=16)
    canary = fields.TextField()
    created_at = fields.BigIntField()

    class Meta:
        table = "encryption_keys"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Proof of the encryption keys that this database was written with."
