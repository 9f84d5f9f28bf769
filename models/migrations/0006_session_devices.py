"""What each session's client called its device, so that users recognise their sessions."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0005_unionids")]

    operations = [
        ops.AddField("Session", "device", fields.CharField(max_length=64, db_default="")),
        ops.AddField("Session", "platform", fields.SmallIntField(db_default=0)),
        ops.AddField("Session", "wechat_version", fields.CharField(max_length=16, db_default="")),
        ops.AddField("Session", "app_version", fields.CharField(max_length=16, db_default="")),
    ]
