"""The encryption keys and the database in step: the check at start-up, and their rotation beside a live server."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graph.accounts.encryption_keys import key_usage
from graph.accounts.errors import KeyRingMismatch
from graph.accounts.key_rotation import Rotation, rotate
from graph.security.encryption import KeyRing, SealContext, Sealed
from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from models.database import Database
from tests.accounts.stored import allow_connections, known_keys, run_sql, sealed_with, wxgate
from tests.server import (
    ANOTHER_K1,
    ENCRYPTION_KEYS,
    K2,
    Clock,
    TestServer,
    open_server,
    open_server_unmigrated,
    with_keys,
)

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


async def test_the_first_start_notes_its_key(server: TestServer, settings: Settings) -> None:
    assert (await server.http.get("/readyz")).status_code == 200
    assert await known_keys(settings) == ["k1"]
    [row] = await run_sql(settings, "SELECT * FROM encryption_keys")
    assert row["canary"].startswith("v1.k1.")
    assert ENCRYPTION_KEYS.removeprefix("k1:") not in str(row)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (ANOTHER_K1, "has another key 'k1' than the one this database was written with"),
        (K2, "lacks the key 'k1' that this database was written with"),
    ],
    ids=["wrong", "missing"],
)
async def test_a_server_does_not_start_with_keys_of_another_database(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, keys: str, sentence: str
) -> None:
    async with open_server(settings, wechat_simulator, clock):
        pass
    with pytest.raises(KeyRingMismatch, match=sentence) as refused:
        async with open_server(with_keys(settings, keys), wechat_simulator, clock):
            pytest.fail("it started")
    assert keys.partition(":")[2] not in str(refused.value)
    assert await known_keys(settings) == ["k1"]


@on_postgres
@pytest.mark.parametrize(
    ("keys", "status", "reason"),
    [
        (ENCRYPTION_KEYS, 200, None),
        (ANOTHER_K1, 503, "the encryption keys are not those of the database"),
    ],
    ids=["right", "wrong"],
)
async def test_a_server_that_started_without_its_database_checks_the_keys_when_it_comes(
    settings: Settings,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    postgres_directory: str,
    keys: str,
    status: int,
    reason: str | None,
) -> None:
    async with open_server(settings, wechat_simulator, clock):
        pass
    await allow_connections(settings, postgres_directory, allowed=False)
    async with open_server_unmigrated(with_keys(settings, keys), wechat_simulator, clock) as server:
        response = await server.http.get("/readyz")
        assert (response.status_code, response.json()["reason"]) == (503, "the database does not answer")
        await allow_connections(settings, postgres_directory, allowed=True)
        response = await server.http.get("/readyz")
        assert (response.status_code, response.json().get("reason")) == (status, reason)


@pytest.mark.slow
async def test_a_rotation_beside_a_live_server_loses_no_session_key(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    names = ("alice", "bob", "carol")
    async with open_server(settings, wechat_simulator, clock) as server:
        tokens = {name: (await server.login(name))["token"] for name in names}
        before = wechat_simulator.user_info("bob", policy="old")
        tokens["bob"] = (await server.login("bob", renewSessionKey=True))["token"]

    both = f"{K2},{ENCRYPTION_KEYS}"
    rotating, rotated = with_keys(settings, both), with_keys(settings, K2)
    async with open_server(rotating, wechat_simulator, clock) as server:
        assert wxgate(rotating, "keys", "list") == (
            "k2  encrypts  0 accounts, 0 sessions, 0 phone numbers\n"
            "k1  decrypts  3 accounts, 4 sessions, 0 phone numbers\n"
        )
        rotated_all = (
            "3 resealed, 0 overtaken by a login, 0 unreadable\n4 sessions signed anew, 0 refused, 0 deleted\n"
            "0 phone numbers resealed, 0 unreadable\n"
        )
        assert wxgate(rotating, "keys", "rotate") == rotated_all
        assert await sealed_with(settings) == ["k2"] * 3
        assert await known_keys(settings) == ["k1", "k2"], "other replicas may still seal with the old key"
        # Signed with the key before the last one, which was resealed as well.
        assert (await server.submit(tokens["bob"], before))["nickName"] == "bob"
    assert (
        wxgate(rotated, "keys", "retire", "k1")
        == "k1 is retired; it was needed for 0 accounts, 0 sessions, 0 phone numbers.\n"
    )
    assert await known_keys(settings) == ["k2"]

    async with open_server(rotated, wechat_simulator, clock) as server:
        assert wxgate(rotated, "keys", "list") == "k2  encrypts  3 accounts, 4 sessions, 0 phone numbers\n"
        wechat_simulator.advance(10)
        for name in names:
            submission = wechat_simulator.user_info(name, policy="old", nickName=f"{name}!")
            assert (await server.submit(tokens[name], submission))["nickName"] == f"{name}!"


class WatchedKeyRing(KeyRing):
    """A key ring that calls `on_open` before it opens, which is between the reading and the writing of a row."""

    __slots__ = ("on_open",)

    on_open: Callable[[SealContext], object]

    def open(self, sealed: Sealed, place: SealContext) -> bytes:
        self.on_open(place)
        return super().open(sealed, place)


@on_sqlite
async def test_a_rotation_that_was_stopped_goes_on_where_it_was(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        for name in ("alice", "bob", "carol"):
            await server.login(name)

    class Stopped(Exception):
        """The power cut."""

    opened: list[SealContext] = []

    def stop_at_the_second(place: SealContext) -> None:
        opened.append(place)
        if len(opened) == 2:
            raise Stopped

    ring = WatchedKeyRing.parse(f"{K2},{ENCRYPTION_KEYS}")
    async with Database(settings.database.url.get_secret_value()) as database:
        ring.on_open = stop_at_the_second
        with pytest.raises(Stopped):
            await rotate(database, ring)
        assert await sealed_with(settings) == ["k2", "k1", "k1"]
        assert await key_usage(database, ring) == {"k2": (1, 0, 0, 0), "k1": (2, 3, 0, 0)}
        assert await known_keys(settings) == ["k1"]

        assert await rotate(database, ring) == Rotation(resealed=2, signed=3)
        assert await rotate(database, ring) == Rotation()
        assert await key_usage(database, ring) == {"k2": (3, 3, 0, 0), "k1": (0, 0, 0, 0)}
        assert len(opened) == 4, "it sealed again what was sealed"


@on_sqlite
async def test_a_login_during_the_rotation_wins(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, tmp_path: Path
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        await server.login("alice")

    ring = WatchedKeyRing.parse(f"{K2},{ENCRYPTION_KEYS}")

    def log_in(place: SealContext) -> None:
        with sqlite3.connect(tmp_path / "wxgate.db") as file:
            file.execute("UPDATE accounts SET session_key = ?", [ring.seal(b"the key of the login", place)])
        file.close()

    ring.on_open = log_in
    async with Database(settings.database.url.get_secret_value()) as database:
        assert await rotate(database, ring) == Rotation(overtaken=1, signed=1)
    [account] = await run_sql(settings, "SELECT session_key, app_id, openid FROM accounts")
    place = SealContext("accounts", "session_key", account["app_id"], account["openid"])
    assert KeyRing.parse(K2).open(Sealed(account["session_key"]), place) == b"the key of the login"


@on_sqlite
async def test_a_rotation_also_seals_what_a_login_shifts_to_previous_meanwhile(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, tmp_path: Path
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        await server.login("alice")
    [account] = await run_sql(settings, "SELECT session_key, app_id, openid FROM accounts")
    place = SealContext("accounts", "session_key", account["app_id"], account["openid"])
    before = KeyRing.parse(ENCRYPTION_KEYS).open(Sealed(account["session_key"]), place)

    ring = WatchedKeyRing.parse(f"{K2},{ENCRYPTION_KEYS}")
    logins = [b"the key of the login"]

    def log_in(place: SealContext) -> None:
        if logins:
            with sqlite3.connect(tmp_path / "wxgate.db") as file:
                shift = "UPDATE accounts SET previous_session_key = session_key, session_key = ?"
                file.execute(shift, [ring.seal(logins.pop(), place)])
            file.close()

    ring.on_open = log_in
    async with Database(settings.database.url.get_secret_value()) as database:
        assert await rotate(database, ring) == Rotation(resealed=1, signed=1)
        assert await key_usage(database, ring) == {"k2": (1, 1, 0, 0), "k1": (0, 0, 0, 0)}
    [account] = await run_sql(settings, "SELECT session_key, previous_session_key FROM accounts")
    rotated = KeyRing.parse(K2)
    assert rotated.open(Sealed(account["session_key"]), place) == b"the key of the login"
    assert rotated.open(Sealed(account["previous_session_key"]), place) == before


@pytest.mark.parametrize(
    ("damage", "outcome", "usage"),
    [
        (
            "session_key = replace(session_key, 'v1.k1.', 'v1.k0.')",
            Rotation(unreadable=1, signed=2),
            {"k2": (0, 2, 0, 0), "k1": (1, 0, 0, 0), "k0": (1, 0, 0, 0)},
        ),
        (
            "session_key = 'garbage'",
            Rotation(unreadable=1, signed=2),
            {"k2": (0, 2, 0, 0), "k1": (1, 0, 0, 0), "": (1, 0, 0, 0)},
        ),
        ("previous_session_key = 'garbage'", Rotation(resealed=1, signed=2), {"k2": (1, 2, 0, 0), "k1": (0, 0, 0, 0)}),
    ],
    ids=["unknown key", "garbage", "previous key"],
)
async def test_a_rotation_passes_over_what_it_cannot_open(
    settings: Settings,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    damage: str,
    outcome: Rotation,
    usage: dict[str, Any],
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        await server.login("alice")
        token = (await server.login("alice", renewSessionKey=True))["token"]
        await run_sql(settings, f"UPDATE accounts SET {damage}")  # noqa: S608 - our own words
    both = f"{K2},{ENCRYPTION_KEYS}"
    async with Database(settings.database.url.get_secret_value()) as database:
        assert await rotate(database, KeyRing.parse(both)) == outcome
        assert await key_usage(database, KeyRing.parse(both)) == usage
    async with open_server(with_keys(settings, both), wechat_simulator, clock) as server:
        token = (await server.login("alice", token=token, renewSessionKey=True))["token"]
        submission = wechat_simulator.user_info("alice", policy="old")
        assert (await server.submit(token, submission))["nickName"] == "alice"
