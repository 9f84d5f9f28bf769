"""A session is what the server wrote: who can write the database makes no token another user's, nor live longer."""

import logging
from typing import Any, Final

import pytest

from graph.accounts.encryption_keys import key_usage, retire
from graph.accounts.errors import KeyNotRetired
from graph.accounts.key_rotation import Rotation, rotate
from graph.security.encryption import KeyRing
from graph.security.tokens import SessionMacs, SessionToken
from graph.settings import SessionSettings, Settings
from graph.simulator.serving import WeChatSimulator
from models.database import Database
from models.migrate import migrate
from tests.accounts.stored import known_keys, run_sql, wxgate
from tests.models.earlier_schemas import apply, fill
from tests.server import ENCRYPTION_KEYS, K2, ME, Clock, TestServer, open_server, open_server_unmigrated, with_keys

DAY_MS: Final = 86_400_000
BOTH: Final = f"{K2},{ENCRYPTION_KEYS}"
# As the version before wrote them.
EARLIER: Final = """
INSERT INTO sessions (token_hash, user_id, account_id, created_at, last_seen_at, expires_at)
VALUES ('{hash}', '{user}', {account}, {now}, {now}, {now} + 2592000000)"""


def requiring(settings: Settings) -> Settings:
    """The same server, which refuses sessions without a MAC."""
    return settings.model_copy(update={"session": SessionSettings(require_mac=True)})


def hash_of(token: str) -> str:
    parsed = SessionToken.parse(token)
    assert parsed is not None
    return parsed.hash()


async def session_of(settings: Settings, login: Any) -> dict[str, Any]:
    """The row of a login."""
    [row] = await run_sql(settings, f"SELECT * FROM sessions WHERE token_hash = '{hash_of(login['token'])}'")  # noqa: S608
    return row


async def change(settings: Settings, login: Any, **values: object) -> None:
    """Writes to the row of a login, as who has got into the database does."""
    changes = ", ".join(
        f"{name} = {value if isinstance(value, int) else repr(value)}" for name, value in values.items()
    )
    where = f"token_hash = '{hash_of(login['token'])}'"
    await run_sql(settings, f"UPDATE sessions SET {changes.replace('None', 'NULL')} WHERE {where}")  # noqa: S608


async def is_refused(server: TestServer, login: Any) -> bool:
    """Whether a token is answered like one that nobody knows."""
    answer = await server.post(ME, token=login["token"])
    if "errors" not in answer:
        assert answer["data"]["me"]["id"] == login["user"]["id"], "it is another user's"
        return False
    unknown = await server.post(ME, token=SessionToken.issue().get_secret_value())
    assert (answer["data"], answer["errors"][0]["message"]) == (unknown["data"], unknown["errors"][0]["message"])
    extensions = [{**response["errors"][0]["extensions"], "requestId": ""} for response in (answer, unknown)]
    assert extensions[0] == extensions[1]
    assert extensions[0]["code"] == "UNAUTHENTICATED"
    return True


def reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Why sessions were refused, as the log says."""
    refused = [record for record in caplog.records if record.getMessage() == "refused a session for its MAC"]
    assert {record.levelno for record in refused} <= {logging.WARNING}
    return [vars(record)["reason"] for record in refused]


@pytest.mark.parametrize(
    "taken",
    [
        ("user_id",),
        ("account_id",),
        ("user_id", "account_id"),
        ("mac",),
        ("user_id", "account_id", "mac"),
        ("user_id", "account_id", "created_at", "last_seen_at", "expires_at", "mac"),
    ],
    ids=", ".join,
)
async def test_a_token_does_not_become_another_user_s_by_a_write_to_the_database(
    server: TestServer, settings: Settings, caplog: pytest.LogCaptureFixture, taken: tuple[str, ...]
) -> None:
    mallory, alice = await server.login("mallory"), await server.login("alice")
    of_alice = await session_of(settings, alice)
    await change(settings, mallory, **{name: of_alice[name] for name in taken})

    assert await is_refused(server, mallory)
    assert reasons(caplog) == ["Tampered"]
    assert of_alice["user_id"] not in caplog.text
    assert not await is_refused(server, alice)


@pytest.mark.parametrize("mac", ["", "v1.k1.", "v1.k1." + "0" * 32, "v1.k1.é", "garbage", "....", "v2.k1." + "0" * 32])
async def test_a_session_that_was_made_in_the_database_names_nobody(
    server: TestServer, settings: Settings, mac: str
) -> None:
    alice = await session_of(settings, await server.login("alice"))
    token = SessionToken.issue()
    row = {"hash": token.hash(), "user": alice["user_id"], "account": alice["account_id"], "now": server.clock()}
    await run_sql(settings, EARLIER.format(**row))
    await run_sql(settings, f"UPDATE sessions SET mac = '{mac}' WHERE token_hash = '{token.hash()}'")  # noqa: S608
    assert await is_refused(server, {"token": token.get_secret_value()})


async def test_a_write_to_the_database_does_not_let_a_session_live_longer(
    server: TestServer, settings: Settings
) -> None:
    alice, bob = await server.login("alice"), await server.login("bob")
    far = server.clock() + 365 * DAY_MS
    await change(settings, alice, expires_at=far, last_seen_at=far)
    await change(settings, bob, expires_at=far, last_seen_at=far, created_at=far)
    assert await is_refused(server, bob)
    server.clock.advance(days=29, hours=23)
    assert not await is_refused(server, alice)
    server.clock.advance(hours=1)
    assert await is_refused(server, alice)


async def test_a_superseded_session_is_still_signed(server: TestServer) -> None:
    old = await server.login("alice")
    await server.login("alice", token=old["token"])
    assert not await is_refused(server, old)


async def test_a_session_without_a_mac_is_refused_if_that_is_asked_for(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        mallory, alice = await server.login("mallory"), await server.login("alice")
        await change(settings, mallory, mac=None)
        assert not await is_refused(server, mallory)
    async with open_server(requiring(settings), wechat_simulator, clock) as server:
        assert await is_refused(server, mallory)
        assert not await is_refused(server, alice)
        assert not await is_refused(server, await server.login("mallory"))


async def test_sessions_that_the_version_before_wrote_outlive_the_upgrade(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async def log_in_as_before() -> dict[str, Any]:
        token, user = SessionToken.issue(), rows["users"]["id"]
        row = {"hash": token.hash(), "user": user, "account": rows["accounts"]["id"], "now": clock()}
        await run_sql(settings, EARLIER.format(**row))
        return {"token": token.get_secret_value(), "user": {"id": user}}

    url = settings.database.url.get_secret_value()
    await apply(url, "models.migrations", upto="0002_leases")
    rows = await fill(url)
    await run_sql(settings, "UPDATE users SET gender = 0")
    await run_sql(settings, "DELETE FROM encryption_keys")
    before = await log_in_as_before()
    assert (await migrate(url))[0] == "0003_session_macs"
    meanwhile = await log_in_as_before()  # at a replica that is not upgraded yet
    async with open_server_unmigrated(settings, wechat_simulator, clock) as server:
        assert not await is_refused(server, before)
        assert not await is_refused(server, meanwhile)
    async with open_server_unmigrated(requiring(settings), wechat_simulator, clock) as server:
        assert await is_refused(server, before)
        assert await is_refused(server, meanwhile)


async def test_a_rotation_signs_sessions_anew_and_deletes_what_was_changed(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        alice, mallory, earlier = [await server.login(name) for name in ("alice", "mallory", "earlier")]
        row = await session_of(settings, alice)
        await change(settings, mallory, user_id=row["user_id"])
        await change(settings, earlier, mac=None)
    async with Database(settings.database.url.get_secret_value()) as database:
        assert await rotate(database, KeyRing.parse(BOTH)) == Rotation(resealed=3, signed=1, deleted=1)
        # What no server took any more does not keep the old key.
        assert await key_usage(database, KeyRing.parse(BOTH)) == {"k2": (3, 1, 0, 0), "k1": (0, 0, 0, 0)}
        await retire(database, "k1", lost=False)
    async with open_server(with_keys(settings, BOTH), wechat_simulator, clock) as server:
        assert not await is_refused(server, alice)
        assert await is_refused(server, mallory)
        assert not await is_refused(server, earlier)
    assert (await session_of(settings, alice))["mac"].startswith("v1.k2.")
    assert (await session_of(settings, earlier))["mac"] is None


async def test_a_key_that_sessions_need_is_not_retired_and_when_lost_they_end(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        alice = await server.login("alice")
    new = with_keys(settings, K2)
    async with Database(settings.database.url.get_secret_value()) as database:
        # As if a replica had signed with the old key just after the rotation.
        await rotate(database, KeyRing.parse(BOTH))
        row = await session_of(settings, alice)
        signed = [row[name] for name in ("token_hash", "user_id", "account_id", "created_at")]
        await change(settings, alice, mac=SessionMacs(KeyRing.parse(ENCRYPTION_KEYS)).sign(*signed))
        with pytest.raises(KeyNotRetired, match="is still needed for 0 accounts, 1 sessions"):
            await retire(database, "k1", lost=False)
        assert await known_keys(settings) == ["k1"]
        assert await retire(database, "k1", lost=True) == (0, 1, 0, 0)
    async with open_server(new, wechat_simulator, clock) as server:
        assert await is_refused(server, alice)
        assert reasons(caplog) == ["UnknownKey"], "which is no attack"
        assert not await is_refused(server, await server.login("alice", token=alice["token"]))


@pytest.mark.slow
async def test_a_rotation_and_a_retirement_keep_users_signed_in(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_server(settings, wechat_simulator, clock) as server:
        logins = [await server.login(name) for name in ("alice", "bob", "alice")]
    wxgate(with_keys(settings, BOTH), "keys", "rotate")
    wxgate(with_keys(settings, K2), "keys", "retire", "k1")
    async with open_server(requiring(with_keys(settings, K2)), wechat_simulator, clock) as server:
        assert [await is_refused(server, login) for login in logins] == [False] * 3
    assert reasons(caplog) == []
