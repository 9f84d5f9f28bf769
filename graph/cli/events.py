"""`wxgate events`: what WeChat has pushed, and what of it could not be applied."""

import json
from typing import Final

import click

from graph.accounts.sessions import epoch_ms
from graph.cli.audit import utc
from graph.cli.maintenance import in_database
from models.clock import shared_now
from models.database import Database
from models.events import EventState, StoredEvent, read_events, retry_event

_LINE: Final = "{:<43}  {:<19}  {:<18}  {:<31}  {:<6}  {:>5}"


@click.group()
def events() -> None:
    """List what WeChat has pushed about users, and retry what could not be applied."""


@events.command("list")
@click.option("--failed", is_flag=True, help="Only those that are given up: see the log, then `wxgate events retry`.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(failed: bool, as_json: bool) -> None:
    """List the events of the last 30 days, and what failed in the last 90, newest first.

    Without the users that they name. Times are in UTC.
    """
    if not as_json:
        click.echo(_LINE.format("ID", "RECEIVED", "APP", "EVENT", "STATE", "TRIES"))

    async def show_all(database: Database) -> None:
        async for page in read_events(database, failed=failed):
            click.echo("\n".join(map(_json if as_json else _line, page)))

    in_database(show_all)


@events.command()
@click.argument("event_id", metavar="ID")
def retry(event_id: str) -> None:
    """Let a running server apply an event that is given up; it does within a minute."""

    async def work(database: Database) -> bool:
        return await retry_event(database, event_id, now=await shared_now(database, epoch_ms))

    if not in_database(work):
        msg = f"No event {event_id} is given up: `wxgate events list --failed` shows those that are."
        raise click.ClickException(msg)
    click.echo(f"{event_id} is due again.")


def _line(event: StoredEvent) -> str:
    at = f"{utc(event.received_at):%Y-%m-%d %H:%M:%S}"
    return _LINE.format(event.id, at, event.app_id, event.event, _state(event), event.tries)


def _json(event: StoredEvent) -> str:
    times = ("created_at", "received_at", "due_at")
    shown = {name: utc(getattr(event, name)).isoformat(timespec="milliseconds") for name in times}
    about = {"id": event.id, "app_id": event.app_id, "event": event.event, "state": _state(event), "tries": event.tries}
    return json.dumps({**about, **shown})


def _state(event: StoredEvent) -> str:
    return EventState(event.state).name.lower()
