"""Pictures that users upload, texts that an operator must see, and where each part of a profile came from."""

from typing import Any, Final

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops


def _user(name: str) -> Any:
    return fields.ForeignKeyField(
        "models.User",
        source_field="user_id",
        db_index=True,
        db_constraint=True,
        to_field="id",
        related_name=name,
        on_delete=OnDelete.CASCADE,
    )


_TEXT_CHECKS: Final = {
    "table": "text_checks",
    "app": "models",
    "indexes": (("state", "due_at"),),
    "pk_attr": "user_id",
    "table_description": "Texts of users that WeChat has not passed.",
}


class Migration(migrations.Migration):
    dependencies = [("models", "0009_removed_phones")]

    operations = [
        ops.AddField("User", "avatar_name", fields.CharField(max_length=64, db_default="")),
        ops.AddField("User", "nick_name_at", fields.BigIntField(null=True)),
        ops.AddField("User", "nick_name_source", fields.SmallIntField(db_default=0)),
        ops.AddField("User", "avatar_at", fields.BigIntField(null=True)),
        ops.AddField("User", "avatar_source", fields.SmallIntField(db_default=0)),
        ops.AddField("User", "facts_at", fields.BigIntField(null=True)),
        ops.CreateModel(
            name="Upload",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=22)),
                ("user", _user("uploads")),
                ("name", fields.CharField(max_length=64)),
                ("width", fields.SmallIntField()),
                ("height", fields.SmallIntField()),
                ("expires_at", fields.BigIntField(db_index=True)),
            ],
            options={
                "table": "uploads",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Pictures that were uploaded and are not saved yet.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Picture",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=22)),
                ("user", _user("pictures")),
                ("app_id", fields.CharField(max_length=32)),
                ("name", fields.CharField(max_length=64)),
                ("url", fields.CharField(max_length=1024)),
                ("state", fields.SmallIntField()),
                ("trace_id", fields.CharField(null=True, max_length=64)),
                ("label", fields.IntField(null=True)),
                ("tries", fields.SmallIntField()),
                ("checked_at", fields.BigIntField(null=True)),
                ("due_at", fields.BigIntField(null=True)),
                ("created_at", fields.BigIntField()),
                ("replaced_at", fields.BigIntField(null=True, db_index=True)),
            ],
            options={
                "table": "pictures",
                "app": "models",
                "indexes": (("app_id", "trace_id"), ("state", "due_at")),
                "pk_attr": "id",
                "table_description": "Pictures that users have saved.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="TextCheck",
            fields=[
                (
                    "user",
                    fields.OneToOneField(
                        "models.User",
                        source_field="user_id",
                        primary_key=True,
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="text_check",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("app_id", fields.CharField(max_length=32)),
                ("state", fields.SmallIntField()),
                ("label", fields.IntField(null=True)),
                ("tries", fields.SmallIntField()),
                ("due_at", fields.BigIntField(null=True)),
                ("created_at", fields.BigIntField()),
            ],
            options=_TEXT_CHECKS,
            bases=["Model"],
        ),
        ops.CreateModel(
            name="FileToDelete",
            fields=[
                ("name", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("due_at", fields.BigIntField(db_index=True)),
            ],
            options={
                "table": "files_to_delete",
                "app": "models",
                "pk_attr": "name",
                "table_description": "Files that no row needs any more.",
            },
            bases=["Model"],
        ),
        # Changes no database: as for `Phone` in 0007.
        ops.AlterModelOptions("TextCheck", _TEXT_CHECKS),
    ]
