"""The rows of pictures: which is the user's, which wait for their check, and how long replaced ones stay."""

import pytest

from models.audit_log import AuditAction
from models.database import Database
from models.logins import sign_in
from models.picture_urls import Rebased, rebase
from models.pictures import (
    PictureState,
    count_pictures,
    delete_replaced,
    due_pictures,
    find_checked,
    find_picture,
    list_pictures,
    note_check,
    read_pictures,
)
from models.uploads import store_upload
from tests.models.pictures import HOUR, STORE, address_of, an_upload, avatar_of, changed, pictures_of, save
from tests.models.rows import DAY, MINUTE, NOON, a_login, column


@pytest.fixture(autouse=True)
async def users(database: Database) -> None:
    for number in range(1, 4):
        await sign_in(database, a_login(number, openid=f"openid-{number}"))


async def test_the_picture_of_a_user_is_the_newest_whatever_the_clocks_of_servers(database: Database) -> None:
    assert await find_picture(database, "user-1") is None
    await save(database, "picture-2", mode="before", now=NOON + 9)
    await save(database, "picture-1", mode="before", now=NOON)
    found = await find_picture(database, "user-1")
    assert found is not None
    assert (found.id, found.created_at, found.state, found.url) == (
        *("picture-1", NOON + 10, PictureState.CHECKING),
        address_of("picture-1"),
    )
    assert "picture-1.jpg" not in repr(found)
    listed = await list_pictures(database, "user-1", most=5)
    assert [(picture.id, is_in_use) for picture, is_in_use in listed] == [("picture-1", True), ("picture-2", False)]


async def test_pictures_that_wait_for_their_check_are_due_by_id(database: Database) -> None:
    for number in (3, 1, 2):
        await save(database, f"picture-{number}", f"user-{number}", mode="after")
    assert [picture.id for picture in await due_pictures(database, now=NOON, after="", limit=2)] == [
        *("picture-1", "picture-2")
    ]
    assert [picture.id for picture in await due_pictures(database, now=NOON, after="picture-2", limit=2)] == [
        "picture-3"
    ]
    assert await due_pictures(database, now=NOON - 1, after="", limit=2) == []


async def test_of_two_processes_that_ask_wechat_about_a_picture_one_notes_it(database: Database) -> None:
    picture = await save(database, mode="after")

    async def note(trace_id: str | None, state: PictureState = PictureState.CHECKING) -> bool:
        return await note_check(database, picture, trace_id=trace_id, due_at=NOON + 1, state=state)

    assert [await note("trace-1"), await note("trace-2")] == [True, False]
    found = await find_picture(database, "user-1")
    assert found is not None
    assert (found.trace_id, found.tries, found.due_at) == ("trace-1", 1, NOON + 1)
    assert await note_check(database, found, trace_id=None, due_at=None, state=PictureState.REVIEW)
    again = await find_picture(database, "user-1")
    assert again is not None
    assert (again.trace_id, again.tries, again.state, again.due_at) == ("trace-1", 2, PictureState.REVIEW, None)


async def test_a_replaced_picture_is_asked_about_no_more(database: Database) -> None:
    picture = await save(database, mode="after")
    await save(database, "picture-2", now=NOON + 1)
    assert await due_pictures(database, now=NOON + DAY, after="", limit=9) == []
    assert not await note_check(database, picture, trace_id="trace", due_at=None, state=PictureState.CHECKING)


async def test_a_picture_is_found_by_what_wechat_calls_its_check(database: Database) -> None:
    picture = await save(database, mode="after")

    async def find(app_id: str = "wx-one", *, now: int = NOON) -> tuple[str | None, bool]:
        return await database.transaction(lambda: find_checked(app_id, "trace-1", now=now))

    # Saved at noon and due then: WeChat may be being asked, and was asked a while before by another server's clock.
    assert await find(now=NOON - 15 * MINUTE) == await find() == (None, True)
    assert await find(now=NOON - 16 * MINUTE) == await find("wx-two") == (None, False)
    await note_check(database, picture, trace_id="trace-0", due_at=NOON + HOUR, state=PictureState.CHECKING)
    assert await find() == (None, False)
    assert await find(now=NOON + HOUR) == (None, True)
    asked = await find_picture(database, "user-1")
    assert asked is not None
    await note_check(database, asked, trace_id="trace-1", due_at=NOON + 2 * HOUR, state=PictureState.CHECKING)
    assert await find() == ("picture-1", False)
    assert await find("wx-two") == (None, False)


async def test_operators_read_what_is_in_use_the_oldest_first(database: Database) -> None:
    for number, user_id, mode in ((1, "user-1", "after"), (2, "user-1", "after"), (3, "user-2", "after")):
        await save(database, f"picture-{number}", user_id, mode=mode, now=NOON + 1)  # type: ignore[arg-type]
    await save(database, "picture-0", "user-3", mode="off", now=NOON)
    pages = [
        [picture.id for picture in page]
        async for page in read_pictures(database, states=[PictureState.CHECKING, PictureState.SHOWN], size=1)
    ]
    assert pages == [["picture-0"], ["picture-3"], ["picture-2"]]
    assert await count_pictures(database) == {
        PictureState.CHECKING: (2, NOON + 1),
        PictureState.REVIEW: (0, None),
    }


async def test_rows_of_replaced_pictures_go_page_by_page_and_others_stay(database: Database) -> None:
    for number in range(5):
        await save(database, f"picture-{number}", now=NOON + number)
    deleted = [number async for number in delete_replaced(database, before=NOON + 4, size=2)]
    assert deleted == [2, 1]
    assert list(await pictures_of(database)) == ["picture-3", "picture-4"]


async def test_an_operator_gives_all_pictures_of_a_store_another_address(database: Database) -> None:
    for number in range(1, 4):
        await save(database, f"picture-{number}", f"user-{number}", mode="before" if number == 3 else "off")
    await store_upload(database, an_upload("picture-9", "user-2"))
    await changed(database, "user-2", upload_id="picture-9", now=NOON + 1)
    await database.fetch("UPDATE pictures SET url = 'https://else.example/picture-1.jpg' WHERE id = 'picture-1'")
    await database.fetch("UPDATE users SET avatar_url = 'https://else.example/picture-1.jpg' WHERE id = 'user-1'")
    entry = AuditAction.PICTURES_REBASED.entry(now=NOON, user_id=None, actor="cli:operator")

    async def again() -> Rebased:
        return await rebase(database, STORE, "https://cdn.example/", entry=entry, now=NOON + 5, size=2)

    assert [await again(), await again()] == [Rebased(pictures=3, users=1), Rebased(pictures=0, users=0)]
    assert await column(database, "SELECT url FROM pictures ORDER BY id") == [
        "https://else.example/picture-1.jpg",
        "https://cdn.example/picture-2.jpg",
        "https://cdn.example/picture-3.jpg",
        "https://cdn.example/picture-9.jpg",
    ]
    assert [(await avatar_of(database, f"user-{number}"))[0] for number in range(1, 4)] == [
        "https://else.example/picture-1.jpg",
        "https://cdn.example/picture-9.jpg",
        "",
    ]
    detail = await column(database, "SELECT detail FROM audit_log WHERE action = 'pictures_rebased'")
    assert detail == ['{"pictures": 3, "users": 1}']
