"""The first tables: people, their accounts, their sessions, and the proof of the encryption keys."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="EncryptionKey",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=16)),
                ("canary", fields.TextField(unique=False)),
                ("created_at", fields.BigIntField()),
            ],
            options={
                "table": "encryption_keys",
                "app": "models",
                "pk_attr": "id",
                "table_description": "Proof of the encryption keys that this database was written with.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="User",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=22)),
                ("nick_name", fields.CharField(default="", max_length=256)),
                ("avatar_url", fields.CharField(default="", max_length=1024)),
                ("gender", fields.SmallIntField(default=0)),
                ("city", fields.CharField(default="", max_length=128)),
                ("province", fields.CharField(default="", max_length=128)),
                ("country", fields.CharField(default="", max_length=128)),
                ("language", fields.CharField(default="", max_length=128)),
                ("profile_at", fields.BigIntField(null=True)),
                ("created_at", fields.BigIntField()),
                ("updated_at", fields.BigIntField()),
            ],
            options={
                "table": "users",
                "app": "models",
                "pk_attr": "id",
                "table_description": "People, as the server's clients see them.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Account",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="user_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="accounts",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("app_id", fields.CharField(max_length=32)),
                ("openid", fields.CharField(max_length=64)),
                ("unionid", fields.CharField(null=True, db_index=True, max_length=64)),
                ("session_key", fields.TextField(unique=False)),
                ("session_key_fingerprint", fields.CharField(max_length=22)),
                ("session_key_at", fields.BigIntField()),
                ("previous_session_key", fields.TextField(null=True, unique=False)),
                ("previous_session_key_asked_at", fields.BigIntField(null=True)),
                ("previous_session_key_at", fields.BigIntField(null=True)),
                ("created_at", fields.BigIntField()),
                ("updated_at", fields.BigIntField()),
            ],
            options={
                "table": "accounts",
                "app": "models",
                "unique_together": (("app_id", "openid"),),
                "pk_attr": "id",
                "table_description": "People as one mini-program knows them.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Session",
            fields=[
                ("token_hash", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=43)),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="user_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="sessions",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "account",
                    fields.ForeignKeyField(
                        "models.Account",
                        source_field="account_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="sessions",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("created_at", fields.BigIntField()),
                ("last_seen_at", fields.BigIntField()),
                ("expires_at", fields.BigIntField(db_index=True)),
            ],
            options={
                "table": "sessions",
                "app": "models",
                "pk_attr": "token_hash",
                "table_description": "Signed-in devices.",
            },
            bases=["Model"],
        ),
    ]
