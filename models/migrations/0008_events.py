"""An inbox of what WeChat pushes, so that nothing is lost that was acknowledged."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0007_phones")]

    operations = [
        ops.CreateModel(
            name="Event",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=43)),
                ("app_id", fields.CharField(max_length=32)),
                ("event", fields.CharField(max_length=48)),
                ("body", fields.TextField(unique=False)),
                ("created_at", fields.BigIntField()),
                ("received_at", fields.BigIntField()),
                ("due_at", fields.BigIntField()),
                ("taken_until", fields.BigIntField()),
                ("tries", fields.SmallIntField()),
                ("state", fields.SmallIntField()),
            ],
            options={
                "table": "events",
                "app": "models",
                "indexes": (("state", "due_at"),),
                "pk_attr": "id",
                "table_description": "Events that WeChat has pushed.",
            },
            bases=["Model"],
        ),
    ]
