"""`wxgate pictures`: what it lists, what becomes of a picture that is accepted or refused, and new addresses."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

import click.testing
import pytest

from graph.cli.audit import command_actor
from models.database import Database
from models.pictures import PictureState
from tests.cli.content import PREFIX, a_user, save_picture
from tests.cli.processes import invoke
from tests.databases import give_tables
from tests.models.rows import column
from tests.secret_patterns import secrets_in

SHOWN: Final = "0bY3kVq8LmZr5TcWx2HnP1"
DOUBTFUL: Final = "0bY3kVq8LmZr5TcWx2HnP2"
WAITING: Final = "0bY3kVq8LmZr5TcWx2HnP3"
NEW_PREFIX: Final = "https://cdn.example.com/wx"

Pictures = Callable[..., click.testing.Result]


@pytest.fixture
def pictures(database_url: str) -> Pictures:
    """Runs a command of `pictures`. The first user shows one picture and another is in review; a second one waits."""

    async def fill() -> None:
        await give_tables(database_url)
        async with Database(database_url) as database:
            first, second = await a_user(database, 1), await a_user(database, 2)
            await save_picture(database, first, SHOWN, PictureState.SHOWN, minute=1)
            await save_picture(database, first, DOUBTFUL, PictureState.REVIEW, minute=2)
            await save_picture(database, second, WAITING, PictureState.CHECKING, minute=3, user="user-2")
            await database.fetch("UPDATE pictures SET label = 20002 WHERE id = $1", DOUBTFUL)

    asyncio.run(fill())

    def command(*arguments: str) -> click.testing.Result:
        result = invoke("pictures", *arguments, WXGATE_DATABASE_URL=database_url, WXGATE_LOG_LEVEL="ERROR")
        assert secrets_in(result.output) == []
        assert "openid" not in result.output
        return result

    return command


@pytest.fixture
def look(database_url: str) -> Callable[..., list[Any]]:
    """The only column of a query's rows."""

    def values(sql: str) -> list[Any]:
        async def read() -> list[Any]:
            async with Database(database_url) as database:
                return await column(database, sql)

        return asyncio.run(read())

    return values


def listed(pictures: Pictures, *arguments: str) -> list[Any]:
    return [json.loads(line) for line in pictures("list", "--json", *arguments).output.splitlines()]


def test_pictures_are_listed_oldest_first_with_what_wechat_found(pictures: Pictures) -> None:
    assert [(row["id"], row["state"]) for row in listed(pictures)] == [
        (SHOWN, "shown"),
        (DOUBTFUL, "review"),
        (WAITING, "checking"),
    ]
    assert listed(pictures, "--review") == listed(pictures, "--state", "review")
    assert listed(pictures, "--review") == [
        {
            "id": DOUBTFUL,
            "user_id": "user-1",
            "app_id": "wx-one",
            "state": "review",
            "label": 20002,
            "created_at": "2025-06-15T15:08:40.000+00:00",
            "url": f"{PREFIX}/{DOUBTFUL}.jpg",
        }
    ]
    table = pictures("list").output.splitlines()
    assert table[2].split() == [
        *(DOUBTFUL, "user-1", "wx-one", "review", "20002", "2025-06-15", "15:08:40"),
        f"{PREFIX}/{DOUBTFUL}.jpg",
    ]
    assert pictures("list", "--state", "lost").exit_code == 2


def test_an_accepted_picture_is_shown_in_place_of_the_one_before(
    pictures: Pictures, look: Callable[..., list[Any]]
) -> None:
    done = pictures("accept", DOUBTFUL)
    assert (done.exit_code, done.output) == (0, f"{DOUBTFUL} is accepted: it is shown.\n")
    assert look("SELECT avatar_url FROM users WHERE id = 'user-1'") == [f"{PREFIX}/{DOUBTFUL}.jpg"]
    assert look("SELECT name FROM files_to_delete") == [f"{SHOWN}.jpg"]
    assert pictures("accept", DOUBTFUL).output == f"{DOUBTFUL} was accepted before: it is shown.\n"
    [detail] = look("SELECT detail FROM audit_log WHERE action = 'picture_accepted'")
    assert json.loads(detail) == {"label": 20002}
    assert look("SELECT actor FROM audit_log WHERE action = 'picture_accepted'") == [command_actor()]
    assert listed(pictures, "--review") == []


def test_a_replaced_picture_is_not_shown_for_being_accepted(
    pictures: Pictures, look: Callable[..., list[Any]], database_url: str
) -> None:
    async def replace() -> None:
        async with Database(database_url) as database:
            account = await a_user(database, 1)
            await save_picture(database, account, f"{SHOWN[:-1]}9", PictureState.SHOWN, minute=4)

    asyncio.run(replace())
    done = pictures("accept", DOUBTFUL)
    sentence = "it is not shown, for the user has another picture, or none, by now"
    assert (done.exit_code, done.output) == (0, f"{DOUBTFUL} is accepted: {sentence}.\n")
    assert look("SELECT avatar_name FROM users WHERE id = 'user-1'") == [f"{SHOWN[:-1]}9.jpg"]
    refused = pictures("refuse", SHOWN).output
    assert refused.startswith(f"{SHOWN} is refused: the user had another picture, or none, already, and its file is")
    assert look("SELECT actor FROM audit_log WHERE action LIKE 'picture_%'") == []


def test_a_refused_picture_is_hidden_and_cannot_come_back(pictures: Pictures, look: Callable[..., list[Any]]) -> None:
    done = pictures("refuse", SHOWN)
    sentence = "it is shown no more, and its file is due for deletion"
    assert (done.exit_code, done.output) == (0, f"{SHOWN} is refused: {sentence}.\n")
    assert look("SELECT avatar_url FROM users WHERE id = 'user-1'") == [""]
    assert look("SELECT name FROM files_to_delete") == [f"{SHOWN}.jpg"]
    assert pictures("refuse", SHOWN).output == f"{SHOWN} was refused before.\n"
    back = pictures("accept", SHOWN)
    assert (back.exit_code, back.stdout) == (1, "")
    assert back.stderr == f"Error: {SHOWN} was refused before, and its file is deleted: it cannot be accepted.\n"
    assert look("SELECT actor FROM audit_log WHERE action LIKE 'picture_%'") == [command_actor()]


def test_what_is_no_picture_is_one_sentence(pictures: Pictures) -> None:
    for command in ("accept", "refuse"):
        refused = pictures(command, "nowhere")
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert refused.stderr.startswith("Error: There is no picture nowhere: ")


def test_addresses_move_with_the_store_and_are_counted(pictures: Pictures, look: Callable[..., list[Any]]) -> None:
    moved = pictures("rebase", f"{PREFIX}/", NEW_PREFIX)
    assert (moved.exit_code, moved.output) == (0, "3 pictures and 1 users have another address.\n")
    assert look("SELECT avatar_url FROM users WHERE id = 'user-1'") == [f"{NEW_PREFIX}/{SHOWN}.jpg"]
    assert [row["url"] for row in listed(pictures)] == [
        f"{NEW_PREFIX}/{name}.jpg" for name in (SHOWN, DOUBTFUL, WAITING)
    ]
    assert pictures("rebase", PREFIX, NEW_PREFIX).output == "0 pictures and 0 users have another address.\n"
    details = [json.loads(text) for text in look("SELECT detail FROM audit_log WHERE action = 'pictures_rebased'")]
    assert sorted(details, key=lambda detail: detail["users"]) == [
        {"pictures": 0, "users": 0},
        {"pictures": 3, "users": 1},
    ]


def test_addresses_are_only_rebased_to_what_can_be_one(pictures: Pictures) -> None:
    for old, new in (
        (PREFIX, f"{PREFIX}/"),
        ("avatars", NEW_PREFIX),
        (PREFIX, "cdn.example.com"),
        (PREFIX, "https://a b"),
    ):
        assert pictures("rebase", old, new).exit_code == 2
    assert {row["url"].rpartition("/")[0] for row in listed(pictures)} == {PREFIX}
