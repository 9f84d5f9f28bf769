"""A table of what was done to users, which outlives them, and the feed of users that are gone."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0003_session_macs")]

    operations = [
        ops.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=22)),
                ("at", fields.BigIntField(db_index=True)),
                ("action", fields.CharField(max_length=32)),
                ("user_id", fields.CharField(null=True, db_index=True, max_length=22)),
                ("app_id", fields.CharField(max_length=32)),
                ("session", fields.CharField(max_length=22)),
                ("actor", fields.CharField(max_length=64)),
                ("detail", fields.TextField(unique=False)),
            ],
            options={
                "table": "audit_log",
                "app": "models",
                "pk_attr": "id",
                "table_description": "What was done to users, and by whom.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="DeletedUser",
            fields=[
                ("seq", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("user_id", fields.CharField(unique=True, max_length=22)),
                ("at", fields.BigIntField(db_index=True)),
                ("reason", fields.SmallIntField()),
                ("merged_into", fields.CharField(null=True, max_length=22)),
            ],
            options={
                "table": "deleted_users",
                "app": "models",
                "pk_attr": "seq",
                "table_description": "Users that are gone, for services that keep their ids.",
            },
            bases=["Model"],
        ),
    ]
