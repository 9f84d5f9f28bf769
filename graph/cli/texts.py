"""`wxgate texts`: what users have typed and WeChat has not passed, and what an operator decides."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

import click

from graph.accounts.sessions import epoch_ms
from graph.cli.audit import command_actor, utc
from graph.cli.maintenance import in_database
from models.audit_log import AuditAction
from models.clock import shared_now
from models.database import Database
from models.text_checks import StoredTextCheck, TextCheckState, find_text_check, read_text_checks
from models.text_verdicts import accept_texts, read_texts, refuse_texts

_LINE: Final = "{:<22}  {:<18}  {:<7}  {:>5}  {:<19}  {:<30}  {}"
# Long, for a user who had two texts of one digest could have the one accepted by the other.
_DIGEST_DIGITS: Final = 30

Decide = Callable[..., Awaitable[bool]]
_seen = click.option("--seen", metavar="DIGEST", help="What `list` printed beside the texts; without it, asks.")


@click.group()
def texts() -> None:
    """List the names and regions that users have typed and WeChat doubts or could not check, and decide about them."""


@texts.command("list")
@click.option("--review", is_flag=True, help="Only those that wait for an operator.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(review: bool, as_json: bool) -> None:
    """List what WeChat has not passed, oldest first, with what it found (LABEL). Times are in UTC.

    DIGEST stands for the texts as they are now: `accept` and `refuse` take no others for these.
    """
    states = [TextCheckState.REVIEW] if review else [*TextCheckState]
    if not as_json:
        click.echo(_LINE.format("USER", "APP", "STATE", "LABEL", "CREATED", "DIGEST", "TEXTS"))

    async def show_all(database: Database) -> None:
        async for page in read_text_checks(database, states=states):
            contents = await read_texts(database, [check.user_id for check in page])
            show = _json if as_json else _line
            click.echo("\n".join(show(check, contents[check.user_id]) for check in page if check.user_id in contents))

    in_database(show_all)


@texts.command()
@click.argument("user_id", metavar="USER")
@_seen
def accept(user_id: str, seen: str | None) -> None:
    """Let a user's texts be as they are."""
    _decide(user_id, seen, AuditAction.TEXT_ACCEPTED, accept_texts)
    click.echo(f"The texts of {user_id} are accepted.")


@texts.command()
@click.argument("user_id", metavar="USER")
@_seen
def refuse(user_id: str, seen: str | None) -> None:
    """Clear a user's nickname, city, province and country."""
    _decide(user_id, seen, AuditAction.TEXT_REFUSED, refuse_texts)
    click.echo(f"The texts of {user_id} are refused, and cleared.")


def _decide(user_id: str, seen: str | None, action: AuditAction, decide: Decide) -> None:
    """Decides about the texts that the operator has seen, and about no others."""

    async def find(database: Database) -> tuple[StoredTextCheck, str] | None:
        check = await find_text_check(database, user_id)
        contents = await read_texts(database, [user_id])
        return None if check is None or user_id not in contents else (check, contents[user_id])

    found = in_database(find)
    if found is None:
        msg = f"No texts of {user_id} wait for anything: `wxgate texts list` shows those that do."
        raise click.ClickException(msg)
    check, content = found
    if seen is None:
        click.echo(_shown(content))
        click.confirm("Accept these?" if action is AuditAction.TEXT_ACCEPTED else "Refuse these?", abort=True)
    changed = click.ClickException(f"{user_id} has other texts by now: see `wxgate texts list`.")
    if seen is not None and seen != _digest(content):
        raise changed

    async def work(database: Database) -> bool:
        now = await shared_now(database, epoch_ms)
        entry = action.entry(now=now, user_id=user_id, app_id=check.app_id, actor=command_actor())
        return await decide(database, user_id, content, entry=entry, now=now)

    if not in_database(work):
        raise changed


def _line(check: StoredTextCheck, content: str) -> str:
    about: Any = check.user_id, check.app_id, _name(check), "" if check.label is None else check.label
    return _LINE.format(*about, f"{utc(check.created_at):%Y-%m-%d %H:%M:%S}", _digest(content), _shown(content))


def _json(check: StoredTextCheck, content: str) -> str:
    about = {"user_id": check.user_id, "app_id": check.app_id, "state": _name(check), "label": check.label}
    at = utc(check.created_at).isoformat(timespec="milliseconds")
    return json.dumps({**about, "created_at": at, "digest": _digest(content), "texts": content.split("\n")})


def _name(check: StoredTextCheck) -> str:
    return check.state.name.lower()


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:_DIGEST_DIGITS]


def _shown(content: str) -> str:
    """On one line, and without what could make a terminal show anything else: what WeChat signed may hold it."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in content.replace("\n", " / "))
