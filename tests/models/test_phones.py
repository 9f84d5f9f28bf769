"""Which phone number stays a user's, and whose a number is where it may be one user's only."""

import asyncio
import json
from dataclasses import replace

import pytest

from models.audit_log import AuditAction
from models.database import Database, Steps
from models.logins import sign_in
from models.phones import (
    NewPhone,
    PhoneInUse,
    SealedPhone,
    StoredPhone,
    count_phones_by_key,
    delete_phone_of_app,
    find_phone,
    read_phones,
    remove_phone,
    reseal_phone,
    store_phone,
)
from models.users import delete_user, lock_user
from tests.models.phones import a_phone, account_of, an_entry, give, owners, phones_of
from tests.models.rows import MINUTE, NOON, a_login, column

SET = StoredPhone("user-1", is_changed=True)
KEPT = StoredPhone("user-1", is_changed=False)
ROTATED = ("k2", "k1")


async def sign_in_users(database: Database, *numbers: int) -> None:
    for number in numbers:
        await sign_in(database, a_login(number, openid=f"openid-{number}"))


async def entries(database: Database, action: AuditAction = AuditAction.PHONE_SET) -> list[object]:
    """The details of what was recorded, in no order."""
    found = await column(database, "SELECT detail FROM audit_log WHERE action = $1", action.value)
    return [json.loads(str(detail)) for detail in found]


async def test_a_number_is_found_again_as_it_was_stored_and_recorded(database: Database) -> None:
    await sign_in_users(database, 1)
    assert await find_phone(database, "user-1") is None
    assert await give(database, "user-1", a_phone(), now=NOON + 5) == SET
    found = await find_phone(database, "user-1")
    assert found == SealedPhone("user-1", "v1.k1.138.user-1", "k1.138", "86", "wx-one", 1, "hash of a code", NOON)
    assert "138" not in repr(found)
    assert "hash" not in repr(found)
    [row] = await database.fetch("SELECT created_at, updated_at FROM phones")
    assert dict(row) == {"created_at": NOON + 5, "updated_at": NOON + 5}
    [entry] = await database.fetch("SELECT user_id, app_id, actor, detail FROM audit_log WHERE action = 'phone_set'")
    assert dict(entry) == {"user_id": "user-1", "app_id": "wx-one", "actor": "user", "detail": '{"replaced": false}'}


@pytest.mark.parametrize("unique", [False, True])
@pytest.mark.parametrize(
    ("number", "at", "outcome", "stays", "details"),
    [
        ("139", NOON + 1, SET, ("v1.k1.139.user-1", NOON + 1), [{"replaced": False}, {"replaced": True}]),
        ("139", NOON, SET, ("v1.k1.139.user-1", NOON), [{"replaced": False}, {"replaced": True}]),
        ("139", NOON - 1, KEPT, ("v1.k1.138.user-1", NOON), [{"replaced": False}]),
        ("138", NOON + 1, KEPT, ("v1.k1.138.user-1", NOON + 1), [{"replaced": False}]),
        ("138", NOON, KEPT, ("v1.k1.138.user-1", NOON), [{"replaced": False}]),
        ("138", NOON - 1, KEPT, ("v1.k1.138.user-1", NOON), [{"replaced": False}]),
    ],
    ids=["another, newer", "another, equal", "another, older", "the same, newer", "the same, equal", "the same, older"],
)
async def test_what_was_verified_last_stays(
    database: Database,
    unique: bool,
    number: str,
    at: int,
    outcome: StoredPhone,
    stays: tuple[str, int],
    details: list[object],
) -> None:
    await sign_in_users(database, 1)
    await give(database, "user-1", a_phone(), unique=unique)
    second = a_phone(number, verified_at=at, code_hash="hash of another")

    assert await give(database, "user-1", second, unique=unique, now=NOON + MINUTE) == outcome

    assert await phones_of(database) == {"user-1": stays}
    assert sorted(map(str, await entries(database))) == sorted(map(str, details))
    assert await owners(database) == ({f"k1.{stays[0].split('.')[2]}": "user-1"} if unique else {})
    [row] = await database.fetch("SELECT code_hash, created_at, updated_at FROM phones")
    is_taken = at >= NOON
    assert dict(row) == {
        "code_hash": "hash of another" if is_taken else "hash of a code",
        "created_at": NOON,
        "updated_at": NOON + MINUTE if is_taken else NOON,
    }


async def test_a_number_under_the_key_before_is_the_same_number(database: Database) -> None:
    await sign_in_users(database, 1)
    await give(database, "user-1", a_phone())
    assert await give(database, "user-1", a_phone(verified_at=NOON + 1, keys=ROTATED)) == KEPT
    assert await phones_of(database) == {"user-1": ("v1.k2.138.user-1", NOON + 1)}


async def test_an_account_that_is_gone_has_no_phone_to_give_or_to_take_back(database: Database) -> None:
    await sign_in_users(database, 1)
    account_id = await account_of(database, "user-1")
    await database.fetch("DELETE FROM users")
    assert await store_phone(database, account_id, a_phone(), an_entry(), unique=True, now=NOON) is None
    assert not await remove_phone(database, account_id, an_entry())
    assert await phones_of(database) == {}
    assert await entries(database) == []


async def test_what_runs_again_after_a_lost_commit_returns_the_same_and_is_recorded_once(database: Database) -> None:
    await sign_in_users(database, 1)
    account_id = await account_of(database, "user-1")
    setting, removing = an_entry(), an_entry(AuditAction.PHONE_REMOVED)
    for _ in range(2):
        assert await store_phone(database, account_id, a_phone(), setting, unique=True, now=NOON) == SET
    for _ in range(2):
        assert await remove_phone(database, account_id, removing)
    assert await store_phone(database, account_id, a_phone(), setting, unique=True, now=NOON) == SET
    assert await phones_of(database) == {}, "it came back"
    assert (await entries(database), await entries(database, AuditAction.PHONE_REMOVED)) == (
        [{"replaced": False}],
        [{}],
    )


async def test_a_number_that_another_user_has_is_not_stored(database: Database) -> None:
    await sign_in_users(database, 1, 2)
    await give(database, "user-2", a_phone("139"))
    await give(database, "user-1", a_phone())

    assert await give(database, "user-2", a_phone(verified_at=NOON + 1)) == PhoneInUse()

    assert await phones_of(database) == {"user-1": ("v1.k1.138.user-1", NOON), "user-2": ("v1.k1.139.user-2", NOON)}
    assert await owners(database) == {"k1.138": "user-1", "k1.139": "user-2"}
    assert len(await entries(database)) == 2
    assert await give(database, "user-1", a_phone(verified_at=NOON + 1)) == KEPT


@pytest.mark.parametrize("way", ["replaced", "removed", "of an app", "the user"])
async def test_a_number_that_is_given_up_is_free(database: Database, way: str) -> None:
    await sign_in_users(database, 1, 2)
    await give(database, "user-1", a_phone())
    match way:
        case "replaced":
            await give(database, "user-1", a_phone("139"))
        case "removed":
            await remove_phone(database, await account_of(database, "user-1"), an_entry())
        case "of an app":
            assert await database.transaction(lambda: delete_phone_of_app("user-1", "wx-one", before=NOON))
        case _:
            await database.transaction(lambda: delete_user("user-1"))
    assert await owners(database) == ({"k1.139": "user-1"} if way == "replaced" else {})
    assert await give(database, "user-2", a_phone()) == StoredPhone("user-2", is_changed=True)
    assert (await owners(database))["k1.138"] == "user-2"


async def test_users_may_share_a_number_where_that_is_not_forbidden(database: Database) -> None:
    await sign_in_users(database, 1, 2)
    for user_id in ("user-1", "user-2"):
        assert await give(database, user_id, a_phone(), unique=False) == StoredPhone(user_id, is_changed=True)
    assert await owners(database) == {}


async def test_a_number_that_users_share_when_it_is_forbidden_has_the_owner_who_gives_it_first(
    database: Database,
) -> None:
    await sign_in_users(database, 1, 2, 3)
    for user_id in ("user-1", "user-2"):
        await give(database, user_id, a_phone(), unique=False)

    assert await give(database, "user-3", a_phone()) == PhoneInUse()
    assert await give(database, "user-2", a_phone(verified_at=NOON + 1)) == StoredPhone("user-2", is_changed=False)
    assert await give(database, "user-1", a_phone(verified_at=NOON + 1)) == PhoneInUse()

    assert await owners(database) == {"k1.138": "user-2"}
    assert await phones_of(database) == {
        "user-1": ("v1.k1.138.user-1", NOON),
        "user-2": ("v1.k1.138.user-2", NOON + 1),
    }


async def test_a_number_has_no_owner_after_it_was_given_where_sharing_is_allowed_again(database: Database) -> None:
    await sign_in_users(database, 1)
    await give(database, "user-1", a_phone())
    await give(database, "user-1", a_phone(verified_at=NOON + 1), unique=False)
    assert await owners(database) == {}


@pytest.mark.parametrize("first", [("k1",), ("k1", "k2"), ("k2", "k1"), ("k2",)], ids=",".join)
@pytest.mark.parametrize("second", [("k1", "k2"), ("k2", "k1")], ids=",".join)
async def test_a_number_is_one_users_though_replicas_have_other_keys_in_front(
    database: Database, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    await sign_in_users(database, 1, 2)
    await give(database, "user-1", a_phone(keys=first))
    assert await give(database, "user-2", a_phone(keys=second)) == PhoneInUse()
    assert await owners(database) == {f"{key_id}.138": "user-1" for key_id in sorted(first)}


@pytest.mark.parametrize("keys", [("k1", "k1"), ("k1,k2", "k2,k1")], ids=["one ring", "two rings"])
async def test_of_users_who_give_one_number_at_once_one_has_it(database: Database, keys: tuple[str, str]) -> None:
    await sign_in_users(database, 1, 2, 3, 4)
    users = [f"user-{number}" for number in range(1, 5)]
    for moment in range(20):
        number = f"138{moment}"
        phones = [a_phone(number, verified_at=NOON + moment, keys=keys[place % 2].split(",")) for place in range(4)]
        outcomes = await asyncio.gather(*map(give, [database] * 4, users, phones))
        assert sum(outcome == PhoneInUse() for outcome in outcomes) == 3, outcomes
        [winner] = [user_id for user_id, outcome in zip(users, outcomes, strict=True) if outcome != PhoneInUse()]
        stored = {user_id: text for user_id, (text, _) in (await phones_of(database)).items() if f".{number}." in text}
        assert list(stored) == [winner]
        of_number = {index: owner for index, owner in (await owners(database)).items() if index.endswith(f".{number}")}
        assert set(of_number.values()) == {winner}


@pytest.mark.parametrize(
    ("app_id", "before", "is_deleted"),
    [("wx-one", NOON, True), ("wx-one", NOON + 1, True), ("wx-one", NOON - 1, False), ("wx-two", NOON + 1, False)],
    ids=["at the time", "before it", "after it", "of another app"],
)
async def test_a_phone_of_an_app_is_deleted_if_it_was_given_before(
    database: Database, app_id: str, before: int, is_deleted: bool
) -> None:
    await sign_in_users(database, 1)
    await give(database, "user-1", a_phone())

    def steps() -> Steps[bool]:
        yield from lock_user("user-1")
        return (yield from delete_phone_of_app("user-1", app_id, before=before))

    assert await database.transaction(steps) == is_deleted
    assert bool(await phones_of(database)) != is_deleted
    assert bool(await owners(database)) != is_deleted
    assert not await database.transaction(steps)


async def test_a_removal_is_recorded_when_there_was_a_phone(database: Database) -> None:
    await sign_in_users(database, 1)
    account_id = await account_of(database, "user-1")
    await give(database, "user-1", a_phone())
    removals = [await remove_phone(database, account_id, an_entry(AuditAction.PHONE_REMOVED)) for _ in range(2)]
    assert removals == [True, False]
    [entry] = await database.fetch("SELECT user_id, app_id FROM audit_log WHERE action = 'phone_removed'")
    assert dict(entry) == {"user_id": "user-1", "app_id": "wx-one"}


async def test_a_number_is_resealed_with_its_owner_unless_the_user_was_faster(database: Database) -> None:
    await sign_in_users(database, 1, 2)
    await give(database, "user-1", a_phone())
    await give(database, "user-2", a_phone("139"), unique=False)
    assert await count_phones_by_key(database, batch=1) == {"k1": 2}
    [phone] = await read_phones(database, after="", limit=1)
    [other] = await read_phones(database, after=phone.user_id, limit=5)
    assert (phone.user_id, other.user_id) == ("user-1", "user-2")

    async def resealed(old: SealedPhone, number: str) -> bool:
        sealed, indexes = f"v1.k2.{number}.{old.user_id}", (f"k2.{number}", f"k1.{number}")
        return await reseal_phone(database, old, number=sealed, indexes=indexes)

    for old, number in ((phone, "138"), (other, "139")):
        assert not await resealed(replace(old, number="v1.k1.137"), number)
        assert not await resealed(replace(old, number_index="k1.137"), number)
        assert await resealed(old, number)
        assert not await resealed(old, number)

    assert await count_phones_by_key(database) == {"k2": 2}
    assert await owners(database) == {"k1.138": "user-1", "k2.138": "user-1"}
    assert await give(database, "user-2", a_phone(verified_at=NOON + 1, keys=("k2",))) == PhoneInUse()


async def test_a_phone_counts_for_the_key_of_its_seal_and_of_its_index(database: Database) -> None:
    await sign_in_users(database, 1)
    mixed: NewPhone = replace(a_phone(), indexes=("k0.138",))
    await give(database, "user-1", mixed)
    assert await count_phones_by_key(database) == {"k0": 1, "k1": 1}
