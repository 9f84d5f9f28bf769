"""What a verdict does to a picture, to the profile that shows it, and to its file."""

from typing import Any

import pytest

from models.audit_log import AuditAction, Audited
from models.database import Database
from models.logins import sign_in
from models.picture_verdicts import Verdict, judge_picture
from models.pictures import PictureState
from models.profiles import store_profile
from tests.models.pictures import address_of, avatar_of, change, changed, files, pictures_of, profile_of, save
from tests.models.rows import MINUTE, NOON, a_login, a_profile, column

SHOWN, REVIEW, REFUSED = PictureState.SHOWN, PictureState.REVIEW, PictureState.REFUSED
NONE = ("", "", 0)


@pytest.fixture(autouse=True)
async def users(database: Database) -> None:
    await sign_in(database, a_login(1))


def refusal() -> Audited:
    return AuditAction.PICTURE_REFUSED.entry(now=NOON, user_id=None, actor="wechat")


async def judge(database: Database, state: PictureState, picture: str = "picture-1", **more: Any) -> Verdict | None:
    rest = {"label": None, "shows": "after", "entry": None, "now": NOON + 5} | more
    return await judge_picture(database, picture, state=state, **rest)


async def actions(database: Database) -> list[object]:
    return await column(database, "SELECT action FROM audit_log WHERE action LIKE 'picture%' ORDER BY action")


async def test_a_refused_picture_is_hidden_and_its_file_goes(database: Database) -> None:
    await save(database, mode="after")
    assert await avatar_of(database) == (address_of("picture-1"), "picture-1.jpg", 1)

    verdict = await judge(database, REFUSED, label=20002, entry=refusal())

    assert verdict == Verdict("user-1", is_current=True, changed=True, shown=False)
    assert await avatar_of(database) == NONE
    assert await files(database) == {"picture-1.jpg": NOON + 5}
    [row] = await database.fetch("SELECT label, checked_at, due_at, replaced_at FROM pictures")
    assert dict(row) == {"label": 20002, "checked_at": NOON + 5, "due_at": None, "replaced_at": None}
    [entry] = await database.fetch("SELECT user_id, app_id, actor FROM audit_log WHERE action = 'picture_refused'")
    assert dict(entry) == {"user_id": "user-1", "app_id": "wx-one", "actor": "wechat"}
    assert (await profile_of(database))["updated_at"] == NOON + 5


async def test_the_same_verdict_again_changes_nothing(database: Database) -> None:
    await save(database, mode="after")
    entry = refusal()
    await judge(database, REFUSED, entry=entry)
    await database.fetch("DELETE FROM files_to_delete")
    # By the same call, whose COMMIT was lost, and by another.
    assert await judge(database, REFUSED, entry=entry) == Verdict("user-1", True, changed=True, shown=False)
    assert await judge(database, REFUSED, entry=refusal()) == Verdict("user-1", True, changed=False, shown=False)
    assert await files(database) == {}
    assert await actions(database) == ["picture_refused"]


@pytest.mark.parametrize("state", [SHOWN, REVIEW])
async def test_a_refused_picture_is_never_shown_again(database: Database, state: PictureState) -> None:
    await save(database, mode="after")
    await judge(database, REFUSED)
    assert await judge(database, state) == Verdict("user-1", True, changed=False, shown=False)
    assert await avatar_of(database) == NONE
    assert (await pictures_of(database))["picture-1"] == ("user-1", "REFUSED", True)


async def test_what_is_shown_can_be_refused_and_becomes_doubtful_no_more(database: Database) -> None:
    await save(database)
    assert await judge(database, REVIEW, shows="before") == Verdict("user-1", True, changed=False, shown=True)
    assert await judge(database, REFUSED) == Verdict("user-1", True, changed=True, shown=False)


async def test_an_operator_keeps_the_label_that_wechat_gave(database: Database) -> None:
    await save(database, mode="after")
    assert await judge(database, REVIEW, label=20001) == Verdict("user-1", True, changed=True, shown=True)
    accepted = AuditAction.PICTURE_ACCEPTED.entry(now=NOON, user_id=None, actor="cli:operator")
    assert await judge(database, SHOWN, entry=accepted) == Verdict("user-1", True, changed=True, shown=True)
    assert await column(database, "SELECT label FROM pictures") == [20001]
    assert await actions(database) == ["picture_accepted"]


async def test_a_picture_that_waited_takes_the_place_of_the_one_before(database: Database) -> None:
    await save(database, "picture-1")
    await save(database, "picture-2", mode="before", now=NOON + 1)
    assert await avatar_of(database) == (address_of("picture-1"), "picture-1.jpg", 1)
    assert await files(database) == {}

    assert await judge(database, SHOWN, "picture-2", shows="before") == Verdict("user-1", True, True, shown=True)

    assert await avatar_of(database) == (address_of("picture-2"), "picture-2.jpg", 1)
    assert await files(database) == {"picture-1.jpg": NOON + 5}
    assert await pictures_of(database) == {
        "picture-1": ("user-1", "SHOWN", False),
        "picture-2": ("user-1", "SHOWN", True),
    }


async def test_a_picture_that_waited_in_vain_leaves_the_one_before(database: Database) -> None:
    await save(database, "picture-1")
    await save(database, "picture-2", mode="before", now=NOON + 1)
    assert await judge(database, REFUSED, "picture-2") == Verdict("user-1", True, changed=True, shown=False)
    assert await avatar_of(database) == (address_of("picture-1"), "picture-1.jpg", 1)
    assert await files(database) == {"picture-2.jpg": NOON + 5}
    # Which can be refused as well, for it is on display.
    await judge(database, REFUSED, "picture-1")
    assert await avatar_of(database) == NONE


@pytest.mark.parametrize(("shows", "is_shown"), [("after", True), ("before", False)])
async def test_a_doubtful_picture_is_shown_meanwhile_as_the_operators_decide(
    database: Database, shows: str, is_shown: bool
) -> None:
    await save(database, mode="before")
    assert await judge(database, REVIEW, shows=shows) == Verdict("user-1", True, changed=True, shown=is_shown)
    assert (await avatar_of(database) != NONE) == is_shown


async def test_a_verdict_on_a_picture_that_was_replaced_changes_its_row_only(database: Database) -> None:
    await save(database, "picture-1", mode="after")
    await save(database, "picture-2", now=NOON + 1)
    before = await profile_of(database)
    await database.fetch("DELETE FROM files_to_delete")
    verdict = await judge(database, REFUSED, "picture-1", label=20002, entry=refusal())
    assert verdict == Verdict("user-1", is_current=False, changed=True, shown=False)
    assert await profile_of(database) == before
    assert await files(database) == {}
    assert await actions(database) == []
    assert await column(database, "SELECT label FROM pictures WHERE id = 'picture-1'") == [20002]
    await save(database, "picture-3", mode="before", now=NOON + 2)
    await change(database, clears_picture=True, now=NOON + 3)
    assert await judge(database, SHOWN, "picture-3") == Verdict("user-1", False, changed=True, shown=False)
    assert await avatar_of(database) == NONE


async def test_a_picture_that_is_gone_gets_no_verdict(database: Database) -> None:
    assert await judge(database, REFUSED) is None


async def test_a_signed_picture_that_came_later_is_not_hidden_by_a_verdict(database: Database) -> None:
    await save(database, mode="after")
    await store_profile(database, "user-1", a_profile(profile_at=NOON + MINUTE), now=NOON + MINUTE)
    await judge(database, REFUSED)
    assert await avatar_of(database) == ("https://thirdwx.qlogo.cn/alice", "", 0)
    await changed(database, nick_name="Alice again", now=NOON + MINUTE)
