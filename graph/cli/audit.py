"""`wxgate audit`: what was done to users, and by whom; and how commands record what they do."""

import json
import logging
import os
import pwd
import re
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

import click

from graph.accounts.sessions import epoch_ms
from graph.cli.maintenance import in_database
from models.audit_log import AuditAction, Audited, read_entries, record
from models.database import Database
from models.errors import DatabaseError

_log = logging.getLogger(__name__)

_UNITS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_LINE: Final = "{:<19}  {:<23}  {:<22}  {:<18}  {:<22}  {:<9}  {}"


class _Age(click.ParamType[int]):
    """How long ago, in milliseconds."""

    name = "age"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = re.fullmatch(r"([0-9]{1,6})([mhdw])", value)
        if match is None:
            self.fail(f"{value!r} is not like 30m, 12h, 2d or 4w.", param, ctx)
        return int(match[1]) * _UNITS[match[2]]


@click.command()
@click.option("--user", "user_id", metavar="ID", help="Only what was done to this user (User.id).")
@click.option("--action", type=click.Choice([action.value for action in AuditAction]), help="Only this.")
@click.option("--since", "age", type=_Age(), metavar="AGE", help="Nothing older, like 30m, 12h, 2d or 4w.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def audit(user_id: str | None, action: str | None, age: int | None, as_json: bool) -> None:
    """List what was done to users and keys, and by whom, newest first. Times are in UTC."""
    since = 0 if age is None else epoch_ms() - age
    show = _json if as_json else _line
    if not as_json:
        click.echo(_LINE.format("TIME", "ACTION", "USER", "APP", "SESSION", "ACTOR", "DETAIL"))

    async def show_all(database: Database) -> None:
        async for page in read_entries(database, user_id=user_id, action=action, since=since):
            click.echo("\n".join(map(show, page)))

    in_database(show_all)


def _json(entry: Audited) -> str:
    return json.dumps({**asdict(entry), "at": utc(entry.at).isoformat(timespec="milliseconds")})


def _line(entry: Audited) -> str:
    detail = " ".join(f"{name}={value}" for name, value in entry.detail.items())
    columns = (entry.action, entry.user_id or "", entry.app_id, entry.session, entry.actor, detail)
    return _LINE.format(f"{utc(entry.at):%Y-%m-%d %H:%M:%S}", *columns).rstrip()


def utc(epoch_ms: int) -> datetime:
    """The moment as a `datetime`."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


def command_actor() -> str:
    """Who runs this command, as the audit log names them (see `Audited`)."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container, a number without an entry
        user = str(os.getuid())
    return f"cli:{user}"[:64]


async def record_command(database: Database, action: AuditAction, **detail: Any) -> None:
    """Writes that an operator did this. It is done already, so that no more than a warning comes of a failure."""
    entry = action.entry(now=epoch_ms(), user_id=None, actor=command_actor(), detail=detail)
    try:
        await database.transaction(lambda: record(entry))
    except DatabaseError as error:
        _log.warning("could not write to the audit log", extra={"action": action.value, "reason": str(error)})
