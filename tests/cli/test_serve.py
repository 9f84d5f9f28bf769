"""`wxgate serve`: refuses to start half configured, starts without its database, and stops in good order."""

import json
import re
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
import pytest

from graph.simulator.faults import Fault
from graph.simulator.serving import WeChatSimulator
from tests.accounts.profiles import UPDATE
from tests.cli.processes import PATIENCE, invoke, run, serving
from tests.processes import serve_environment, serve_process
from tests.secret_patterns import secrets_in
from tests.server import SUBMIT

OTHER_KEY = "Zt3nQv8LrXw1MbYc6KdPf0HsJg5AuEo9TiR2yVhD7kE"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: what is tested here does not depend on the database."""
    return f"sqlite://{tmp_path / 'wxgate.db'}"


@pytest.fixture
def variables(wechat_simulator: WeChatSimulator, database_url: str) -> dict[str, str]:
    return serve_environment(wechat_simulator, database_url)


@pytest.fixture
def taken_port() -> Iterator[str]:
    """Where a server that does not refuse to start, as it should, cannot start either."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


def test_without_any_setting_it_names_all_that_is_missing(tmp_path: Path) -> None:
    refused = run("serve", cwd=tmp_path)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert [line.removeprefix("Error: ").partition(":")[0] for line in refused.stderr.splitlines()] == [
        f"WXGATE_{name} is missing" for name in ("WECHAT_APP_ID", "WECHAT_APP_SECRET", "ENCRYPTION_KEYS")
    ]


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("WXGATE_WECHAT_APP_ID", "", "is missing"),
        ("WXGATE_WECHAT_APP_ID", "wx5a1f0c9be2d3784", "must be 'wx' and 16 hexadecimal digits"),
        ("WXGATE_WECHAT_APP_SECRET", "", "is missing"),
        ("WXGATE_WECHAT_APP_SECRET", "Qx7-malformed-secret", "must be 32 hexadecimal digits"),
        ("WXGATE_WECHAT_APP_SECRET", "0123456789abcdef" * 2, "is weak"),
        ("WXGATE_ENCRYPTION_KEYS", "", "is missing"),
        ("WXGATE_ENCRYPTION_KEYS", "k1:Qx7malformed", "must hold a key of 32 bytes"),
        ("WXGATE_ENCRYPTION_KEYS", f"k1:{'A' * 43}", "holds a key that is not random"),
        (
            "WXGATE_DATABASE_URL",
            "mysql://root:Qx7password@db/wxgate",
            "must be sqlite:///absolute/path or postgres://user@host/db",
        ),
        ("WXGATE_TRUSTED_DOCUMENTS", "/nowhere/Qx7.json", "cannot be read: No such file or directory"),
        ("WXGATE_RATE_LIMIT_STORAGE", "redis://Qx7:Qx7", "is not a URL like redis://"),
        ("WXGATE_RATE_LIMIT_LOGIN", "Qx7/minute", "must be rates like 30/minute"),
        ("WXGATE_CHECK_PICTURE", "before", "needs message push for every mini-program"),
    ],
)
def test_it_refuses_to_start_half_configured_in_one_sentence(
    variable: str, value: str, sentence: str, variables: dict[str, str], taken_port: str
) -> None:
    refused = invoke("serve", "--port", taken_port, **(variables | {variable: value}))
    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert refused.stderr.startswith("Error: ")
    assert refused.stderr.count("\n") == 1
    assert sentence in refused.stderr
    assert variable in refused.stderr
    assert not value or value not in refused.stderr
    assert "Qx7" not in refused.stderr
    assert secrets_in(refused.stderr) == []


@pytest.mark.parametrize(("url", "sentence"), [("", "is missing"), ("http://cdn.example.com/Qx7", "must be https")])
def test_it_refuses_to_keep_pictures_that_wechat_cannot_download(
    url: str, sentence: str, variables: dict[str, str], taken_port: str, tmp_path: Path
) -> None:
    pictures = {"WXGATE_AVATARS_STORE": f"file://{tmp_path}", "WXGATE_AVATARS_PUBLIC_URL": url}
    refused = invoke("serve", "--port", taken_port, **variables, **pictures)
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert refused.stderr.startswith(f"Error: WXGATE_AVATARS_PUBLIC_URL {sentence}")
    assert "Qx7" not in refused.stderr


def test_an_orchestrator_sees_whether_migrations_are_missing_and_when_they_are_made(
    variables: dict[str, str], tmp_path: Path
) -> None:
    with serving("serve", cwd=tmp_path, **variables) as server:
        before = server.get("/readyz")
        assert (before.status_code, before.json()["reason"]) == (503, "migrations are missing")
        assert server.get("/livez").status_code == 200
        assert invoke("migrate", **variables).exit_code == 0
        assert server.get("/readyz").status_code == 200


def test_a_database_that_is_down_does_not_keep_it_from_starting(variables: dict[str, str], tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        variables["WXGATE_DATABASE_URL"] = f"postgres://somebody:Qx7password@127.0.0.1:{port}/wxgate"
        with serving("serve", cwd=tmp_path, **variables) as server:
            assert server.get("/livez").status_code == 200
            readiness = server.get("/readyz")
            assert (readiness.status_code, readiness.json()["reason"]) == (503, "the database does not answer")
            assert "Qx7password" not in readiness.text
    assert "starting without the database" in server.output
    assert "Qx7password" not in server.output


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("ring", "sentence"),
    [
        (f"k1:{OTHER_KEY}", "has another key 'k1' than the one this database was written with"),
        (f"k2:{OTHER_KEY}", "lacks the key 'k1' that this database was written with"),
    ],
)
def test_a_key_ring_that_is_not_the_database_s_is_refused_in_one_sentence(
    ring: str, sentence: str, workers: str, variables: dict[str, str], tmp_path: Path
) -> None:
    invoke("migrate", **variables)
    invoke("keys", "rotate", **variables)  # notes the key as any server would

    wrong = variables | {"WXGATE_ENCRYPTION_KEYS": ring}
    refused = run("serve", "--workers", workers, "--port", "0", cwd=tmp_path, **wrong)

    assert refused.returncode == 1
    assert sentence in next(line for line in refused.stderr.splitlines() if line.startswith("Error: "))
    assert "Traceback" not in refused.stderr
    assert OTHER_KEY not in refused.stderr


def test_a_variable_that_is_no_setting_is_a_warning(variables: dict[str, str], tmp_path: Path) -> None:
    with serving("serve", cwd=tmp_path, WXGATE_SESION_IDLE_DAYS="Qx7", **variables) as server:
        assert server.get("/livez").status_code == 200
    assert re.search(r"WARNING WXGATE_SESION_IDLE_DAYS: no such setting", server.output)
    assert "Qx7" not in server.output


@pytest.mark.parametrize("host", ["::", "localhost"])
def test_both_families_of_addresses_are_served(host: str, variables: dict[str, str], tmp_path: Path) -> None:
    with serving("serve", "--host", host, cwd=tmp_path, **variables) as server:
        port = server.url.rpartition(":")[2]
        for address in ("127.0.0.1", "[::1]"):
            server.url = f"http://{address}:{port}"
            assert server.get("/livez").status_code == 200


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT])
def test_signals_without_a_meaning_are_ignored(number: int, variables: dict[str, str], tmp_path: Path) -> None:
    with serving("serve", cwd=tmp_path, **variables) as server:
        server.popen.send_signal(number)
        assert server.get("/livez").status_code == 200


def test_a_stopped_server_still_answers_the_request_in_flight(
    variables: dict[str, str], tmp_path: Path, wechat_simulator: WeChatSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoke("migrate", **variables)
    faults, asked = wechat_simulator.state.faults, Event()
    take = faults.take

    def noticed(path: str, app_id: str | None) -> Fault | None:
        asked.set()
        return take(path, app_id)

    monkeypatch.setattr(faults, "take", noticed)
    code = wechat_simulator.login("alice")
    wechat_simulator.fail("hang", path="/sns/jscode2session")
    with serving("serve", cwd=tmp_path, **variables) as server, ThreadPoolExecutor(1) as elsewhere:
        login = elsewhere.submit(server.login, code)
        assert asked.wait(PATIENCE)
        server.terminate()
        server.wait_for("Shutting down")
        wechat_simulator.heal()
        assert login.result(PATIENCE)["isNewUser"]
        assert server.wait() == 0


def test_at_debug_level_it_says_no_more_secrets_than_at_any_other(
    variables: dict[str, str], tmp_path: Path, wechat_simulator: WeChatSimulator
) -> None:
    invoke("migrate", **variables)
    with serving("serve", cwd=tmp_path, WXGATE_LOG_LEVEL="DEBUG", **variables) as server:
        token = server.login(wechat_simulator.login("alice"))["token"]
        submission = wechat_simulator.user_info("alice", policy="old", nickName="Ailisi")
        assert server.graphql(SUBMIT, token=token, **submission)["submitUserInfo"]["nickName"] == "Ailisi"
        assert server.me(token)["nickName"] == "Ailisi"
        typed = {"nickName": "Zanzibarella", "city": "Quetzalcoatlan"}
        assert server.graphql(UPDATE, token=token, **typed)["updateProfile"]["city"] == "Quetzalcoatlan"
    assert server.output.count("path=/graphql  status=200") == 4
    assert secrets_in(server.output) == []
    for private in ("Ailisi", "Zanzibar", "Quetzal"):
        assert private not in server.output


@pytest.mark.parametrize("style", ["text", "json"])
def test_each_request_is_a_line_of_the_style_that_was_asked_for(
    style: str, variables: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with serve_process(variables | {"WXGATE_LOG_FORMAT": style}, log, probe="/livez") as url:
        response = httpx.get(f"{url}/nowhere", headers={"X-Request-Id": "chosen-by-client"}, trust_env=False)
        assert response.status_code == 404
    [line] = [line for line in log.read_text("utf-8").splitlines() if "chosen-by-client" in line]
    if style == "json":
        fields = json.loads(line)
        assert fields.keys() == {
            *("timestamp", "level", "logger", "message"),
            *("request_id", "method", "path", "status", "ms", "code"),
        }
        assert (fields["level"], fields["message"], fields["code"]) == ("INFO", "request", "NOT_FOUND")
    else:
        expected = (
            r"INFO    request  request_id=chosen-by-client  method=GET  path=\?  status=404  ms=[\d.]+  code=NOT_FOUND"
        )
        assert re.fullmatch(rf"\S+ {expected}", line)


def test_where_only_warnings_count_no_request_leaves_a_line(variables: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    with serve_process(variables | {"WXGATE_LOG_LEVEL": "WARNING"}, log, probe="/livez") as url:
        assert httpx.get(f"{url}/nowhere", trust_env=False).status_code == 404
    # But that there are no tables is one.
    assert [line.split()[1] for line in log.read_text("utf-8").splitlines()] == ["WARNING"]
