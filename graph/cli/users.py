"""`wxgate users`: what an operator does to users."""

import json
from dataclasses import asdict

import click

from graph.accounts.encryption_keys import KeyCheck
from graph.accounts.merging import merge_by_operator
from graph.accounts.sessions import epoch_ms
from graph.cli.audit import command_actor, utc
from graph.cli.keys import key_ring_of_settings
from graph.cli.maintenance import in_database
from models.database import Database
from models.merge_proposals import read_proposals
from models.merging import MergedRecord

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def users() -> None:
    """Merge users whom WeChat's unionid has shown to be one."""


@users.command()
@click.argument("older")
@click.argument("younger")
@click.option("--dry-run", is_flag=True, help="Only print what would be moved.")
@_as_json
def merge(older: str, younger: str, dry_run: bool, as_json: bool) -> None:
    """Merge the user YOUNGER into the user OLDER, beside running servers. It cannot be undone.

    All accounts and sessions become those of OLDER, whose profile stays and is filled where it is empty, as does the
    newer of two phone numbers; tokens go on working, and YOUNGER's id is gone. To run it again changes nothing.
    """
    key_ring = key_ring_of_settings()

    async def work(database: Database) -> MergedRecord | None:
        check = KeyCheck(database=database, key_ring=key_ring, now=epoch_ms)
        await (check.compare() if dry_run else check.ensure())
        return await merge_by_operator(
            database, key_ring, older, younger, actor=command_actor(), dry_run=dry_run, now=epoch_ms
        )

    merged = in_database(work)
    if as_json:
        done = {"older": older, "younger": younger} if merged is None else asdict(merged)
        click.echo(json.dumps({**done, "already_merged": merged is None, "dry_run": dry_run}))
    elif merged is None:
        click.echo(f"{younger} was merged into {older} before.")
    else:
        click.echo(f"{'would merge' if dry_run else 'merged'} {younger} into {older}")
        moved = f"{merged.accounts} accounts, {merged.unionids} unionids, {merged.phones} phone numbers"
        click.echo(f"{moved}, {merged.proposals} proposals moved")
        click.echo(f"{merged.sessions} sessions signed anew, {merged.sessions_deleted} deleted")
        click.echo(f"profile filled: {', '.join(merged.profile) or 'nothing'}")


@users.command()
@_as_json
def proposals(as_json: bool) -> None:
    """List users who are one by a unionid that came late: when it came, the older user, the younger one."""
    found = in_database(read_proposals)
    if as_json:
        click.echo(json.dumps([proposal._asdict() for proposal in found]))
        return
    for proposal in found:
        at = utc(proposal.created_at).isoformat(timespec="seconds")
        click.echo(f"{at}  {proposal.older}  {proposal.younger}")
