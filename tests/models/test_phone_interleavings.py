"""Changes of a phone at one moment, switched between at each statement: none is lost, no number is two users'."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from models.audit_log import AuditAction
from models.database import Database, Transaction
from models.logins import sign_in
from models.merging import merge_users
from models.phones import PhoneInUse, SealedPhone, _remove, _reseal, _store
from tests.models.interleaving import on_patient_postgres, outcomes
from tests.models.merges import RULES, a_merge, mentions
from tests.models.phones import a_phone, account_of, an_entry, give, owners, phones_of
from tests.models.rows import NOON, a_login

pytestmark = [pytest.mark.slow, on_patient_postgres]

OLDER: Final = "user-1"
YOUNGER: Final = "user-2"
LATER: Final = NOON + 1


async def store_users(database: Database) -> dict[str, int]:
    """The accounts of two users with a number each, the younger's verified later."""
    for table in ("users", "audit_log", "deleted_users"):
        await database.fetch(f"DELETE FROM {table}")  # noqa: S608
    for place, user_id in enumerate((OLDER, YOUNGER), 1):
        await sign_in(database, a_login(place, openid=f"openid-{place}", now=NOON + place))
        await give(database, user_id, a_phone(f"13{place}", verified_at=NOON + place - 1))
    return {user_id: await account_of(database, user_id) for user_id in (OLDER, YOUNGER)}


def a_store(account_id: int) -> Transaction[Any]:
    """Of a third number, verified later than the others."""
    entry = an_entry()
    return lambda: _store(account_id, a_phone("139", verified_at=NOON + 2), entry, True, NOON)


def a_removal(account_id: int) -> Transaction[Any]:
    entry = an_entry(AuditAction.PHONE_REMOVED)
    return lambda: _remove(account_id, entry)


def merging() -> Transaction[Any]:
    return lambda: merge_users(a_merge(OLDER, YOUNGER), RULES)


def resealing() -> Transaction[Any]:
    """The younger's number, by a rotation that has read it."""
    old = SealedPhone(YOUNGER, f"v1.k1.132.{YOUNGER}", "k1.132", "86", "wx-one", 1, "hash of a code", NOON + 1)
    return lambda: _reseal(old, f"v1.k2.132.{YOUNGER}", ("k2.132", "k1.132"))


# What meets, made for the accounts of both users, and which numbers the users may then have.
MEETINGS: Final[Mapping[str, tuple[Callable[[int, int], tuple[Transaction[Any], ...]], list[dict[str, str]]]]] = {
    "two of one number": (
        lambda older, younger: (a_store(older), a_store(younger)),
        [{OLDER: "139", YOUNGER: "132"}, {OLDER: "131", YOUNGER: "139"}],
    ),
    "a number of the younger and a merge": (lambda _, younger: (a_store(younger), merging()), [{OLDER: "139"}]),
    "a number of the older and a merge": (lambda older, _: (a_store(older), merging()), [{OLDER: "139"}]),
    # Before the merge the younger's number is removed, after it that of both.
    "a removal and a merge": (lambda _, younger: (a_removal(younger), merging()), [{OLDER: "131"}, {}]),
    "a number and a rotation": (
        lambda _, younger: (a_store(younger), resealing()),
        [{OLDER: "131", YOUNGER: "139"}],
    ),
    "a removal and a rotation": (lambda _, younger: (a_removal(younger), resealing()), [{OLDER: "131"}]),
    "a merge and a rotation": (lambda *_: (merging(), resealing()), [{OLDER: "132"}]),
}


@pytest.mark.parametrize("meeting", MEETINGS)
async def test_no_phone_and_no_owner_is_lost_wherever_two_changes_meet(database: Database, meeting: str) -> None:
    make, allowed = MEETINGS[meeting]
    met = 0
    for order in (1, -1):
        statements = 0
        while True:
            first, second = make(*(await store_users(database)).values())[::order]
            results = await outcomes(database, first, statements, second)
            if not results:
                break
            stored = {user_id: text.split(".")[2] for user_id, (text, _) in (await phones_of(database)).items()}
            assert stored in allowed
            owned = {(index.split(".")[1], user_id) for index, user_id in (await owners(database)).items()}
            assert owned == {(number, user_id) for user_id, number in stored.items()}
            assert results.count(PhoneInUse()) == (meeting == "two of one number")
            if YOUNGER not in stored and "merge" in meeting:
                assert await mentions(database, YOUNGER) == {}
            statements += 1
        met += statements
    assert met > 5
