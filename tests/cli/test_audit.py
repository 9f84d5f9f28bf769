"""`wxgate audit`: what operators read of what was done to users and keys."""

import asyncio
import getpass
import json
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import pytest

from graph.accounts.sessions import epoch_ms
from graph.security.tokens import SessionToken, session_id
from graph.settings import AuditSettings, Settings
from graph.simulator.serving import WeChatSimulator
from models.audit_log import AuditAction
from tests.accounts.stored import run_sql
from tests.cli.processes import invoke
from tests.databases import give_tables
from tests.secret_patterns import secrets_in
from tests.server import APP_ID, ENCRYPTION_KEYS, K2, LOGIN, Clock, TestServer, open_server, settings_for

HOUR_MS = 3_600_000


@pytest.fixture
def audit(database_url: str) -> Callable[..., list[Any]]:
    """What `wxgate audit --json` prints."""

    def listed(*arguments: str) -> list[Any]:
        result = invoke("audit", "--json", *arguments, WXGATE_DATABASE_URL=database_url, WXGATE_LOG_LEVEL="ERROR")
        assert result.exit_code == 0, result.output
        assert secrets_in(result.output) == []
        return [json.loads(line) for line in result.output.splitlines()]

    return listed


def on_a_server(
    settings: Settings, wechat: WeChatSimulator, clock: Clock, use: Callable[[TestServer], Coroutine[Any, Any, Any]]
) -> Any:
    async def served() -> Any:
        async with open_server(settings, wechat, clock) as server:
            return await use(server)

    return asyncio.run(served())


def public_id(login: Any) -> str:
    token = SessionToken.parse(login["token"])
    assert token is not None
    return session_id(token.hash())


def test_a_user_is_recorded_with_the_login_that_makes_them_and_never_again(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, audit: Callable[..., list[Any]]
) -> None:
    async def use(server: TestServer) -> Any:
        first = await server.login("alice")
        await server.login("alice")
        await server.login("alice", token=first["token"])
        return first

    login = on_a_server(settings, wechat_simulator, clock, use)
    [entry] = audit()
    assert len(entry.pop("id")) == 22
    assert datetime.fromisoformat(entry.pop("at")) == datetime.fromisoformat(login["user"]["createdAt"])
    assert entry == {
        "action": "user_created",
        "user_id": login["user"]["id"],
        "app_id": APP_ID,
        "session": public_id(login),
        "actor": "user",
        "detail": {},
    }


def test_each_login_is_recorded_where_the_setting_wants_it(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock, audit: Callable[..., list[Any]]
) -> None:
    settings = settings_for(wechat_simulator, database_url, audit=AuditSettings(logins=True))

    async def use(server: TestServer) -> list[Any]:
        logins = []
        for user in ("alice", "bob", "alice"):
            clock.advance(seconds=1)
            logins.append(await server.login(user))
        return logins

    logins = on_a_server(settings, wechat_simulator, clock, use)
    assert [(entry["user_id"], entry["session"]) for entry in audit("--action", "logged_in")] == [
        (login["user"]["id"], public_id(login)) for login in logins[::-1]
    ]
    assert {entry["actor"] for entry in audit()} == {"user"}
    assert len(audit("--action", "user_created")) == 2


def test_the_table_holds_no_token_code_or_id_of_wechat(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock
) -> None:
    settings = settings_for(wechat_simulator, database_url, audit=AuditSettings(logins=True))

    async def use(server: TestServer) -> list[str]:
        code = wechat_simulator.login("alice", unionid=True)
        answer = await server.post(LOGIN, {"code": code})
        [account] = await run_sql(settings, "SELECT openid, unionid, session_key FROM accounts")
        [session] = await run_sql(settings, "SELECT token_hash FROM sessions")
        return [code, answer["data"]["login"]["token"], *filter(None, account.values()), *session.values()]

    secrets = on_a_server(settings, wechat_simulator, clock, use)
    rows = asyncio.run(run_sql(settings, "SELECT * FROM audit_log"))
    assert len(rows) == 2
    assert len(secrets) == 6
    assert [secret for secret in secrets if secret in str(rows)] == []
    assert secrets_in(str(rows)) == []


@pytest.fixture
def entries(settings: Settings, database_url: str) -> None:
    """Of one user three, an hour and more apart, and of another one; the last is a second old."""
    asyncio.run(give_tables(database_url))
    rows = [
        ("1", 50, "user_created", "alice", "{}"),
        ("2", 47, "logged_out", "alice", "{}"),
        ("3", 1, "sessions_revoked", "alice", '{"sessions": 3}'),
        ("4", 0, "user_created", "bob", "{}"),
    ]
    now = epoch_ms() - 1000
    values = ", ".join(
        f"('{number}', {now - hours * HOUR_MS}, '{action}', '{user}', '', '', 'user', '{detail}')"
        for number, hours, action, user, detail in rows
    )
    columns = "(id, at, action, user_id, app_id, session, actor, detail)"
    asyncio.run(run_sql(settings, f"INSERT INTO audit_log {columns} VALUES {values}"))  # noqa: S608 - of this file


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ([], "4321"),
        (["--user", "alice"], "321"),
        (["--action", "user_created"], "41"),
        (["--since", "2d"], "432"),
        (["--since", "48h"], "432"),
        (["--since", "1w"], "4321"),
        (["--since", "30m"], "4"),
        (["--user", "alice", "--action", "logged_out", "--since", "2d"], "2"),
        (["--user", "carol"], ""),
    ],
)
def test_entries_are_found_by_user_by_action_and_by_age(
    audit: Callable[..., list[Any]], arguments: list[str], ids: str
) -> None:
    assert [entry["id"] for entry in audit(*arguments)] == [*ids]


@pytest.mark.usefixtures("entries")
def test_without_json_it_is_a_table_with_times_in_utc(settings: Settings, database_url: str) -> None:
    asyncio.run(run_sql(settings, "UPDATE audit_log SET at = 1750000000123 WHERE id = '3'"))
    result = invoke("audit", "--action", "sessions_revoked", WXGATE_DATABASE_URL=database_url, TZ="Asia/Shanghai")
    heading, line = result.stdout.splitlines()
    assert heading.split() == ["TIME", "ACTION", "USER", "APP", "SESSION", "ACTOR", "DETAIL"]
    assert line.split() == ["2025-06-15", "15:06:40", "sessions_revoked", "alice", "user", "sessions=3"]
    assert [line.index(word) for word in ("sessions_revoked", "alice", " user ", "sessions=3")] == [
        heading.index(word) for word in ("ACTION", "USER", " ACTOR", "DETAIL")
    ]


@pytest.mark.parametrize("age", ["", "2", "d", "2y", "-2d", "2 d", "1.5d", "٢d", "9999999d", "2d2h"])
def test_an_age_that_cannot_be_read_is_wrong_usage(age: str, database_url: str) -> None:
    result = invoke("audit", "--since", age, WXGATE_DATABASE_URL=database_url)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is not like 30m, 12h, 2d or 4w." in result.stderr


def test_an_action_that_is_unknown_is_wrong_usage_and_the_known_ones_are_named(database_url: str) -> None:
    result = invoke("audit", "--action", "logged", WXGATE_DATABASE_URL=database_url)
    assert (result.exit_code, result.stdout) == (2, "")
    assert all(f"'{action.value}'" in result.stderr for action in AuditAction)
    assert all(len(action.value) <= 32 for action in AuditAction)


def test_changes_of_encryption_keys_are_recorded_with_the_user_who_made_them(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, audit: Callable[..., list[Any]]
) -> None:
    on_a_server(settings, wechat_simulator, clock, lambda server: server.login("alice"))
    database_url = settings.database.url.get_secret_value()
    for arguments, ring in ((["rotate"], f"{K2},{ENCRYPTION_KEYS}"), (["retire", "k1"], K2)):
        changed = invoke("keys", *arguments, WXGATE_DATABASE_URL=database_url, WXGATE_ENCRYPTION_KEYS=ring)
        assert changed.exit_code == 0
    retired, rotated = [entry for entry in audit() if entry["action"].startswith("encryption")]
    assert retired["action"] == "encryption_key_retired"
    needed = dict.fromkeys(("accounts", "sessions", "phones", "events"), 0)
    assert retired["detail"] == {"key_id": "k1", "lost": False, **needed}
    assert rotated["action"] == "encryption_keys_rotated"
    assert rotated["detail"].items() >= {"key_id": "k2", "resealed": 1, "signed": 1, "deleted": 0}.items()
    for entry in (retired, rotated):
        assert (entry["actor"], entry["user_id"]) == (f"cli:{getpass.getuser()}", None)


def test_a_key_is_retired_though_it_cannot_be_recorded(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    on_a_server(settings, wechat_simulator, clock, lambda server: server.login("alice"))
    asyncio.run(run_sql(settings, "ALTER TABLE audit_log RENAME TO mislaid"))
    database_url = settings.database.url.get_secret_value()
    lost = invoke("keys", "retire", "k1", "--lost", WXGATE_DATABASE_URL=database_url, WXGATE_ENCRYPTION_KEYS=K2)
    assert lost.exit_code == 0
    assert lost.stdout.startswith("k1 is retired")
    assert lost.stderr.count("could not write to the audit log") == 1
