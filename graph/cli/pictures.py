"""`wxgate pictures`: what users have uploaded, what WeChat doubts of it, and what an operator decides."""

import json
import re
from typing import Final

import click

from graph.accounts.sessions import epoch_ms
from graph.cli.audit import command_actor, utc
from graph.cli.maintenance import in_database
from models.audit_log import AuditAction
from models.clock import shared_now
from models.database import Database
from models.picture_urls import Rebased, rebase
from models.picture_verdicts import Verdict, judge_picture
from models.pictures import PictureState, StoredPicture, read_pictures, select_picture

_LINE: Final = "{:<22}  {:<22}  {:<18}  {:<8}  {:>5}  {:<19}  {}"
_STATES: Final = {state.name.lower(): state for state in PictureState}


class _Prefix(click.ParamType[str]):
    """What stands before the names of pictures."""

    name = "prefix"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"https?://[^\s?#@]+", value):
            self.fail(f"{value!r} is not like https://api.example.com/avatars.", param, ctx)
        return value.rstrip("/")


@click.group()
def pictures() -> None:
    """List the pictures of users, decide about those that WeChat doubts, and give all another address."""


@pictures.command("list")
@click.option("--review", is_flag=True, help="Only those that wait for an operator.")
@click.option("--state", type=click.Choice([*_STATES]), help="Only those in this state.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(review: bool, state: str | None, as_json: bool) -> None:
    """List the pictures that users have now, oldest first, with what WeChat found (LABEL). Times are in UTC.

    An address opens for all who have it.
    """
    states = [PictureState.REVIEW] if review else [_STATES[state]] if state else [*PictureState]
    if not as_json:
        click.echo(_LINE.format("ID", "USER", "APP", "STATE", "LABEL", "CREATED", "ADDRESS"))

    async def show_all(database: Database) -> None:
        async for page in read_pictures(database, states=states):
            click.echo("\n".join(map(_json if as_json else _line, page)))

    in_database(show_all)


@pictures.command()
@click.argument("picture_id", metavar="ID")
def accept(picture_id: str) -> None:
    """Show a picture whatever WeChat's check says. One that was refused is deleted, and cannot come back."""
    verdict, state = _judge(picture_id, PictureState.SHOWN, AuditAction.PICTURE_ACCEPTED)
    if state is PictureState.REFUSED:
        msg = f"{picture_id} was refused before, and its file is deleted: it cannot be accepted."
        raise click.ClickException(msg)
    done = "is accepted" if verdict.changed else "was accepted before"
    shown = "it is shown" if verdict.shown else "it is not shown, for the user has another picture, or none, by now"
    click.echo(f"{picture_id} {done}: {shown}.")


@pictures.command()
@click.argument("picture_id", metavar="ID")
def refuse(picture_id: str) -> None:
    """Hide a picture for good and have its file deleted, whatever its state is."""
    verdict, _ = _judge(picture_id, PictureState.REFUSED, AuditAction.PICTURE_REFUSED)
    if not verdict.changed:
        click.echo(f"{picture_id} was refused before.")
        return
    had = "it is shown no more" if verdict.is_current else "the user had another picture, or none, already"
    click.echo(f"{picture_id} is refused: {had}, and its file is due for deletion.")


@pictures.command("rebase")
@click.argument("old", type=_Prefix())
@click.argument("new", type=_Prefix())
def rebase_(old: str, new: str) -> None:
    """Let all addresses that begin with OLD, like https://api.example.com/avatars, begin with NEW.

    Beside running servers, after their WXGATE_AVATARS_PUBLIC_URL is NEW. Copies no file. May be run again.
    """
    if old == new:
        msg = "OLD and NEW are the same."
        raise click.UsageError(msg)

    async def work(database: Database) -> Rebased:
        now = await shared_now(database, epoch_ms)
        entry = AuditAction.PICTURES_REBASED.entry(now=now, user_id=None, actor=command_actor())
        return await rebase(database, old, new, entry=entry, now=now)

    done = in_database(work)
    click.echo(f"{done.pictures} pictures and {done.users} users have another address.")


def _judge(picture_id: str, state: PictureState, action: AuditAction) -> tuple[Verdict, PictureState]:
    """What became of it, and the state that it has now."""

    async def work(database: Database) -> tuple[Verdict, PictureState] | None:
        now = await shared_now(database, epoch_ms)
        entry = action.entry(now=now, user_id=None, actor=command_actor())
        verdict = await judge_picture(
            database, picture_id, state=state, label=None, shows="after", entry=entry, now=now
        )
        found = await database.transaction(lambda: select_picture(picture_id))
        return None if verdict is None or found is None else (verdict, found[0].state)

    judged = in_database(work)
    if judged is None:
        msg = f"There is no picture {picture_id}: `wxgate pictures list` shows those that there are."
        raise click.ClickException(msg)
    return judged


def _line(picture: StoredPicture) -> str:
    at = f"{utc(picture.created_at):%Y-%m-%d %H:%M:%S}"
    state, label = _name(picture), "" if picture.label is None else picture.label
    return _LINE.format(picture.id, picture.user_id, picture.app_id, state, label, at, picture.url)


def _json(picture: StoredPicture) -> str:
    about = {"id": picture.id, "user_id": picture.user_id, "app_id": picture.app_id, "state": _name(picture)}
    at = utc(picture.created_at).isoformat(timespec="milliseconds")
    return json.dumps({**about, "label": picture.label, "created_at": at, "url": picture.url})


def _name(picture: StoredPicture) -> str:
    return picture.state.name.lower()
