"""When a user removed their phone number, so that a number collected before then does not come back."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0008_events")]

    operations = [
        ops.AddField("User", "removed_phone_at", fields.BigIntField(null=True)),
    ]
