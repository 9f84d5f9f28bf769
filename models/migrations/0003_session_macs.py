"""A MAC in each session, so that a token is not made another user's by who can write the database."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0002_leases")]

    operations = [ops.AddField("Session", "mac", fields.TextField(null=True, unique=False))]
