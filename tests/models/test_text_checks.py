"""Texts in doubt: which are checked again and when, and what a verdict on them does to the profile."""

from typing import Any

import pytest

from models.audit_log import AuditAction, Audited
from models.database import Database
from models.logins import sign_in
from models.profile_updates import CheckedText
from models.profiles import store_profile
from models.text_checks import (
    TextCheckState,
    count_text_checks,
    due_text_checks,
    find_text_check,
    put_off_text_check,
    read_text_checks,
)
from models.text_verdicts import accept_texts, refuse_texts
from tests.models.pictures import changed, profile_of
from tests.models.rows import MINUTE, NOON, a_login, a_profile, column

WAITING, REVIEW = TextCheckState.WAITING, TextCheckState.REVIEW


@pytest.fixture(autouse=True)
async def users(database: Database) -> None:
    for number in range(1, 4):
        await sign_in(database, a_login(number, openid=f"openid-{number}"))


async def doubted(database: Database, number: int = 1, *, now: int = NOON, **more: Any) -> None:
    """The user of this number has a name that waits to be checked again, or for an operator."""
    name = f"Name {number} of {now}"
    texts: dict[str, Any] = {"content": name, "state": WAITING, "label": 100, "due_at": now}
    doubt = CheckedText(**texts | more)
    await changed(database, f"user-{number}", nick_name=name, checked=doubt, now=now)


def an_entry(action: AuditAction = AuditAction.TEXT_REFUSED) -> Audited:
    return action.entry(now=NOON, user_id=None, actor="cli:operator")


async def actions(database: Database) -> list[object]:
    return await column(database, "SELECT action FROM audit_log WHERE action LIKE 'text%' AND user_id = 'user-1'")


async def test_texts_that_wait_are_due_by_their_users_and_those_of_operators_are_not(database: Database) -> None:
    for number in (3, 1):
        await doubted(database, number)
    await doubted(database, 2, state=REVIEW)
    first = await due_text_checks(database, now=NOON, after="", limit=1)
    rest = await due_text_checks(database, now=NOON, after=first[0].user_id, limit=5)
    assert [check.user_id for check in [*first, *rest]] == ["user-1", "user-3"]
    assert await due_text_checks(database, now=NOON - 1, after="", limit=5) == []
    assert await count_text_checks(database) == {WAITING: (2, NOON), REVIEW: (1, NOON)}


async def test_of_two_processes_that_check_again_one_puts_it_off(database: Database) -> None:
    await doubted(database)
    [check] = await due_text_checks(database, now=NOON, after="", limit=5)
    assert [await put_off_text_check(database, check, due_at=NOON + 5, state=WAITING) for _ in range(2)] == [
        *(True, False)
    ]
    [check] = await due_text_checks(database, now=NOON + 5, after="", limit=5)
    assert (check.tries, check.label) == (1, 100)
    assert await put_off_text_check(database, check, due_at=None, state=REVIEW, label=20001)
    found = await find_text_check(database, "user-1")
    assert found is not None
    assert (found.state, found.label, found.tries, found.due_at) == (REVIEW, 20001, 2, None)


async def test_a_check_of_texts_that_are_others_by_now_puts_nothing_off(database: Database) -> None:
    await doubted(database)
    [check] = await due_text_checks(database, now=NOON, after="", limit=5)
    await doubted(database, now=NOON + 1)
    assert not await put_off_text_check(database, check, due_at=None, state=REVIEW)


async def test_operators_read_texts_in_doubt_the_oldest_first(database: Database) -> None:
    for number, now in ((1, NOON + 2), (2, NOON), (3, NOON)):
        await doubted(database, number, now=now, state=REVIEW)
    pages = [[check.user_id for check in page] async for page in read_text_checks(database, states=[REVIEW], size=2)]
    assert pages == [["user-2", "user-3"], ["user-1"]]


async def test_refused_texts_are_cleared_and_no_older_submission_brings_them_back(database: Database) -> None:
    await changed(database, city="Xi'an", gender=2, language="zh_CN")
    await changed(database, nick_name="Bad", checked=CheckedText(content="Bad\nXi'an", state=REVIEW))
    assert await refuse_texts(database, "user-1", "Bad\nXi'an", entry=an_entry(), now=NOON + 5)
    row = await profile_of(database)
    assert (row["nick_name"], row["city"], row["nick_name_source"]) == ("", "", 0)
    assert (row["gender"], row["language"], row["updated_at"]) == (2, "zh_CN", NOON + 5)
    assert await find_text_check(database, "user-1") is None
    assert await actions(database) == ["text_refused"]
    await store_profile(database, "user-1", a_profile("Bad", profile_at=NOON - MINUTE), now=NOON + 9)
    assert (await profile_of(database))["nick_name"] == ""


async def test_accepted_texts_stay_and_are_in_doubt_no_more(database: Database) -> None:
    await doubted(database, state=REVIEW)
    entry = an_entry(AuditAction.TEXT_ACCEPTED)
    accepted = [await accept_texts(database, "user-1", f"Name 1 of {NOON}", entry=entry, now=NOON) for _ in range(2)]
    assert accepted == [True, True]
    assert await find_text_check(database, "user-1") is None
    assert (await profile_of(database))["nick_name"] == f"Name 1 of {NOON}"
    assert await actions(database) == ["text_accepted"]


async def test_a_verdict_on_texts_that_are_others_by_now_does_nothing(database: Database) -> None:
    await doubted(database, state=REVIEW)
    before = await profile_of(database)
    for content in ("Another name", ""):
        assert not await refuse_texts(database, "user-1", content, entry=an_entry(), now=NOON)
        assert not await accept_texts(database, "user-1", content, entry=an_entry(), now=NOON)
    assert not await refuse_texts(database, "user-2", "", entry=an_entry(), now=NOON)
    assert not await refuse_texts(database, "user-9", "Name", entry=an_entry(), now=NOON)
    assert await profile_of(database) == before
    assert await find_text_check(database, "user-1") is not None
    assert await actions(database) == []


async def test_a_refusal_whose_commit_was_lost_is_told_as_one(database: Database) -> None:
    await doubted(database)
    entry = an_entry()
    refused = [await refuse_texts(database, "user-1", f"Name 1 of {NOON}", entry=entry, now=NOON) for _ in range(2)]
    assert refused == [True, True]
    assert await actions(database) == ["text_refused"]
