"""Security events in the log of a running server: which there are, of whom, and that they hold no secret."""

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from graph.security.events import SecurityEvent
from graph.simulator.serving import WeChatSimulator
from tests.accounts.test_session_list import LOGOUT, REVOKE, REVOKE_OTHERS, id_of
from tests.cli.processes import PATIENCE, run
from tests.databases import give_tables
from tests.observability.exposition import Scrape
from tests.processes import free_port, serve_environment, serve_process
from tests.secret_patterns import secrets_in
from tests.server import APP_ID, ENCRYPTION_KEYS, K2, LOGIN, SUBMIT

pytestmark = pytest.mark.slow
styles = pytest.mark.parametrize("style", ["text", "json"])
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ID: Final = re.compile(r"[0-9A-Za-z]{22}")
LOGIN_FROM_HOME: Final = {"address": "203.0.113.0/24", "request_id": "request-from-home"}


@dataclass
class LoggedServer:
    """A running server behind a proxy, and its log, which is whole once the server has ended."""

    url: str
    log: Path
    tokens: list[str] = field(default_factory=list)

    def post(self, query: str, address: str, request_id: str, *, token: str = "", **variables: object) -> Any:
        """The answer to a request from an address."""
        headers = {"X-Forwarded-For": address, "X-Request-Id": request_id, "Authorization": token and f"Bearer {token}"}
        with httpx.Client(trust_env=False, timeout=PATIENCE) as http:
            body = {"query": query, "variables": variables}
            return http.post(f"{self.url}/graphql", json=body, headers=headers).json()

    def login(
        self, code: str, address: str = "203.0.113.77", request_id: str = "request-from-home", **more: Any
    ) -> Any:
        """The payload of a login, which succeeds."""
        payload = self.post(LOGIN, address, request_id, code=code, **more)["data"]["login"]
        self.tokens.append(payload["token"])
        return payload

    def code_of_error(self, *request: Any, **variables: Any) -> str:
        [error] = self.post(*request, **variables)["errors"]
        return str(error["extensions"]["code"])

    def lines(self) -> list[dict[str, Any]]:
        """Every line by its fields, of either style."""
        text = self.log.read_text("utf-8")
        assert secrets_in(text) == []
        return [parsed(line) for line in text.splitlines()]

    def events(self) -> list[dict[str, Any]]:
        """The security events, without what all of them have."""
        found = [line for line in self.lines() if "event" in line]
        assert {line.pop("level") for line in found} <= {"INFO"}
        assert {line.pop("logger", "wxgate.security") for line in found} <= {"wxgate.security"}
        assert all(line.pop("timestamp") and line.pop("message") for line in found)
        return found


def parsed(line: str) -> dict[str, Any]:
    """A line of the log: JSON, or text with its fields behind two blanks."""
    if line.startswith("{"):
        return {name: str(value) for name, value in json.loads(line).items()}
    timestamp, level, rest = line.split(maxsplit=2)
    message, *fields = rest.split("  ")
    return {"timestamp": timestamp, "level": level, "message": message, **dict(each.split("=", 1) for each in fields)}


@contextmanager
def logged_server(wechat: WeChatSimulator, database_url: str, log: Path, **variables: str) -> Iterator[LoggedServer]:
    asyncio.run(give_tables(database_url))
    variables = {"WXGATE_HTTP_TRUSTED_PROXIES": "127.0.0.1", **variables}
    with serve_process(serve_environment(wechat, database_url, **variables), log) as url:
        yield LoggedServer(url, log)


@styles
def test_logins_from_new_devices_and_superseded_sessions(
    style: str, wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path
) -> None:
    with logged_server(wechat_simulator, database_url, tmp_path / "log", WXGATE_LOG_FORMAT=style) as server:
        phone = server.login(wechat_simulator.login("alice"))
        server.login(wechat_simulator.login("bob"))
        tablet = server.login(wechat_simulator.login("alice"), "2001:db8:1:2::5", "request-of-tablet")
        again = server.login(wechat_simulator.login("alice"), token=phone["token"])
        # Its first answer was lost, say; and a token of somebody else is none.
        server.login(wechat_simulator.login("alice"), token=phone["token"])
        server.login(wechat_simulator.login("bob"), token=again["token"])
    user = phone["user"]["id"]
    new, superseded, of_bob = server.events()
    on_tablet, on_phone = new.pop("session_id"), superseded.pop("session_id")
    before = superseded.pop("superseded_id")
    assert new == {
        "event": "login_from_new_device",
        "user_id": user,
        "address": "2001:db8:1::/56",
        "request_id": "request-of-tablet",
    }
    assert superseded == {"event": "session_superseded", "user_id": user, **LOGIN_FROM_HOME}
    assert (of_bob["event"], of_bob["user_id"] == user) == ("login_from_new_device", False)
    assert len({on_tablet, on_phone, before}) == 3
    assert all(ID.fullmatch(session) for session in (on_tablet, on_phone, before))
    written = server.log.read_text("utf-8")
    assert [text for text in ("203.0.113.77", "2001:db8:1:2", *server.tokens) if text in written] == []
    assert tablet["user"]["id"] == user


def test_sessions_that_users_end(wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path) -> None:
    with logged_server(wechat_simulator, database_url, tmp_path / "log") as server:
        tokens = [server.login(wechat_simulator.login("alice"))["token"] for _ in range(4)]
        first, second, third, _ = ids = [id_of(token) for token in tokens]
        for token, mutation in ((0, LOGOUT), (0, LOGOUT), (1, REVOKE), (1, REVOKE), (1, REVOKE_OTHERS)):
            server.post(mutation, "203.0.113.77", "request-from-home", token=tokens[token], id=third)
    events = [event for event in server.events() if event["event"] != "login_from_new_device"]
    [user] = {event.pop("user_id") for event in events}
    assert ID.fullmatch(user)
    assert events == [
        {"event": "session_ended", "session_id": first, "ended_id": first, **LOGIN_FROM_HOME},
        {"event": "session_ended", "session_id": second, "ended_id": third, **LOGIN_FROM_HOME},
        {"event": "other_sessions_ended", "session_id": second, "sessions": "1", **LOGIN_FROM_HOME},
    ]
    assert len(set(ids)) == 4


@styles
@on_sqlite
def test_refused_submissions(style: str, wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path) -> None:
    with logged_server(wechat_simulator, database_url, tmp_path / "log", WXGATE_LOG_FORMAT=style) as server:
        alice = server.login(wechat_simulator.login("alice"))
        server.login(wechat_simulator.login("bob"))
        submission = wechat_simulator.user_info("alice")
        ciphertext = base64.b64encode(base64.b64decode(submission["encryptedData"])[:-16]).decode()
        codes = [
            server.code_of_error(SUBMIT, "203.0.113.77", f"request-{number}", token=alice["token"], **sent)
            for number, sent in enumerate(
                [
                    submission | {"signature": "0" * 40},
                    wechat_simulator.user_info("bob"),
                    submission | {"encryptedData": ciphertext},
                    submission | {"iv": "no iv"},
                ]
            )
        ]
        assert codes == ["SESSION_KEY_STALE", "SESSION_KEY_STALE", "DECRYPTION_FAILED", "BAD_USER_INPUT"]
    events = server.events()
    [session] = {event.pop("session_id") for event in events}
    assert ID.fullmatch(session)
    assert [event.pop("reason") for event in events] == ["signature", "signature", "padding"]
    assert events == [
        {
            "event": "submission_refused",
            "user_id": alice["user"]["id"],
            "address": "203.0.113.0/24",
            "request_id": f"request-{number}",
        }
        for number in range(3)
    ]


@on_sqlite
def test_a_rate_limit_is_reached_once_for_a_client_and_window(
    wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path
) -> None:
    limits = {"WXGATE_RATE_LIMIT_LOGIN": "2/hour;500/day"}
    with logged_server(wechat_simulator, database_url, tmp_path / "log", **limits) as server:
        for number in range(20):
            server.post(LOGIN, "203.0.113.77", f"garbage-{number}", code="garbage")
        for number in range(5):
            code = wechat_simulator.login("alice")
            server.post(LOGIN, f"198.51.{number}.9", f"of-alice-{number}", code=code)
    reached = [event for event in server.events() if event["event"] == "rate_limit_reached"]
    assert reached == [
        {
            "event": "rate_limit_reached",
            "limit": "login",
            "kind": kind,
            "rate": "2 per 1 hour",
            "address": address,
            "request_id": request_id,
        }
        for kind, address, request_id in (
            ("address", "203.0.113.0/24", "garbage-2"),
            ("account", "198.51.2.0/24", "of-alice-2"),
        )
    ]


@on_sqlite
def test_a_rate_limit_of_submissions_names_the_user(
    wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path
) -> None:
    limits = {"WXGATE_RATE_LIMIT_SUBMIT": "1/hour"}
    with logged_server(wechat_simulator, database_url, tmp_path / "log", **limits) as server:
        alice = server.login(wechat_simulator.login("alice"))
        submission = wechat_simulator.user_info("alice")
        for number in range(4):
            server.post(SUBMIT, f"198.51.100.{number}", f"submit-{number}", token=alice["token"], **submission)
    [event] = server.events()
    assert ID.fullmatch(event.pop("session_id"))
    assert event == {
        "event": "rate_limit_reached",
        "limit": "submit",
        "kind": "account",
        "rate": "1 per 1 hour",
        "user_id": alice["user"]["id"],
        "address": "198.51.100.0/24",
        "request_id": "submit-1",
    }


@on_sqlite
def test_a_user_whom_wechat_blocks(wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path) -> None:
    with logged_server(wechat_simulator, database_url, tmp_path / "log") as server:
        wechat_simulator.fail("errcode", errcode=40226)
        request = (LOGIN, "203.0.113.77", "request-from-home")
        assert server.code_of_error(*request, code=wechat_simulator.login("alice")) == "USER_BLOCKED"
    [event] = server.events()
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}", event.pop("rid"))
    assert event == {"event": "user_blocked", "app_id": wechat_simulator.app_id, **LOGIN_FROM_HOME}


@styles
@on_sqlite
def test_encryption_keys_that_are_rotated_and_retired(
    style: str, wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path
) -> None:
    with logged_server(wechat_simulator, database_url, tmp_path / "log") as server:
        server.login(wechat_simulator.login("alice"))
    server.log = tmp_path / "log of commands"
    with server.log.open("w", encoding="utf-8") as log:
        both = f"{K2},{ENCRYPTION_KEYS}"
        for command, ring in (("rotate", both), ("rotate", both), ("retire k1", K2)):
            variables = {"WXGATE_DATABASE_URL": database_url, "WXGATE_LOG_FORMAT": style}
            done = run("keys", *command.split(), cwd=tmp_path, WXGATE_ENCRYPTION_KEYS=ring, **variables)
            assert done.returncode == 0, done.stderr
            log.write(done.stderr)
    of_phones_and_events = ("phones", "phones_unreadable", "events", "events_unreadable")
    nothing_of = ("overtaken", "unreadable", "refused", "deleted", *of_phones_and_events)
    rotated = {"event": "encryption_keys_rotated", "key_id": "k2", **dict.fromkeys(nothing_of, "0")}
    needed = {"accounts": "0", "sessions": "0", "phones": "0", "events": "0"}
    assert server.events() == [
        rotated | {"resealed": "1", "signed": "1"},
        rotated | {"resealed": "0", "signed": "0"},
        {"event": "encryption_key_retired", "key_id": "k1", "lost": "False", **needed},
    ]


@on_sqlite
def test_garbage_codes_and_probes_are_counted_and_flood_no_log(
    wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path
) -> None:
    port = free_port()
    variables = {"WXGATE_METRICS_PORT": str(port), "WXGATE_RATE_LIMIT_REFUSED_CODES": "10000/minute"}
    with (
        logged_server(wechat_simulator, database_url, tmp_path / "log", **variables) as server,
        httpx.Client(trust_env=False, timeout=PATIENCE) as http,
    ):
        used = wechat_simulator.login("alice")
        server.login(used)
        for number in range(100):
            server.post(LOGIN, "203.0.113.77", f"garbage-{number}", code=f"garbage{number}")
            server.post(LOGIN, "203.0.113.77", f"used-again-{number}", code=used)
            assert http.get(f"{server.url}/livez").status_code == http.get(f"{server.url}/readyz").status_code == 200
        scraped = Scrape(http.get(f"http://127.0.0.1:{port}/metrics").text)
    lines = server.lines()
    assert [line for line in lines if line["level"] != "INFO"] == []
    # What any request to the API leaves, and no more.
    requests = [line for line in lines if line["message"] == "request"]
    assert [line["path"] for line in requests] == ["/graphql"] * 201
    assert len(lines) < 201 + 20
    assert scraped.figures("wxgate_logins_total")[APP_ID, "LOGIN_CODE_INVALID"] == 100
    assert scraped.figures("wxgate_logins_total")[APP_ID, "LOGIN_CODE_USED"] == 100
    assert scraped.figures("wxgate_http_request_duration_seconds_count")["GET", "/livez", "200"] == 100


def test_operators_find_every_event_in_the_table() -> None:
    readme = (Path(__file__).parents[2] / "examples" / "observability" / "README.md").read_text("utf-8")
    section = readme.partition("### Security events")[2].partition("## Traces")[0]
    assert re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE) == [event.name.lower() for event in SecurityEvent]
