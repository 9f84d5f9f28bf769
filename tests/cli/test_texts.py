"""`wxgate texts`: what it lists, and that an operator decides about the texts that they have seen, and no others."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

import click.testing
import pytest

from graph.cli.audit import command_actor
from models.database import Database
from models.profile_updates import ProfileChange
from models.text_checks import TextCheckState
from tests.cli.content import a_user, save_texts
from tests.cli.processes import invoke
from tests.databases import give_tables
from tests.models.rows import column
from tests.secret_patterns import secrets_in

DOUBTFUL: Final = "Doubtful\nShenzhen"

Texts = Callable[..., click.testing.Result]
Look = Callable[[str], list[Any]]


@pytest.fixture
def texts(database_url: str) -> Texts:
    """Runs a command of `texts`: those of one user are in review, those of another wait for WeChat."""

    async def fill() -> None:
        await give_tables(database_url)
        async with Database(database_url) as database:
            first, second = await a_user(database, 1), await a_user(database, 2)
            change = ProfileChange(nick_name="Doubtful", city="Shenzhen")
            await save_texts(database, first, change, DOUBTFUL, TextCheckState.REVIEW, minute=1)
            change = ProfileChange(nick_name="\x1b[2J\u202eunseen")
            await save_texts(database, second, change, str(change.nick_name), TextCheckState.WAITING, minute=2)

    asyncio.run(fill())

    def command(*arguments: str, **asked: Any) -> click.testing.Result:
        result = invoke("texts", *arguments, WXGATE_DATABASE_URL=database_url, WXGATE_LOG_LEVEL="ERROR", **asked)
        assert secrets_in(result.output) == []
        assert "openid" not in result.output
        return result

    return command


@pytest.fixture
def look(database_url: str) -> Look:
    """The only column of a query's rows."""

    def values(sql: str) -> list[Any]:
        async def read() -> list[Any]:
            async with Database(database_url) as database:
                return await column(database, sql)

        return asyncio.run(read())

    return values


@pytest.fixture
def retype(database_url: str) -> Callable[[str], None]:
    """Lets the first user type another name, of which WeChat has its doubts as well."""

    def change(name: str) -> None:
        async def work() -> None:
            async with Database(database_url) as database:
                account = await a_user(database, 1)
                typed = ProfileChange(nick_name=name)
                await save_texts(database, account, typed, f"{name}\nShenzhen", TextCheckState.REVIEW, minute=3)

        asyncio.run(work())

    return change


def listed(texts: Texts, *arguments: str) -> list[Any]:
    return [json.loads(line) for line in texts("list", "--json", *arguments).output.splitlines()]


def test_texts_are_listed_oldest_first_for_an_operator_to_read(texts: Texts) -> None:
    assert [(row["user_id"], row["state"]) for row in listed(texts)] == [("user-1", "review"), ("user-2", "waiting")]
    [doubtful] = listed(texts, "--review")
    digest = doubtful.pop("digest")
    assert doubtful == {
        "user_id": "user-1",
        "app_id": "wx-one",
        "state": "review",
        "label": 20006,
        "created_at": "2025-06-15T15:07:40.000+00:00",
        "texts": ["Doubtful", "Shenzhen"],
    }
    table = texts("list").output.splitlines()
    assert table[1].split() == [
        *("user-1", "wx-one", "review", "20006", "2025-06-15", "15:07:40", digest),
        *("Doubtful", "/", "Shenzhen"),
    ]
    # What could make a terminal show something else is written out.
    assert table[2].endswith("  \\x1b[2J\\u202eunseen")


def test_accepted_texts_stay_and_wait_no_more(texts: Texts, look: Look) -> None:
    [row] = listed(texts, "--review")
    done = texts("accept", "user-1", "--seen", row["digest"])
    assert (done.exit_code, done.output) == (0, "The texts of user-1 are accepted.\n")
    assert look("SELECT nick_name FROM users WHERE id = 'user-1'") == ["Doubtful"]
    assert listed(texts, "--review") == []
    assert look("SELECT actor FROM audit_log WHERE action = 'text_accepted'") == [command_actor()]
    again = texts("accept", "user-1", "--seen", row["digest"])
    assert (again.exit_code, again.stdout) == (1, "")
    assert again.stderr.startswith("Error: No texts of user-1 wait for anything: ")


def test_refused_texts_are_cleared(texts: Texts, look: Look) -> None:
    [row] = listed(texts, "--review")
    done = texts("refuse", "user-1", "--seen", row["digest"])
    assert (done.exit_code, done.output) == (0, "The texts of user-1 are refused, and cleared.\n")
    assert look("SELECT nick_name || city FROM users WHERE id = 'user-1'") == [""]
    assert look("SELECT detail FROM audit_log WHERE action = 'text_refused'") == ["{}"]
    assert [row["user_id"] for row in listed(texts)] == ["user-2"]


@pytest.mark.parametrize("command", ["accept", "refuse"])
def test_texts_that_changed_since_they_were_listed_are_not_decided(
    command: str, texts: Texts, retype: Callable[[str], None], look: Look
) -> None:
    [row] = listed(texts, "--review")
    retype("Worse")
    refused = texts(command, "user-1", "--seen", row["digest"])
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == "Error: user-1 has other texts by now: see `wxgate texts list`.\n"
    assert look("SELECT nick_name FROM users WHERE id = 'user-1'") == ["Worse"]
    assert listed(texts, "--review")[0]["texts"] == ["Worse", "Shenzhen"]


def test_without_a_digest_the_texts_are_shown_and_asked_about(
    texts: Texts, retype: Callable[[str], None], look: Look, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"WXGATE_DATABASE_URL": database_url, "WXGATE_LOG_LEVEL": "ERROR"}
    left = invoke("texts", "refuse", "user-1", typed="n\n", **variables)
    assert left.exit_code == 1
    assert left.output.startswith("Doubtful / Shenzhen\nRefuse these? [y/N]: ")

    def confirm(_question: str, **_: object) -> bool:
        retype("Worse")  # while the operator reads
        return True

    with monkeypatch.context() as reading:
        reading.setattr(click, "confirm", confirm)
        overtaken = invoke("texts", "accept", "user-1", **variables)
    assert overtaken.exit_code == 1
    assert "user-1 has other texts by now" in overtaken.output
    done = invoke("texts", "accept", "user-1", typed="y\n", **variables)
    assert done.exit_code == 0
    assert done.output.endswith("The texts of user-1 are accepted.\n")
    assert listed(texts, "--review") == []
    assert look("SELECT nick_name FROM users WHERE id = 'user-1'") == ["Worse"]
