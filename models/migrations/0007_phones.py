"""Tables of verified phone numbers, and of whose they are where each may be one user's only."""

from typing import Final

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

_OPTIONS: Final = {
    "table": "phones",
    "app": "models",
    "pk_attr": "user_id",
    "table_description": "Verified phone numbers, sealed.",
}


class Migration(migrations.Migration):
    dependencies = [("models", "0006_session_devices")]

    operations = [
        ops.CreateModel(
            name="Phone",
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
                        related_name="phone",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("number", fields.TextField(unique=False)),
                ("number_index", fields.CharField(db_index=True, max_length=40)),
                ("country_code", fields.CharField(max_length=4)),
                ("app_id", fields.CharField(max_length=32)),
                ("source", fields.SmallIntField()),
                ("code_hash", fields.CharField(null=True, max_length=43)),
                ("verified_at", fields.BigIntField()),
                ("created_at", fields.BigIntField()),
                ("updated_at", fields.BigIntField()),
            ],
            options=_OPTIONS,
            bases=["Model"],
        ),
        ops.CreateModel(
            name="PhoneOwner",
            fields=[
                ("number_index", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="user_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="owned_numbers",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
            ],
            options={
                "table": "phone_owners",
                "app": "models",
                "pk_attr": "number_index",
                "table_description": "Whose a phone number is, where it may be one user's only.",
            },
            bases=["Model"],
        ),
        # Changes no database: of a key that refers to a table, Tortoise has noted the name of the field instead.
        ops.AlterModelOptions("Phone", _OPTIONS),
    ]
