"""`wxgate users`: what it prints, what it refuses, and what it leaves in the log."""

import asyncio
import json
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import click.testing
import pytest

from models.database import Database
from tests.cli.processes import invoke, run
from tests.databases import give_tables
from tests.models.rows import DAY, NOON, a_login, column, stored
from tests.secret_patterns import secrets_in
from tests.server import ENCRYPTION_KEYS

Users = Callable[..., click.testing.Result]


@pytest.fixture
def users(database_url: str) -> Users:
    """Runs a command of `users` on two users, of whom the younger has just shown the unionid of the older."""

    async def fill() -> None:
        await give_tables(database_url)
        async with Database(database_url) as database:
            late = a_login(3, app_id="wx-two", unionid="union-one")
            await stored(database, a_login(1, unionid="union-one", now=NOON - DAY), a_login(2, app_id="wx-two"), late)
            # As the version before wrote them.
            await database.fetch("UPDATE sessions SET mac = NULL")

    asyncio.run(fill())

    def command(*arguments: str) -> click.testing.Result:
        variables = {"WXGATE_DATABASE_URL": database_url, "WXGATE_LOG_LEVEL": "ERROR"}
        result = invoke("users", *arguments, WXGATE_ENCRYPTION_KEYS=ENCRYPTION_KEYS, **variables)
        assert secrets_in(result.output) == []
        assert not [word for word in ("union-", "openid", "token") if word in result.output]
        return result

    return command


def test_proposals_are_listed_and_a_merge_prints_what_it_moves_before_and_after(users: Users) -> None:
    assert users("proposals").output == "2025-06-15T15:06:40+00:00  user-1  user-2\n"
    what = (
        "user-2 into user-1\n1 accounts, 0 unionids, 0 phone numbers, 0 proposals moved\n"
        "2 sessions signed anew, 0 deleted\nprofile filled: nothing\n"
    )
    assert users("merge", "user-1", "user-2", "--dry-run").output == f"would merge {what}"
    done = users("merge", "user-1", "user-2")
    assert (done.exit_code, done.output) == (0, f"merged {what}")
    again = users("merge", "user-1", "user-2")
    assert (again.exit_code, again.output) == (0, "user-2 was merged into user-1 before.\n")
    assert users("proposals").output == ""


def test_both_commands_print_json(users: Users) -> None:
    assert json.loads(users("proposals", "--json").output) == [
        {"older": "user-1", "younger": "user-2", "created_at": NOON}
    ]
    merged = {
        "older": "user-1",
        "younger": "user-2",
        "accounts": 1,
        "sessions": 2,
        "sessions_deleted": 0,
        "unionids": 0,
        "phones": 0,
        "proposals": 0,
        "profile": [],
        "already_merged": False,
        "dry_run": False,
    }
    assert json.loads(users("merge", "user-1", "user-2", "--json").output) == merged
    again = {"older": "user-1", "younger": "user-2", "already_merged": True, "dry_run": False}
    assert json.loads(users("merge", "user-1", "user-2", "--json").output) == again


@pytest.mark.usefixtures("users")
def test_a_merge_leaves_a_security_event_and_an_entry_of_who_did_it(database_url: str, tmp_path: Path) -> None:
    variables = {"WXGATE_DATABASE_URL": database_url, "WXGATE_ENCRYPTION_KEYS": ENCRYPTION_KEYS}
    variables |= {"USER": "another", "LOGNAME": "another"}  # anyone can set these
    planned = run("users", "merge", "user-1", "user-2", "--dry-run", cwd=tmp_path, **variables)
    assert "event=" not in planned.stderr
    done = run("users", "merge", "user-1", "user-2", cwd=tmp_path, **variables)
    assert "event=users_merged  user_id=user-1  merged_id=user-2  accounts=1  sessions=2\n" in done.stderr

    async def actors() -> list[object]:
        async with Database(database_url) as database:
            return await column(database, "SELECT actor FROM audit_log WHERE action = 'merged'")

    assert asyncio.run(actors()) == [f"cli:{pwd.getpwuid(os.getuid()).pw_name}"]


def test_what_cannot_be_merged_is_one_sentence_and_changes_nothing(users: Users) -> None:
    users("merge", "user-1", "user-2")
    for older, younger, sentence in (
        ("user-1", "user-1", "These are the same user: name two."),
        ("user-9", "user-1", "There is no user user-9."),
        ("user-1", "user-9", "There is no user user-9."),
        ("user-2", "user-1", "The user user-2 was merged into user-1."),
    ):
        for dry_run in ([], ["--dry-run"]):
            refused = users("merge", older, younger, *dry_run)
            assert (refused.exit_code, refused.stdout, refused.stderr) == (1, "", f"Error: {sentence}\n")


def test_without_the_keys_of_the_database_it_merges_nothing(users: Users, database_url: str) -> None:
    without = invoke("users", "merge", "user-1", "user-2", WXGATE_DATABASE_URL=database_url)
    assert without.exit_code == 1
    assert "WXGATE_ENCRYPTION_KEYS is missing" in without.stderr
    users("merge", "user-1", "user-9")  # finds no such user, and leaves proof of its keys
    other = ENCRYPTION_KEYS.replace("h8Zq", "h8Zr")
    wrong = invoke("users", "merge", "user-1", "user-2", WXGATE_DATABASE_URL=database_url, WXGATE_ENCRYPTION_KEYS=other)
    assert wrong.exit_code == 1
    assert "has another key 'k1'" in wrong.stderr
    assert users("proposals").output != ""
