"""`wxgate doctor`: every fault gets its advice and exit code 1, and looking changes nothing."""

import contextlib
import json
import platform
import re
import socket
import sqlite3
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path

import pytest
import trustme

from graph.simulator.serving import WeChatSimulator
from tests.cli.processes import invoke
from tests.databases import new_postgres_url
from tests.processes import serve_environment
from tests.secret_patterns import secrets_in

OTHER_KEY = "Zt3nQv8LrXw1MbYc6KdPf0HsJg5AuEo9TiR2yVhD7kE"
DAY = 86_400
NEWEST_MIGRATION = max(path.stem for path in (Path(__file__).parents[1] / "models" / "migrations").glob("0*.py"))

Doctor = Callable[..., tuple[int, str]]

# The command configures logging for the process that it expects to be its own.
pytestmark = pytest.mark.usefixtures("root_logger_as_before")


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone; the test that all is well asks for PostgreSQL as well."""
    return f"sqlite://{tmp_path}/wxgate.db"


@pytest.fixture
def doctor(wechat_simulator: WeChatSimulator, database_url: str) -> Doctor:
    """Runs the command on a server without fault, but for the given variables; gives exit code and output."""
    well = serve_environment(wechat_simulator, database_url)
    assert invoke("migrate", **well).exit_code == 0

    def examine(**faults: str) -> tuple[int, str]:
        result = invoke("doctor", **(well | faults))
        assert secrets_in(result.output) == []
        assert OTHER_KEY not in result.output
        assert "Qx7" not in result.output
        return result.exit_code, result.output

    return examine


def faults_in(output: str) -> dict[str, str]:
    """Advice by subject."""
    lines = [line.split("  ", 2) for line in output.splitlines() if line.startswith("FAULT")]
    return {subject: advice for _, subject, advice in lines}


def test_all_is_well(doctor: Doctor) -> None:
    subjects = [
        f"versions: wxgate {version('wxgate')}, Python {platform.python_version()}",
        *("settings", f"database: SQLite {sqlite3.sqlite_version}", "database clock"),
        *(f"migrations: {NEWEST_MIGRATION}", "writes", "key ring"),
        "session MACs: all have one, set WXGATE_SESSION_REQUIRE_MAC=true",
        *("trusted documents", "rate limits: each process counts for itself", "clock", "WeChat"),
        "pictures: no uploads, WXGATE_AVATARS_STORE is not set",
        "text checks: lenient, not tried, which takes a user's openid",
    ]
    assert doctor() == (0, "".join(f"ok     {subject}\n" for subject in subjects))


def test_all_is_well_on_postgresql(doctor: Doctor, postgres_directory: str) -> None:
    url = new_postgres_url(postgres_directory)
    assert invoke("migrate", WXGATE_DATABASE_URL=url).exit_code == 0
    code, output = doctor(WXGATE_DATABASE_URL=url)
    assert code == 0
    assert re.search(r"^ok     database: PostgreSQL \d+\.\d+$", output, re.MULTILINE)


def test_live_sessions_without_a_mac_are_counted(doctor: Doctor, database_url: str) -> None:
    now = time.time_ns() // 1_000_000
    with contextlib.closing(sqlite3.connect(database_url.removeprefix("sqlite://"), isolation_level=None)) as file:
        for name, expires_at in (("live", now + 60_000), ("another", now + 60_000), ("ended", now - 1)):
            columns = "token_hash, created_at, last_seen_at, expires_at, user_id, account_id"
            file.execute(f"INSERT INTO sessions ({columns}) VALUES (?, 1, 1, ?, 'user', 1)", (name, expires_at))  # noqa: S608
    assert "ok     session MACs: 2 live sessions have none\n" in doctor()[1]
    with contextlib.closing(sqlite3.connect(database_url.removeprefix("sqlite://"), isolation_level=None)) as file:
        file.execute("UPDATE sessions SET mac = 'v1.k1.' WHERE token_hash <> 'ended'")
    code, output = doctor(WXGATE_SESSION_REQUIRE_MAC="true")
    assert code == 0
    assert "ok     session MACs\n" in output


@pytest.mark.parametrize(
    ("variable", "value", "subject", "advice"),
    [
        (
            "WXGATE_WECHAT_APPID",
            "Qx7",
            "settings",
            "WXGATE_WECHAT_APPID: no such setting (did you mean WXGATE_WECHAT_APP_ID?)",
        ),
        ("WXGATE_LOG_LEVEL_FILE", "Qx7", "settings", "WXGATE_LOG_LEVEL_FILE: no such setting"),
        ("WXGATE_TRUSTED_DOCUMENTS", "/nowhere/Qx7.json", "trusted documents", "cannot be read: No such file"),
        ("WXGATE_TRUSTED_DOCUMENTS_ONLY", "true", "trusted documents", "there are none"),
        ("WXGATE_RATE_LIMIT_STORAGE", "redis://127.0.0.1:1/0", "rate limits", "does not answer"),
        ("WXGATE_RATE_LIMIT_STORAGE", "redis://Qx7:Qx7", "rate limits", "is not a URL"),
        ("WXGATE_WECHAT_APP_ID", "", "settings", "WXGATE_WECHAT_APP_ID is missing"),
        ("WXGATE_WECHAT_APP_ID", "", "WeChat", "not asked without AppID and AppSecret"),
        ("WXGATE_WECHAT_APP_SECRET", "", "settings", "WXGATE_WECHAT_APP_SECRET is missing"),
        ("WXGATE_ENCRYPTION_KEYS", "", "settings", "WXGATE_ENCRYPTION_KEYS is missing"),
        (
            "WXGATE_WECHAT_APP_SECRET",
            "8a4c2f1e6b9d07356cf2e8a1b4d9073f",
            "WeChat",
            "WXGATE_WECHAT_APP_SECRET is not the AppSecret of this AppID",
        ),
        (
            "WXGATE_WECHAT_APP_ID",
            "wx0f1e2d3c4b5a6978",
            "WeChat",
            "WXGATE_WECHAT_APP_ID is not an AppID that WeChat knows",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_do(
    variable: str, value: str, subject: str, advice: str, doctor: Doctor
) -> None:
    code, output = doctor(**{variable: value})
    assert code == 1
    assert advice in faults_in(output)[subject]


def test_settings_that_cannot_be_read_are_named_all_at_once(doctor: Doctor) -> None:
    code, output = doctor(
        WXGATE_WECHAT_APP_SECRET="Qx7-malformed",
        WXGATE_DATABASE_URL="mysql://root:Qx7@db/x",
        WXGATE_ENCRYPTION_KEYS="k1:Qx7",
        WXGATE_WECHAT_APP_ID="",
        WXGATE_SESION_IDLE_DAYS="1",
    )
    assert code == 1
    assert [line.removeprefix("Error: ").split()[0] for line in output.splitlines()] == [
        "WXGATE_WECHAT_APP_ID",
        "WXGATE_WECHAT_APP_SECRET",
        "WXGATE_DATABASE_URL",
        "WXGATE_ENCRYPTION_KEYS",
        "WXGATE_SESION_IDLE_DAYS:",
    ]


def test_each_mini_program_is_checked_and_named(doctor: Doctor, wechat_simulator: WeChatSimulator) -> None:
    shop, cafe = wechat_simulator.app("wx00c1f0c9be2d3784"), wechat_simulator.app("wx11c1f0c9be2d3784")
    apps = [
        {"app_id": shop.app_id, "app_secret": shop.app_secret, "name": "shop"},
        {"app_id": cafe.app_id, "app_secret": cafe.app_secret[::-1]},
    ]
    code, output = doctor(WXGATE_WECHAT_APPS=json.dumps(apps))
    assert code == 1
    for checked in (wechat_simulator.app_id, f"{shop.app_id} shop"):
        assert f"ok     WeChat {checked}\n" in output
    advice = "its app_secret in WXGATE_WECHAT_APPS is not the AppSecret of this AppID"
    assert faults_in(output)[f"WeChat {cafe.app_id}"].startswith(advice)


@pytest.mark.parametrize(
    ("errcode", "advice"),
    [
        (40164, "add this server's public address to the IP whitelist"),
        (40243, "the AppSecret is frozen: unfreeze it"),
        (48001, "look the code up in WeChat's documentation"),
    ],
)
def test_wechat_s_refusal_is_explained(
    errcode: int, advice: str, doctor: Doctor, wechat_simulator: WeChatSimulator
) -> None:
    wechat_simulator.fail("errcode", errcode=errcode, times=None)
    code, output = doctor()
    assert code == 1
    assert list(faults_in(output)) == ["WeChat"]
    assert advice in faults_in(output)["WeChat"]
    assert str(errcode) in faults_in(output)["WeChat"]


def test_a_wechat_out_of_reach_is_a_question_of_the_network(doctor: Doctor) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        code, output = doctor(WXGATE_WECHAT_BASE_URL=url)
    assert code == 1
    assert faults_in(output)["WeChat"].endswith(f"can this machine reach {url}?")
    assert faults_in(output)["clock"] == "could not be compared: WeChat sent no date."


def test_a_database_that_was_never_made_is_named_and_not_made(doctor: Doctor, tmp_path: Path) -> None:
    code, output = doctor(WXGATE_DATABASE_URL=f"sqlite://{tmp_path}/mistyped.db")
    assert code == 1
    assert faults_in(output) == {"database": "has no tables: if WXGATE_DATABASE_URL is right, run `wxgate migrate`."}
    assert not (tmp_path / "mistyped.db").exists()


def test_missing_migrations_are_named(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    code, output = doctor(WXGATE_DATABASE_URL=f"sqlite://{tmp_path}/empty.db")
    assert code == 1
    assert list(faults_in(output)) == ["migrations"]
    assert re.fullmatch(r"0001_initial(, \w+)*: run `wxgate migrate`\.", faults_in(output)["migrations"])


def test_a_database_that_is_down_is_named_without_its_password(doctor: Doctor) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        code, output = doctor(WXGATE_DATABASE_URL=f"postgres://somebody:Qx7password@127.0.0.1:{port}/wxgate")
    assert code == 1
    assert "is WXGATE_DATABASE_URL right, and is the database running?" in faults_in(output)["database"]
    assert list(faults_in(output)) == ["database"]


def test_a_key_ring_that_is_not_the_database_s_is_named(
    doctor: Doctor, wechat_simulator: WeChatSimulator, database_url: str
) -> None:
    invoke("keys", "rotate", **serve_environment(wechat_simulator, database_url))  # notes the key as any server would
    for key_id, advice in (("k1", "has another key 'k1'"), ("k2", "lacks the key 'k1'")):
        code, output = doctor(WXGATE_ENCRYPTION_KEYS=f"{key_id}:{OTHER_KEY}")
        assert code == 1
        assert list(faults_in(output)) == ["key ring"]
        assert advice in faults_in(output)["key ring"]


def test_looking_does_not_bind_a_new_database_to_the_keys_of_the_day(doctor: Doctor) -> None:
    assert doctor(WXGATE_ENCRYPTION_KEYS=f"k1:{OTHER_KEY}")[0] == 0
    assert doctor()[0] == 0


@contextmanager
def server_with_date(date: str | None, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Something that speaks HTTP, or HTTPS, and has its own idea of the time."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(404)
            if date is not None:
                self.send_header("Date", date)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("ahead", "advice"),
    [
        (-DAY, r"is \+86[34]\d\d s off WeChat's: synchronise it, .*"),
        (DAY, r"is -86[34]\d\d s off WeChat's: synchronise it, .*"),
        (0, None),
    ],
)
def test_a_clock_of_another_day_is_named(ahead: int, advice: str | None, doctor: Doctor) -> None:
    with server_with_date(formatdate(time.time() + ahead, usegmt=True)) as url:
        _, output = doctor(WXGATE_WECHAT_BASE_URL=url)
    if advice is None:
        assert "ok     clock\n" in output
    else:
        assert re.fullmatch(advice, faults_in(output)["clock"])


@pytest.mark.parametrize("date", [None, "yesterday"])
def test_a_server_that_sends_no_date_is_no_clock(date: str | None, doctor: Doctor) -> None:
    with server_with_date(date) as url:
        code, output = doctor(WXGATE_WECHAT_BASE_URL=url)
    assert code == 1
    assert faults_in(output)["clock"] == "could not be compared: WeChat sent no date."


def test_the_time_of_a_wechat_behind_a_private_ca_is_compared_too(doctor: Doctor, tmp_path: Path) -> None:
    authority, tls = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(ca_file := str(tmp_path / "ca.pem"))
    with server_with_date(formatdate(usegmt=True), tls) as url:
        assert "clock" in faults_in(doctor(WXGATE_WECHAT_BASE_URL=url)[1])
        assert "clock" not in faults_in(doctor(WXGATE_WECHAT_BASE_URL=url, WXGATE_WECHAT_CA_FILE=ca_file)[1])
