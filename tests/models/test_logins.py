"""What a login leaves in the tables: the account and its two keys, the user, the session."""

import asyncio
from dataclasses import replace
from itertools import permutations

import pytest

from models.database import Database
from models.errors import DatabaseError, DatabaseUnavailable
from models.logins import sign_in
from models.sessions import SessionLookup
from models.users import UserRecord
from tests.models.rows import DAY, MINUTE, NOON, Keys, a_login, column, keys_of, stored


async def test_a_first_login_makes_a_user_without_a_profile(database: Database) -> None:
    record = await sign_in(database, a_login())

    assert record.is_new_user
    assert record.user == UserRecord("user-1", "", "", 0, "", "", "", "", NOON, NOON)
    assert await column(database, "SELECT id FROM users") == ["user-1"]


async def test_a_second_login_finds_the_user_and_keeps_both_sessions(database: Database) -> None:
    first = await sign_in(database, a_login(1))
    second = await sign_in(database, a_login(2, asked_at=NOON + MINUTE))

    assert not second.is_new_user
    assert (second.user, second.account_id) == (first.user, first.account_id)
    assert await column(database, "SELECT id FROM users") == ["user-1"]
    assert await column(database, "SELECT token_hash FROM sessions ORDER BY 1") == ["token-1", "token-2"]


async def test_a_login_stores_a_session_that_was_last_seen_now(database: Database) -> None:
    record = await sign_in(database, a_login(now=NOON + 5, expires_at=NOON + DAY))

    [session] = await database.fetch("SELECT * FROM sessions")
    assert dict(session) == {
        "token_hash": "token-1",
        "user_id": "user-1",
        "account_id": record.account_id,
        "created_at": NOON + 5,
        "last_seen_at": NOON + 5,
        "expires_at": NOON + DAY,
        "mac": f"v1.k1.user-1.{record.account_id}",
        "device": "",
        "platform": 0,
        "wechat_version": "",
        "app_version": "",
    }


async def test_two_users_of_one_mini_program_are_two(database: Database) -> None:
    alice = await sign_in(database, a_login(1))
    bob = await sign_in(database, a_login(2, openid="openid-bob"))

    assert bob.is_new_user
    assert (alice.user.id, bob.user.id) == ("user-1", "user-2")
    assert alice.account_id != bob.account_id


async def test_a_first_key_has_no_previous_one(database: Database) -> None:
    record = await sign_in(database, a_login(key="A"))
    assert await keys_of(database, record.account_id) == Keys("sealed A by 1", "of A", NOON, None, None)


async def test_a_newer_key_makes_the_old_one_the_previous(database: Database) -> None:
    record = await stored(database, a_login(1, key="A"), a_login(2, key="B", asked_at=NOON + 9))
    assert await keys_of(database, record.account_id) == Keys(
        "sealed B by 2", "of B", NOON + 9, "sealed A by 1", NOON + 9
    )


async def test_a_third_key_drops_the_first(database: Database) -> None:
    logins = [a_login(number, key=key, asked_at=NOON + number) for number, key in enumerate("ABC")]
    record = await stored(database, *logins)
    assert await keys_of(database, record.account_id) == Keys(
        "sealed C by 2", "of C", NOON + 2, "sealed B by 1", NOON + 2
    )


async def test_the_same_key_again_confirms_itself_and_keeps_the_previous(database: Database) -> None:
    record = await stored(
        database,
        a_login(1, key="A"),
        a_login(2, key="B", asked_at=NOON + 1),
        a_login(3, key="B", asked_at=NOON + 2),
    )
    assert await keys_of(database, record.account_id) == Keys(
        "sealed B by 3", "of B", NOON + 2, "sealed A by 1", NOON + 1
    )


async def test_a_response_overtaken_by_a_later_login_becomes_the_previous_key(database: Database) -> None:
    record = await stored(database, a_login(1, key="B", asked_at=NOON + 9), a_login(2, key="A", asked_at=NOON))
    assert await keys_of(database, record.account_id) == Keys(
        "sealed B by 1", "of B", NOON + 9, "sealed A by 2", NOON + 9
    )


@pytest.mark.parametrize("order", list(permutations("ABC")), ids="".join)
async def test_the_two_newest_keys_stay_in_whatever_order_three_responses_arrive(
    database: Database, order: tuple[str, ...]
) -> None:
    asked_at = {"A": NOON, "B": NOON + 10, "C": NOON + 20}
    logins = {key: a_login(number, key=key, asked_at=asked_at[key]) for number, key in enumerate("ABC")}

    record = await stored(database, *[logins[key] for key in order])

    assert await keys_of(database, record.account_id) == Keys(
        "sealed C by 2", "of C", NOON + 20, "sealed B by 1", NOON + 20
    )


async def test_no_number_of_overtaken_responses_evicts_a_newer_previous_key(database: Database) -> None:
    current = [a_login(1, key="B", asked_at=NOON + 10), a_login(2, key="C", asked_at=NOON + 20)]
    overtaken = [a_login(number, key="A", asked_at=NOON + number) for number in (3, 4, 5)]

    record = await stored(database, *current, *overtaken)

    assert await keys_of(database, record.account_id) == Keys(
        "sealed C by 2", "of C", NOON + 20, "sealed B by 1", NOON + 20
    )
    assert await column(database, "SELECT COUNT(*) FROM sessions") == [5]  # they are logins all the same


async def test_an_overtaken_response_that_is_newer_than_the_previous_key_replaces_it(database: Database) -> None:
    record = await stored(
        database,
        a_login(1, key="A"),
        a_login(2, key="C", asked_at=NOON + 20),
        a_login(3, key="B", asked_at=NOON + 10),
        a_login(4, key="A", asked_at=NOON + 5),
    )
    assert await keys_of(database, record.account_id) == Keys(
        "sealed C by 2", "of C", NOON + 20, "sealed B by 3", NOON + 20
    )


async def test_a_confirmed_key_is_as_new_as_its_last_confirmation(
    database: Database,
) -> None:
    record = await stored(
        database,
        a_login(1, key="A"),
        a_login(2, key="A", asked_at=NOON + 10),
        a_login(3, key="C", asked_at=NOON + 20),
        a_login(4, key="B", asked_at=NOON + 5),
    )
    assert (await keys_of(database, record.account_id)).previous == "sealed A by 2"


async def test_an_overtaken_response_with_the_key_that_is_held_changes_nothing(database: Database) -> None:
    record = await stored(
        database,
        a_login(1, key="A"),
        a_login(2, key="B", asked_at=NOON + 9),
        a_login(3, key="B", asked_at=NOON + 5),
    )
    assert await keys_of(database, record.account_id) == Keys(
        "sealed B by 2", "of B", NOON + 9, "sealed A by 1", NOON + 9
    )


async def test_of_two_responses_at_the_same_moment_the_one_stored_later_is_current(database: Database) -> None:
    record = await stored(database, a_login(1, key="A"), a_login(2, key="B"))
    assert await keys_of(database, record.account_id) == Keys("sealed B by 2", "of B", NOON, "sealed A by 1", NOON)


@pytest.mark.parametrize(
    ("first", "later"), [(None, "union-alice"), ("union-alice", None), ("union-alice", "union-other")]
)
async def test_a_unionid_is_adopted_when_it_comes_and_never_replaced(
    database: Database, first: str | None, later: str | None
) -> None:
    record = await stored(database, a_login(1, unionid=first), a_login(2, unionid=later))

    assert record.unionid == "union-alice"
    assert await column(database, "SELECT unionid FROM accounts") == ["union-alice"]


async def test_another_mini_program_knows_the_user_by_their_unionid(database: Database) -> None:
    here = await sign_in(database, a_login(1, unionid="union-alice"))
    there = await sign_in(database, a_login(2, app_id="wx-two", openid="openid-there", unionid="union-alice"))

    assert not there.is_new_user
    assert there.user == here.user
    assert there.account_id != here.account_id
    assert await column(database, "SELECT COUNT(*) FROM users") == [1]


async def test_accounts_without_unionid_are_not_one_user(database: Database) -> None:
    await sign_in(database, a_login(1))
    there = await sign_in(database, a_login(2, app_id="wx-two"))
    assert there.is_new_user


async def test_a_known_account_stays_with_its_user_whatever_its_unionid(database: Database) -> None:
    await sign_in(database, a_login(1, unionid="union-alice"))
    await sign_in(database, a_login(2, openid="openid-bob"))
    again = await sign_in(database, a_login(3, openid="openid-bob", unionid="union-alice"))
    assert (again.user.id, again.is_new_user) == ("user-2", False)


async def test_twenty_first_logins_at_once_make_one_user(database: Database) -> None:
    records = await asyncio.gather(*[sign_in(database, a_login(number, key=str(number))) for number in range(20)])

    [user_id] = await column(database, "SELECT id FROM users")
    assert {record.user.id for record in records} == {user_id}
    assert {record.account_id for record in records} == set(await column(database, "SELECT id FROM accounts"))
    assert [record.is_new_user for record in records].count(True) == 1
    assert await column(database, "SELECT COUNT(*) FROM sessions") == [20]


async def test_a_login_that_cannot_be_stored_whole_is_not_stored_at_all(database: Database) -> None:
    await sign_in(database, a_login(1))
    twin = a_login(1, openid="openid-bob")  # a token hash that is there already

    with pytest.raises(DatabaseError) as refused:
        await sign_in(database, twin)

    assert not isinstance(refused.value, DatabaseUnavailable)  # trying again would not help
    assert await column(database, "SELECT openid FROM accounts") == ["openid-alice"]
    assert await column(database, "SELECT COUNT(*) FROM users") == [1]


async def test_a_superseded_session_ends_at_the_time_that_the_login_sets(database: Database) -> None:
    await stored(database, a_login(1), a_login(2, superseded="token-1", superseded_ends_at=NOON + MINUTE))

    assert await SessionLookup(database).find("token-1", now=NOON + MINUTE - 1, seen_after=0) is not None
    assert await SessionLookup(database).find("token-1", now=NOON + MINUTE, seen_after=0) is None


async def test_superseding_never_prolongs_a_session(database: Database) -> None:
    login = a_login(2, superseded="token-1", superseded_ends_at=NOON + MINUTE)
    await stored(database, a_login(1, expires_at=NOON + 1), login)
    assert await column(database, "SELECT expires_at FROM sessions ORDER BY 1") == [NOON + 1, NOON + 30 * DAY]


async def test_a_login_supersedes_no_session_of_another_account(database: Database) -> None:
    bob = a_login(2, openid="openid-bob")
    await stored(database, a_login(1), bob, replace(bob, token_hash="token-3", superseded="token-1"))

    assert await column(database, "SELECT DISTINCT expires_at FROM sessions") == [NOON + 30 * DAY]


async def test_a_login_drops_surplus_sessions_least_recently_seen_first(database: Database) -> None:
    await stored(database, *[a_login(number, now=NOON + number) for number in range(5)])
    await database.fetch("UPDATE sessions SET last_seen_at = $1 WHERE token_hash = 'token-0'", NOON + MINUTE)

    await sign_in(database, a_login(5, now=NOON + MINUTE, keep=4))

    kept = ["token-0", "token-3", "token-4", "token-5"]
    assert await column(database, "SELECT token_hash FROM sessions ORDER BY 1") == kept


async def test_a_session_in_use_within_the_hour_outlives_any_later_logins(database: Database) -> None:
    await stored(database, a_login(0, now=NOON - DAY), a_login(1, now=NOON - DAY))
    seen = "UPDATE sessions SET last_seen_at = $2 WHERE token_hash = $1"
    await database.fetch(seen, "token-0", NOON + 10 * MINUTE)  # used ever since: written hourly
    await database.fetch(seen, "token-1", NOON - MINUTE)

    for number in range(10):
        await sign_in(database, a_login(number + 2, now=NOON + 59 * MINUTE + number, keep=3))

    kept = ["token-0", "token-10", "token-11"]
    assert await column(database, "SELECT token_hash FROM sessions ORDER BY 1") == kept


async def test_the_session_of_the_login_stays_whatever_other_clocks_wrote(database: Database) -> None:
    await stored(database, *[a_login(number, now=NOON + DAY) for number in range(3)])
    await sign_in(database, a_login(3, now=NOON, keep=1))
    assert await column(database, "SELECT token_hash FROM sessions") == ["token-3"]


async def test_sessions_of_other_users_are_not_surplus(database: Database) -> None:
    await stored(database, a_login(1, openid="openid-bob", expires_at=NOON - 1), a_login(2), a_login(3, keep=1))
    assert await column(database, "SELECT token_hash FROM sessions ORDER BY 1") == ["token-1", "token-3"]


async def test_concurrent_logins_leave_no_more_sessions_than_may_be_kept(database: Database) -> None:
    for moment in range(0, 90, 9):
        # Some whose responses from WeChat were overtaken, which change the account in nothing else.
        asked_at = [NOON + moment + number % 4 for number in range(9)]
        logins = [a_login(moment + n, now=NOON + moment, asked_at=asked_at[n], keep=2) for n in range(9)]
        await asyncio.gather(*[sign_in(database, login) for login in logins])
        assert await column(database, "SELECT COUNT(*) FROM sessions") == [2]


async def test_what_a_login_knows_is_not_in_its_representation(database: Database) -> None:
    login = a_login(unionid="union-alice")
    record = await sign_in(database, login)
    shown = repr((login, record))
    assert not [word for word in ("openid-", "union-", "sealed", "of A", "token-") if word in shown]
