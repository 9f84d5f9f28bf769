"""Phone numbers and the encryption keys: a rotation, a retired key and a merge leave each user's number as it was."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from graph.accounts.encryption_keys import key_usage, retire
from graph.accounts.errors import KeyNotRetired
from graph.accounts.key_rotation import Rotation, rotate
from graph.accounts.phone_encryption import open_phone, phone_indexes, seal_phone
from graph.security.encryption import KeyRing, SealContext
from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from models.database import Database
from models.phones import PhoneInUse, StoredPhone, find_phone
from tests.accounts.stored import run_sql, wxgate
from tests.accounts.test_keys import WatchedKeyRing
from tests.models.phones import a_phone, owners
from tests.models.phones import give as give_sealed
from tests.secret_patterns import secrets_in
from tests.server import APP_ID, ENCRYPTION_KEYS, K2, Clock, open_server, with_keys

NUMBERS: Final = {"alice": "+8613800138000", "bob": "+8613800138001", "carol": "+85251234567"}
BOTH: Final = f"{K2},{ENCRYPTION_KEYS}"


@pytest.fixture
async def users(settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock) -> dict[str, str]:
    """The ids of users who have signed in, by name."""
    async with open_server(settings, wechat_simulator, clock) as server:
        return {name: (await server.login(name))["user"]["id"] for name in NUMBERS}


@pytest.fixture
async def database(settings: Settings, users: dict[str, str]) -> AsyncIterator[Database]:
    """The server's, in which each user has a number that is theirs only."""
    async with Database(settings.database.url.get_secret_value()) as opened:
        for place, (name, user_id) in enumerate(users.items()):
            await give(opened, user_id, NUMBERS[name], KeyRing.parse(ENCRYPTION_KEYS), at=place)
        yield opened


async def give(
    database: Database, user_id: str, number: str, ring: KeyRing, *, at: int
) -> StoredPhone | PhoneInUse | None:
    """What comes of a user's giving a number to a replica with this key ring."""
    phone = a_phone(app_id=APP_ID, code_hash=None, verified_at=at)
    phone = replace(phone, seal=partial(seal_phone, ring, number), indexes=phone_indexes(ring, number))
    return await give_sealed(database, user_id, phone, now=at)


async def numbers_of(database: Database, ring: KeyRing, users: dict[str, str]) -> dict[str, str | None]:
    """The number that a server with this key ring opens, of each user whom it finds by theirs."""
    found: dict[str, str | None] = {}
    for name, number in NUMBERS.items():
        index = ring.index(number, "phones", "number_index")
        for row in await database.fetch("SELECT user_id, number FROM phones WHERE number_index = $1", index):
            assert row["user_id"] == users[name]
            found[name] = open_phone(ring, row["number"], row["user_id"])
    return found


async def test_users_are_found_by_number_after_a_rotation(
    database: Database, settings: Settings, users: dict[str, str]
) -> None:
    rotating, rotated = with_keys(settings, BOTH), with_keys(settings, K2)
    assert await numbers_of(database, KeyRing.parse(ENCRYPTION_KEYS), users) == NUMBERS
    listed = await asyncio.to_thread(wxgate, rotating, "keys", "list")
    assert listed.splitlines()[1] == "k1  decrypts  3 accounts, 3 sessions, 3 phone numbers"

    printed = await asyncio.to_thread(wxgate, rotating, "keys", "rotate")

    assert printed.splitlines()[2] == "3 phone numbers resealed, 0 unreadable"
    assert await numbers_of(database, KeyRing.parse(K2), users) == NUMBERS
    assert await owners(database) == {
        ring.index(NUMBERS[name], "phones", "number_index"): user_id
        for ring in (KeyRing.parse(K2), KeyRing.parse(ENCRYPTION_KEYS))
        for name, user_id in users.items()
    }
    assert await give(database, users["bob"], NUMBERS["alice"], KeyRing.parse(K2), at=9) == PhoneInUse()
    again = await asyncio.to_thread(wxgate, rotating, "keys", "rotate")
    assert again.splitlines()[2] == "0 phone numbers resealed, 0 unreadable"
    retired = await asyncio.to_thread(wxgate, rotated, "keys", "retire", "k1")
    assert retired == "k1 is retired; it was needed for 0 accounts, 0 sessions, 0 phone numbers.\n"
    stored = str(await run_sql(settings, "SELECT * FROM phones"))
    assert not [number for number in NUMBERS.values() if number[3:] in stored]


async def test_a_key_is_not_retired_while_a_phone_is_sealed_or_indexed_with_it(
    database: Database, users: dict[str, str]
) -> None:
    ring = KeyRing.parse(BOTH)
    await rotate(database, ring)
    [index] = phone_indexes(KeyRing.parse(ENCRYPTION_KEYS), NUMBERS["alice"])
    await database.fetch("UPDATE phones SET number_index = $1 WHERE user_id = $2", index, users["alice"])
    assert await key_usage(database, ring) == {"k2": (3, 3, 3, 0), "k1": (0, 0, 1, 0)}
    with pytest.raises(KeyNotRetired, match="still needed for 0 accounts, 0 sessions, 1 phone numbers"):
        await retire(database, "k1", lost=False)
    assert await rotate(database, ring) == Rotation(phones=1)
    await retire(database, "k1", lost=False)


async def test_a_number_that_a_lost_key_sealed_is_passed_over_and_can_be_given_again(
    database: Database, users: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    assert (await retire(database, "k1", lost=True)).phones == 3
    ring = KeyRing.parse(K2)
    outcome = await rotate(database, ring)
    assert (outcome.phones, outcome.phones_unreadable) == (0, 3)
    assert secrets_in(caplog.text) == []
    assert not [number for number in NUMBERS.values() if number in caplog.text]
    for place, (name, user_id) in enumerate(users.items()):
        assert await give(database, user_id, NUMBERS[name], ring, at=place) == StoredPhone(user_id, is_changed=True)
    assert await numbers_of(database, ring, users) == NUMBERS
    assert await owners(database) == {
        ring.index(NUMBERS[name], "phones", "number_index"): users[name] for name in users
    }


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("keys", "resealed"), [(ENCRYPTION_KEYS, 3), (BOTH, 2)], ids=["sealed with the old key", "sealed with the new key"]
)
async def test_a_number_that_a_user_gives_during_the_rotation_stays(
    database: Database, users: dict[str, str], tmp_path: Path, keys: str, resealed: int
) -> None:
    number, first = "+8613900139000", min(users.values())
    ring, giver = WatchedKeyRing.parse(BOTH), KeyRing.parse(keys)
    given = [(seal_phone(giver, number, first), phone_indexes(giver, number)[0], first)]

    def give_another(place: SealContext) -> None:
        if place.table == "phones" and given:
            with sqlite3.connect(tmp_path / "wxgate.db") as file:
                file.execute("UPDATE phones SET number = ?, number_index = ? WHERE user_id = ?", given.pop())
            file.close()

    ring.on_open = give_another
    assert (await rotate(database, ring)).phones == resealed

    phone = await find_phone(database, first)
    assert phone is not None
    assert open_phone(KeyRing.parse(K2), phone.number, first) == number
    assert phone.number_index == phone_indexes(KeyRing.parse(K2), number)[0]


async def test_a_phone_that_a_merge_moves_opens_for_the_older_user(
    database: Database, settings: Settings, users: dict[str, str]
) -> None:
    ids = users["alice"], users["bob"]
    merge = ("users", "merge", *ids, "--json")
    planned = json.loads(await asyncio.to_thread(wxgate, settings, *merge, "--dry-run"))
    merged = json.loads(await asyncio.to_thread(wxgate, settings, *merge))
    assert (planned["phones"], merged["phones"]) == (1, 1)
    ring = KeyRing.parse(ENCRYPTION_KEYS)
    assert await numbers_of(database, ring, users | {"bob": users["alice"]}) == {
        "bob": NUMBERS["bob"],
        "carol": NUMBERS["carol"],
    }
    assert await give(database, users["carol"], NUMBERS["bob"], ring, at=9) == PhoneInUse()
    assert await give(database, users["carol"], NUMBERS["alice"], ring, at=9) != PhoneInUse()
