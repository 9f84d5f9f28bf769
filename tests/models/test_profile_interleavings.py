"""Changes of a profile at one moment with another, switched between at each statement: no file and no doubt is lost."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from models.audit_log import AuditAction
from models.database import Database, Transaction
from models.deleted_users import DeletionReason
from models.deletion import delete_user_for_good
from models.files_to_delete import note_file
from models.logins import sign_in
from models.merging import merge_users
from models.picture_verdicts import Verdict, apply_verdict
from models.pictures import PictureState
from models.profile_updates import CheckedText, ProfileChange, Updated, UploadMissing, _update
from models.profiles import _store as _store_profile
from models.text_checks import TextCheckState
from models.uploads import _expire, store_upload
from models.uploads import _store as _store_upload
from models.users import lock_user
from models.withdrawals import Withdrawn, withdraw
from tests.models.interleaving import every_meeting, on_patient_postgres
from tests.models.merges import RULES, a_merge, mentions
from tests.models.phones import account_of
from tests.models.pictures import (
    HOUR,
    Mode,
    an_update,
    an_upload,
    avatar_of,
    files,
    picture_rules,
    save,
)
from tests.models.rows import MINUTE, NOON, a_login, a_profile, column

pytestmark = [pytest.mark.slow, on_patient_postgres]

OLDER: Final = "user-1"
YOUNGER: Final = "user-2"
LATER: Final = NOON + MINUTE
# Of the younger: one that is shown, one that waits, one that is staged, and one that is just being staged.
PICTURES: Final = ("picture-1", "picture-2", "picture-3", "picture-4")


async def store_users(database: Database) -> dict[str, int]:
    """The accounts of two users, of whom the younger has a picture, one that waits, and an upload."""
    for table in ("users", "audit_log", "deleted_users", "files_to_delete"):
        await database.fetch(f"DELETE FROM {table}")  # noqa: S608
    for number in (1, 2):
        await sign_in(database, a_login(number, openid=f"openid-{number}", now=NOON + number))
    await save(database, "picture-1", YOUNGER)
    await save(database, "picture-2", YOUNGER, mode="before", now=NOON + 1)
    await store_upload(database, an_upload("picture-3", YOUNGER))
    await note_file(database, "picture-4.jpg", due_at=NOON + 2 * HOUR)
    return {user_id: await account_of(database, user_id) for user_id in (OLDER, YOUNGER)}


async def check_files(database: Database) -> None:
    """Each file is needed by a row or will be deleted, and none is both; what a profile shows is a picture in use."""
    needed = {
        *await column(database, "SELECT name FROM uploads"),
        *await column(database, "SELECT name FROM pictures WHERE replaced_at IS NULL AND state <> 3"),
    }
    planned = {*await files(database)}
    assert needed & planned == set()
    assert needed | planned == {f"{picture}.jpg" for picture in PICTURES}
    shown = "SELECT avatar_name FROM users WHERE avatar_name <> ''"
    assert {*await column(database, shown)} <= needed
    assert (
        await column(
            database,
            "SELECT p.id FROM pictures p JOIN users u ON u.id <> p.user_id AND u.avatar_name = p.name",
        )
        == []
    )


def an_update_of(account_id: int, *, mode: Mode = "after", checked: CheckedText | None = None, **changes: Any) -> Any:
    entry = an_update()
    rules, change = picture_rules(mode), ProfileChange(**changes)
    return lambda: _update(account_id, change, picture=rules, checked=checked, entry=entry, now=LATER)


def a_verdict(picture: str, state: PictureState) -> Transaction[Verdict | None]:
    entry = AuditAction.PICTURE_REFUSED.entry(now=NOON, user_id=None) if state is PictureState.REFUSED else None
    return lambda: apply_verdict(picture, state=state, label=1, shows="before", entry=entry, now=LATER)


def a_deletion(user_id: str = YOUNGER) -> Transaction[Any]:
    entry = AuditAction.DELETED.entry(now=NOON, user_id=None)
    return lambda: delete_user_for_good(user_id, at=LATER, reason=DeletionReason.USER, entry=entry)


def a_merging() -> Transaction[Any]:
    return lambda: merge_users(a_merge(OLDER, YOUNGER, now=LATER), RULES)


def a_withdrawal() -> Transaction[Any]:
    def steps() -> Any:
        user = yield from lock_user(YOUNGER)
        if user is not None:
            yield from withdraw(user, {Withdrawn.NAME}, at=NOON, before=NOON + 5, now=LATER)

    return steps


SIGNED: Final = a_profile(profile_at=NOON + 2 * MINUTE)
CHANGES: Final[Mapping[str, Callable[[int], Transaction[Any]]]] = {
    "another picture": lambda younger: an_update_of(younger, upload_id="picture-3"),
    "another picture that waits": lambda younger: an_update_of(younger, upload_id="picture-3", mode="before"),
    "no picture": lambda younger: an_update_of(younger, clears_picture=True, nick_name="Alice"),
    "a refusal of what is shown": lambda _: a_verdict("picture-1", PictureState.REFUSED),
    "a refusal of what waits": lambda _: a_verdict("picture-2", PictureState.REFUSED),
    "the pass of what waits": lambda _: a_verdict("picture-2", PictureState.SHOWN),
    "a new upload": lambda _: lambda: _store_upload(an_upload("picture-4", YOUNGER)),
    "the end of uploads": lambda _: lambda: _expire(NOON + HOUR, 9),
    "a merge": lambda _: a_merging(),
    "a deletion": lambda _: a_deletion(),
    "a withdrawal": lambda _: a_withdrawal(),
    "a signed profile": lambda _: lambda: _store_profile(YOUNGER, SIGNED, LATER),
}
_NAMES: Final = list(CHANGES)
PAIRS: Final = [(one, other) for place, one in enumerate(_NAMES) for other in _NAMES[place:]]


@pytest.mark.parametrize(("one", "other"), PAIRS)
async def test_no_file_is_lost_wherever_two_changes_of_a_user_meet(database: Database, one: str, other: str) -> None:
    accounts: dict[str, int] = {}

    async def prepare(database: Database) -> None:
        accounts.update(await store_users(database))

    def begun(name: str) -> Transaction[Any]:
        made: dict[int, Transaction[Any]] = {}

        def begin() -> Any:
            # Made for each meeting: an entry of the audit log is a call's own.
            account = accounts[YOUNGER]
            return made.setdefault(account, CHANGES[name](account))()

        return begin

    met = 0
    async for _ in every_meeting(database, prepare, begun(one), begun(other)):
        await check_files(database)
        if "merge" in {one, other} or "a deletion" in {one, other}:
            assert await mentions(database, YOUNGER) == {}
        met += 1
    assert met > 3


@pytest.mark.parametrize("other", ["a passed text", "a doubtful text", "a text unseen"])
async def test_of_two_changes_at_once_no_doubt_is_lost(database: Database, other: str) -> None:
    """What WeChat has said of each is of a profile without the other."""
    accounts: dict[str, int] = {}
    doubt = CheckedText(content="Alice", state=TextCheckState.REVIEW, label=1)
    said = {
        "a passed text": CheckedText(content="Xi'an"),
        "a doubtful text": CheckedText(content="Xi'an", state=TextCheckState.REVIEW, label=2),
        "a text unseen": CheckedText(content=""),
    }[other]

    async def prepare(database: Database) -> None:
        accounts.update(await store_users(database))

    entries = {part: an_update() for part in ("name", "city")}

    def change(part: str, change: ProfileChange, checked: CheckedText) -> Transaction[Any]:
        return lambda: _update(accounts[YOUNGER], change, picture=None, checked=checked, entry=entries[part], now=LATER)

    naming = change("name", ProfileChange(nick_name="Alice"), doubt)
    moving = change("city", ProfileChange(city="Xi'an"), said)
    async for updated in every_meeting(database, prepare, naming, moving):
        assert [type(one) for one in updated] == [Updated, Updated]
        [user] = await database.fetch("SELECT nick_name, city FROM users WHERE id = $1", YOUNGER)
        assert dict(user) == {"nick_name": "Alice", "city": "Xi'an"}
        # Of the second's content WeChat has seen nothing: it is checked now.
        assert await column(database, "SELECT state FROM text_checks") == [TextCheckState.WAITING]
        assert await column(database, "SELECT due_at FROM text_checks") == [LATER]


async def test_of_two_saves_of_one_upload_both_succeed_and_one_is_stored(database: Database) -> None:
    accounts: dict[str, int] = {}

    async def prepare(database: Database) -> None:
        accounts.update(await store_users(database))

    one, other = (an_update() for _ in range(2))

    def saving(entry: Any) -> Transaction[Any]:
        change = ProfileChange(upload_id="picture-3")
        return lambda: _update(accounts[YOUNGER], change, picture=picture_rules(), checked=None, entry=entry, now=LATER)

    async for updated in every_meeting(database, prepare, saving(one), saving(other)):
        assert sorted(result.changed for result in updated) == [False, True]
        assert (await avatar_of(database, YOUNGER))[1] == "picture-3.jpg"
        assert len(await column(database, "SELECT id FROM audit_log WHERE action = 'profile_updated'")) == 3


async def test_a_save_that_meets_a_merge_is_the_older_users(database: Database) -> None:
    accounts: dict[str, int] = {}

    async def prepare(database: Database) -> None:
        accounts.update(await store_users(database))

    entry = an_update()
    change = ProfileChange(nick_name="Alice", upload_id="picture-3")

    def saving() -> Any:
        return _update(accounts[YOUNGER], change, picture=picture_rules(), checked=None, entry=entry, now=LATER)

    async for updated, _ in every_meeting(database, prepare, saving, a_merging()):
        assert not isinstance(updated, UploadMissing)
        assert await mentions(database, YOUNGER) == {}
        [user] = await database.fetch("SELECT id, nick_name, avatar_name FROM users")
        assert dict(user) == {"id": OLDER, "nick_name": "Alice", "avatar_name": "picture-3.jpg"}
