"""The canaries, the count of sealed rows, and the rotation's compare-and-swap."""

from dataclasses import replace

import pytest

from models.accounts import SealedAccount, count_accounts_by_key, read_sealed, reseal
from models.database import Database
from models.encryption_keys import add_canary, drop_canary, read_canaries
from models.logins import sign_in
from tests.models.rows import NOON, Keys, a_login, column, keys_of


async def sealed(database: Database, number: int, *session_keys: str) -> int:
    """The id of an account of its own whose logins stored these keys, the last one last."""
    for at, text in enumerate(session_keys):
        login = a_login(10 * number + at, openid=f"openid-{number}", key=text, asked_at=NOON + at)
        record = await sign_in(database, replace(login, key=replace(login.key, session_key=text)))
    return record.account_id


async def test_a_new_database_was_written_with_no_key(database: Database) -> None:
    assert await read_canaries(database) == {}


async def test_a_canary_that_is_there_stays_as_it_is(database: Database) -> None:
    await add_canary(database, "k1", "first", now=NOON)
    await add_canary(database, "k1", "second", now=NOON + 1)
    await add_canary(database, "k2", "other", now=NOON + 2)

    assert await read_canaries(database) == {"k1": "first", "k2": "other"}
    assert await column(database, "SELECT created_at FROM encryption_keys ORDER BY id") == [NOON, NOON + 2]


async def test_a_retired_key_is_forgotten_alone(database: Database) -> None:
    await add_canary(database, "k1", "first", now=NOON)
    await add_canary(database, "k2", "other", now=NOON)
    assert await drop_canary(database, "k1")
    assert not await drop_canary(database, "k3")
    assert await read_canaries(database) == {"k2": "other"}


async def test_an_account_counts_for_each_key_that_seals_anything_of_it(database: Database) -> None:
    await sealed(database, 1, "v1.k1.a")
    await sealed(database, 2, "v1.k1.b", "v1.k2.c")
    await sealed(database, 3, "v1.k2.d", "v1.k2.e")
    assert await count_accounts_by_key(database) == {"k1": 2, "k2": 2}


async def test_an_account_counts_once_for_a_key_that_seals_both_of_its_session_keys(database: Database) -> None:
    await sealed(database, 1, "v1.k1.a", "v1.k1.b")
    assert await count_accounts_by_key(database) == {"k1": 1}


async def test_no_account_counts_for_no_key(database: Database) -> None:
    await add_canary(database, "k1", "canary", now=NOON)
    assert await count_accounts_by_key(database) == {}


async def test_key_ids_are_counted_apart_whatever_their_length_and_letters(database: Database) -> None:
    ids = ["k", "k1", "K1", "k1x", "k_1", "07-key_july"]
    for number, key_id in enumerate(ids):
        await sealed(database, number, f"v1.{key_id}.a")
    assert await count_accounts_by_key(database) == dict.fromkeys(ids, 1)


async def test_accounts_are_counted_batch_by_batch_and_each_of_them_once(database: Database) -> None:
    for number in range(5):
        await sealed(database, number, f"v1.k{number % 2}.a", "v1.k2.b")
    assert await count_accounts_by_key(database, batch=2) == {"k0": 3, "k1": 2, "k2": 5}


async def test_accounts_are_read_in_batches_with_what_they_hold(database: Database) -> None:
    ids = [await sealed(database, number, f"v1.k1.{number}") for number in range(3)]
    ids.append(await sealed(database, 4, "v1.k1.previous", "v1.k2.current"))

    first = await read_sealed(database, after=0, limit=2)
    rest = await read_sealed(database, after=first[-1].id, limit=5)

    assert [account.id for account in (*first, *rest)] == ids
    assert rest[-1].previous_session_key_at is not None
    keys = ("v1.k2.current", "v1.k1.previous", rest[-1].previous_session_key_at)
    assert rest[-1] == SealedAccount(ids[-1], "wx-one", "openid-4", *keys)
    assert [account.id for account in await read_sealed(database, after=0, last=ids[0], limit=5)] == ids[:1]
    assert "v1." not in repr(rest)


async def test_a_rotation_replaces_both_keys_and_nothing_else(database: Database) -> None:
    account_id = await sealed(database, 1, "v1.k1.a", "v1.k1.b")
    await sealed(database, 2, "v1.k1.c")
    [before] = await database.fetch("SELECT * FROM accounts WHERE id = $1", account_id)
    [account, _] = await read_sealed(database, after=0, limit=9)

    assert await reseal(database, account, session_key="v1.k2.b", fingerprint="of two", previous_session_key="v1.k2.a")

    changed = {"session_key": "v1.k2.b", "session_key_fingerprint": "of two", "previous_session_key": "v1.k2.a"}
    assert await database.fetch("SELECT * FROM accounts WHERE id = $1", account_id) == [{**before, **changed}]
    assert await count_accounts_by_key(database) == {"k1": 1, "k2": 1}


async def test_a_rotation_of_an_account_without_previous_key_gives_it_none(database: Database) -> None:
    account_id = await sealed(database, 1, "v1.k1.a")
    [account] = await read_sealed(database, after=0, limit=9)

    assert await reseal(database, account, session_key="v1.k2.a", fingerprint="two", previous_session_key=None)

    assert await keys_of(database, account_id) == Keys("v1.k2.a", "two", NOON, None, None)


@pytest.mark.parametrize("key", ["v1.k1.a", "v1.k2.new"], ids=["the same key, sealed anew", "another key"])
async def test_a_rotation_gives_way_to_a_login_that_was_faster(database: Database, key: str) -> None:
    account_id = await sealed(database, 1, "v1.k1.a")
    [seen] = await read_sealed(database, after=0, limit=9)
    login = a_login(99, openid="openid-1", key=key, asked_at=NOON + 5)
    await sign_in(database, replace(login, key=replace(login.key, session_key="v1.k2.by-login")))
    before = await keys_of(database, account_id)

    assert not await reseal(database, seen, session_key="v1.k2.late", fingerprint="late", previous_session_key=None)

    assert await keys_of(database, account_id) == before


async def test_a_rotation_gives_way_to_an_overtaken_login_that_only_left_a_previous_key(database: Database) -> None:
    account_id = await sealed(database, 1, "v1.k1.a")
    [seen] = await read_sealed(database, after=0, limit=9)
    await sign_in(database, a_login(99, openid="openid-1", key="older", asked_at=NOON - 5))

    assert not await reseal(database, seen, session_key="v1.k2.a", fingerprint="two", previous_session_key=None)

    assert (await keys_of(database, account_id)).previous == "sealed older by 99"
