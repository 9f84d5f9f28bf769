"""A table for work that one process does at a time."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0001_initial")]

    operations = [
        ops.CreateModel(
            name="Lease",
            fields=[
                ("name", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=16)),
                ("held_until", fields.BigIntField()),
                ("done_at", fields.BigIntField()),
            ],
            options={
                "table": "leases",
                "app": "models",
                "pk_attr": "name",
                "table_description": "Work that one process does at a time.",
            },
            bases=["Model"],
        ),
    ]
