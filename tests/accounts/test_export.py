"""Users take out what is kept of them: all of it, and none of the server's own secrets."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from graph.security.tokens import SessionToken
from graph.settings import Settings
from graph.simulator import SimulatorState
from graph.simulator.serving import WeChatSimulator
from tests.accounts.full_user import (
    EXPORT,
    NAME,
    NUMBER,
    PICTURES,
    UNIONID,
    FullUser,
    settings_of_two_apps,
    traces,
)
from tests.accounts.pictures import add_picture, address_of
from tests.accounts.stored import run_sql
from tests.accounts.test_session_list import SESSIONS, hash_of, id_of
from tests.secret_patterns import secrets_in
from tests.server import APP_ID, APP_SECRET, SHOP, TestServer

MIB: Final = 1_048_576
MORE: Final = ("pictures", "sessions", "events")
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def wechat_simulator_state() -> SimulatorState:
    """WeChat as it may be: every wx.login makes a new session_key."""
    return SimulatorState(APP_ID, APP_SECRET, seed=0, renew="always")


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    return settings_of_two_apps(wechat_simulator, database_url)


async def export(server: TestServer, token: str, *, user: str = "alice") -> dict[str, Any]:
    """The document, decoded, of a moment when nothing else was recorded."""
    server.clock.advance(seconds=1)
    answer = await server.post(EXPORT, {"code": server.wechat.login(user)}, token=token)
    assert "errors" not in answer, answer
    document: dict[str, Any] = json.loads(answer["data"]["exportMe"]["document"])
    assert document["exportedAt"] == moment(server.clock())
    assert answer["data"]["exportMe"]["createdAt"].startswith(document["exportedAt"][:23])
    return document


def moment(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(timespec="milliseconds")


async def test_an_export_holds_all_that_the_tables_do(server: TestServer, settings: Settings, alice: FullUser) -> None:
    server.clock.advance(minutes=5)
    document = await export(server, alice.tokens[1])

    assert list(document) == ["format", "version", "exportedAt", "user", "phone", "accounts", *MORE]
    assert (document["format"], document["version"]) == ("wxgate export", 2)
    [row] = await run_sql(settings, f"SELECT * FROM users WHERE id = '{alice.id}'")  # noqa: S608
    assert document["user"] == {
        "id": alice.id,
        "nickName": NAME,
        "avatarUrl": row["avatar_url"],
        "gender": ("UNKNOWN", "MALE", "FEMALE")[row["gender"]],
        "city": "Guangzhou",
        "province": row["province"] or None,
        "country": row["country"],
        "language": row["language"],
        "profileAt": moment(row["profile_at"]),
        "removedPhoneAt": None,
        "createdAt": moment(row["created_at"]),
        "updatedAt": moment(row["updated_at"]),
        "avatarName": f"{PICTURES[0]}.jpg",
        "nickNameAt": moment(row["nick_name_at"]),
        "nickNameSource": "USER",
        "avatarAt": moment(row["avatar_at"]),
        "avatarSource": "USER",
        "factsAt": None,
    }
    assert row["avatar_url"] == address_of(PICTURES[0])
    assert len(document["user"]) == len(row)
    [phone] = await run_sql(settings, "SELECT verified_at FROM phones")
    assert document["phone"] == {"number": NUMBER, "verifiedAt": moment(phone["verified_at"])}
    rows = await run_sql(settings, f"SELECT * FROM accounts WHERE user_id = '{alice.id}' ORDER BY id")  # noqa: S608
    assert document["accounts"] == [
        {
            "appId": row["app_id"],
            "openid": row["openid"],
            "unionid": UNIONID,
            "createdAt": moment(row["created_at"]),
            "updatedAt": moment(row["updated_at"]),
        }
        for row in rows
    ]
    assert [account["appId"] for account in document["accounts"]] == [APP_ID, SHOP]
    events = await run_sql(settings, f"SELECT * FROM audit_log WHERE user_id = '{alice.id}' ORDER BY at DESC, id DESC")  # noqa: S608
    assert document["events"] == [
        {
            "at": moment(row["at"]),
            "action": row["action"],
            "appId": row["app_id"] or None,
            "session": row["session"] or None,
            "actor": row["actor"],
            "detail": json.loads(row["detail"]),
        }
        for row in events
    ]
    assert {event["action"] for event in document["events"]} == {
        "exported",
        "merge_proposed",
        "phone_set",
        "user_created",
    }
    assert document["events"][0]["session"] == id_of(alice.tokens[1])


async def test_an_export_lists_the_newest_pictures_and_where_their_files_are(
    server: TestServer, settings: Settings, alice: FullUser
) -> None:
    at = server.clock.ms
    await add_picture(settings, alice.id, "refused", at=at + 2, state=3)
    await add_picture(settings, alice.id, "replaced", at=at - 1)
    await run_sql(settings, f"UPDATE pictures SET replaced_at = {at} WHERE id = 'replaced'")  # noqa: S608 - a number
    document = await export(server, alice.tokens[0])
    assert document["pictures"] == [
        {"state": "REFUSED", "url": None, "uploadedAt": moment(at + 2)},
        {"state": "CHECKING", "url": address_of(PICTURES[1]), "uploadedAt": moment(at + 1)},
        {"state": "SHOWN", "url": address_of(PICTURES[0]), "uploadedAt": moment(at)},
        {"state": "SHOWN", "url": None, "uploadedAt": moment(at - 1)},
    ]


async def test_the_sessions_of_an_export_are_those_that_the_user_sees(server: TestServer, alice: FullUser) -> None:
    document = await export(server, alice.tokens[0])
    listed = (await server.post(SESSIONS, token=alice.tokens[0]))["data"]["sessions"]
    times = ("createdAt", "lastSeenAt", "expiresAt")
    for session in (*listed, *document["sessions"]):
        session.update({name: datetime.fromisoformat(session[name]) for name in times})
    assert document["sessions"] == listed
    assert len(listed) == 3


async def test_an_export_has_no_secret_in_it(server: TestServer, settings: Settings, alice: FullUser) -> None:
    before = await traces(settings, alice.id)
    text = json.dumps(await export(server, alice.tokens[0]), ensure_ascii=False)
    after = await traces(settings, alice.id)
    for kind in ("session_key", "fingerprint", "token", "mac", "number"):
        assert [secret for secret in before[kind] + after[kind] if secret in text] == [], kind
    assert [token for token in alice.tokens if token in text or hash_of(token) in text] == []
    assert secrets_in(text) == ["openid", "phone number"]


async def test_an_export_of_a_user_of_whom_little_is_kept_says_so(server: TestServer) -> None:
    token = (await server.login("alice"))["token"]
    document = await export(server, token)
    assert document["phone"] is None
    assert (document["user"]["nickName"], document["user"]["gender"]) == (None, "UNKNOWN")
    assert document["user"]["profileAt"] is document["accounts"][0]["unionid"] is None


async def test_the_session_key_that_came_with_the_code_is_kept(server: TestServer, settings: Settings) -> None:
    token = (await server.login("alice"))["token"]
    await export(server, token)
    # Signed with the key of the code that was spent for the export.
    info = server.wechat.user_info("alice", policy="old", nickName="Alice")
    assert (await server.submit(token, info))["nickName"] == "Alice"


async def test_a_code_of_another_user_exports_neither_and_keeps_no_key(
    server: TestServer, settings: Settings, alice: FullUser
) -> None:
    before = await run_sql(settings, "SELECT * FROM accounts ORDER BY id")
    code = {"code": server.wechat.login("bob")}
    assert await server.code_of_error(EXPORT, code, token=alice.tokens[0]) == "CODE_OF_ANOTHER_PERSON"
    assert await run_sql(settings, "SELECT * FROM accounts ORDER BY id") == before
    assert await run_sql(settings, "SELECT * FROM audit_log WHERE action = 'exported'") == []


async def test_a_code_sent_twice_at_once_gives_two_exports_for_one_call(server: TestServer, alice: FullUser) -> None:
    code = {"code": server.wechat.login("alice")}
    # Long enough for the second to come while WeChat is asked for the first.
    server.wechat.fail("delay", seconds=0.5)
    answers = await asyncio.gather(*[server.post(EXPORT, code, token=alice.tokens[0]) for _ in range(2)])
    assert ["errors" in answer for answer in answers] == [False, False]
    assert await server.code_of_error(EXPORT, code, token=alice.tokens[0]) == "LOGIN_CODE_USED"


@on_sqlite
async def test_an_export_is_recorded_with_ids_only_and_kept_by_no_cache(
    server: TestServer, alice: FullUser, caplog: pytest.LogCaptureFixture
) -> None:
    response = await server.http.post(
        "/graphql",
        json={"query": EXPORT, "variables": {"code": server.wechat.login("alice")}},
        headers={"Authorization": f"Bearer {alice.tokens[0]}"},
    )
    assert response.headers["Cache-Control"] == "no-store"
    [record] = [record for record in caplog.records if vars(record).get("event") == "user_exported"]
    assert (vars(record)["user_id"], vars(record)["session_id"]) == (alice.id, id_of(alice.tokens[0]))
    assert NUMBER not in str(vars(record))


async def test_an_export_has_the_newest_thousand_events(server: TestServer, settings: Settings) -> None:
    login = await server.login("alice")
    await fill_audit_log(settings, login["user"]["id"], 1500, "{}")
    document = await export(server, login["token"])
    assert len(document["events"]) == 1000
    assert document["events"][0]["action"] == "exported"
    assert document["events"][-1]["at"] == moment(503)


@on_sqlite
async def test_an_export_has_at_most_a_mebibyte(server: TestServer, settings: Settings) -> None:
    login = await server.login("alice")
    [row] = await run_sql(settings, "SELECT user_id, account_id FROM sessions")
    await fill_audit_log(settings, row["user_id"], 1000, json.dumps({"number": "9" * 1000}))
    now = server.clock()
    values = f"'{row['user_id']}', {row['account_id']}, {now}, {now}, {now + 10**9}, '{'𝒲' * 64}'"
    await run_sql(
        settings,
        "INSERT INTO sessions (token_hash, user_id, account_id, created_at, last_seen_at, expires_at, device) VALUES "  # noqa: S608
        + ", ".join(f"('{SessionToken.issue().hash()}', {values})" for _ in range(999)),
    )
    document = await export(server, login["token"])
    assert len(document["sessions"]) == 1000
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    assert MIB / 2 < len(text.encode()) <= MIB
    assert document["events"][0]["action"] == "exported"
    assert len(document["events"]) > 100, "the newest ones stay"


async def fill_audit_log(settings: Settings, user_id: str, number: int, detail: str) -> None:
    """Entries of the first milliseconds of 1970."""
    rows = [f"('{n:022d}', {n}, 'logged_in', '{user_id}', '', '', 'user', '{detail}')" for n in range(1, number + 1)]
    await run_sql(
        settings,
        "INSERT INTO audit_log (id, at, action, user_id, app_id, session, actor, detail) VALUES "  # noqa: S608
        + ", ".join(rows),
    )


@on_sqlite
async def test_an_export_names_no_operator(server: TestServer, settings: Settings) -> None:
    login = await server.login("alice")
    await run_sql(settings, "UPDATE audit_log SET actor = 'cli:wang'")
    document = await export(server, login["token"])
    assert [event["actor"] for event in document["events"]] == ["user", "cli"]


@on_sqlite
async def test_a_number_that_cannot_be_opened_is_left_out(
    server: TestServer, settings: Settings, alice: FullUser
) -> None:
    await run_sql(settings, "UPDATE phones SET number = 'v1.k9.' || substr(number, 7)")
    assert (await export(server, alice.tokens[0]))["phone"]["number"] is None
