"""`wxgate dev`: one command from nothing to a signed-in user, and the same user tomorrow."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import orjson
import pytest

from graph.server.sockets import network_address
from graph.simulator.serving import WeChatSimulator
from tests.cli.processes import PATIENCE, Process, environment, invoke, run, serving
from tests.secret_patterns import secrets_in
from tests.server import LOGIN

ME = "{me{id}}"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def contents(directory: Path) -> dict[str, bytes]:
    names = ("encryption-keys", "mini-program.json", ".gitignore")
    return {name: (directory / name).read_bytes() for name in names}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Somewhere else than in the data directory."""
    return f"sqlite://{tmp_path / 'elsewhere.db'}"


def code_for(server: Process, person: str) -> str:
    return str(server.device("login", under="/simulator", user=person)["code"])


def test_the_lines_to_paste_sign_in_a_user_who_is_the_same_after_a_restart(tmp_path: Path) -> None:
    with serving("dev", cwd=tmp_path) as first:
        lines = first.output.split("A first login to paste:")[1]
        script = "\n".join(line for line in lines.splitlines() if line.startswith("    "))
        pasted = subprocess.run(
            ["bash", "-c", script],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        login = orjson.loads(pasted.stdout)["data"]["login"]
        assert first.graphql("{__schema{queryType{name}}}")["__schema"] == {"queryType": {"name": "Query"}}
        assert first.graphql(ME, token=login["token"])["me"] == login["user"]
    assert secrets_in(first.output) == []
    made = contents(tmp_path / ".wxgate")

    with serving("dev", cwd=tmp_path) as second:
        assert second.graphql(ME, token=login["token"])["me"] == login["user"]
        again = second.login(code_for(second, "Li Lei"))
        assert again["user"]["id"] == login["user"]["id"]
        assert not again["isNewUser"]
        assert second.login(code_for(second, "another"))["isNewUser"]
        tourists = [second.login("the code is a mock one")["user"]["id"] for _ in range(2)]
        assert tourists[0] == tourists[1] != again["user"]["id"]
    assert contents(tmp_path / ".wxgate") == made


def test_a_web_build_on_another_port_signs_in_and_uploads(tmp_path: Path) -> None:
    with serving("dev", cwd=tmp_path) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        page = {"Origin": "http://localhost:5173"}
        preflight = {**page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        for path in ("/graphql", "/uploads/avatar", "/simulator/device/login"):
            assert client.options(path, headers=preflight).status_code == 204
        issued = client.post("/simulator/device/login", json={}, headers=page)
        signed_in = client.post(
            "/graphql", json={"query": LOGIN, "variables": {"code": issued.json()["code"]}}, headers=page
        )
        for answer in (issued, signed_in):
            assert answer.headers["access-control-allow-origin"] == page["Origin"]
        assert signed_in.json()["data"]["login"]["isNewUser"]


@pytest.mark.parametrize(("variables", "is_coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_colours_unless_it_wants_none(
    variables: dict[str, str], is_coloured: bool, tmp_path: Path
) -> None:
    ours, its = os.openpty()
    command = [sys.executable, "-m", "graph", "dev", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(**variables), stdout=its, stderr=its) as process:
        os.close(its)  # or reading would wait for ever for what a process that has died does not write
        written = b""
        while b"Ctrl+C stops." not in written:
            written += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    os.close(ours)
    assert re.search(rb"Ready in \d+\.\d s", re.sub(rb"\x1b\[\d+m", b"", written))
    assert (b"\x1b[" in written) is is_coloured


def test_the_data_directory_is_for_its_owner_alone_and_stays_out_of_git(tmp_path: Path) -> None:
    data = tmp_path / "deep" / "data"
    with serving("dev", "--data", str(data), cwd=tmp_path) as server:
        assert str(data) in server.output
        assert "FOR DEVELOPMENT ONLY" in server.output
    assert mode(data) == 0o700
    assert mode(data / "encryption-keys") == 0o600
    assert mode(data / "mini-program.json") == 0o600
    assert (data / ".gitignore").read_text("utf-8") == "*\n"
    assert mode(data / "wxgate.db") == 0o600


@pytest.mark.parametrize("sign", ["?", "#", "%"])
def test_a_directory_that_a_database_url_cannot_name_is_wrong_usage(sign: str, tmp_path: Path) -> None:
    refused = invoke("dev", "--port", "0", "--data", str(tmp_path / f"a{sign}b" / "data"))
    assert refused.exit_code == 2
    assert "a database URL cannot name a path with ?, # or % in it" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_it_makes_in_a_directory_that_others_can_read_is_the_developer_s_own(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    with serving("dev", "--data", str(data), cwd=tmp_path) as server:
        assert server.login(code_for(server, "me"))["isNewUser"]
        made = {path.name: mode(path) & 0o077 for path in data.iterdir()}
    assert made.keys() >= {"wxgate.db", "wxgate.db-wal", "encryption-keys", "mini-program.json"}
    assert set(made.values()) == {0}


def test_empty_variables_count_as_none(tmp_path: Path) -> None:
    empty = {"WXGATE_WECHAT_APP_ID": "", "WXGATE_WECHAT_APP_SECRET": "", "WXGATE_DATABASE_URL": ""}
    with serving("dev", cwd=tmp_path, **empty) as server:
        assert f"WeChat    simulated at {server.url}/simulator\n" in server.output
        assert server.login(code_for(server, "me"))["isNewUser"]


def test_the_banner_names_the_database_and_repeats_no_url(tmp_path: Path, database_url: str) -> None:
    with serving("dev", cwd=tmp_path) as server:
        assert f"database  {tmp_path / '.wxgate' / 'wxgate.db'}\n" in server.output
    with serving("dev", cwd=tmp_path, WXGATE_DATABASE_URL=database_url) as server:
        assert "database  the one in WXGATE_DATABASE_URL\n" in server.output
        assert server.login(code_for(server, "me"))["isNewUser"]
    assert database_url not in server.output


def test_introspection_is_off_when_it_is_set_so(tmp_path: Path) -> None:
    with serving("dev", cwd=tmp_path, WXGATE_INTROSPECTION="false") as server:
        answer = httpx.post(f"{server.url}/graphql", json={"query": "{__schema{queryType{name}}}"}, trust_env=False)
        assert "data" not in answer.json() or answer.json()["data"] is None


def test_its_developer_may_send_any_number_of_new_documents(tmp_path: Path) -> None:
    with serving("dev", cwd=tmp_path) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        answers = [client.post("/graphql", json={"query": f"{{ me {{ id }} }} # {number}"}) for number in range(200)]
        assert {answer.text for answer in answers} == {'{"data":{"me":null}}'}


def test_with_credentials_it_talks_to_wechat_and_mounts_no_simulator(
    tmp_path: Path, wechat_simulator: WeChatSimulator
) -> None:
    with serving(
        "dev",
        cwd=tmp_path,
        WXGATE_WECHAT_APP_ID=wechat_simulator.app_id,
        WXGATE_WECHAT_APP_SECRET=wechat_simulator.app_secret,
        WXGATE_WECHAT_BASE_URL=wechat_simulator.base_url,
    ) as server:
        assert server.get("/simulator/device/users").status_code == 404
        assert server.graphql(LOGIN, code=wechat_simulator.login("alice"))["login"]["isNewUser"]
        assert server.get("/").status_code == 200
    assert f"WeChat    the one at WXGATE_WECHAT_BASE_URL, as {wechat_simulator.app_id}\n" in server.output
    assert "paste" not in server.output
    assert "simulated" not in server.output
    assert secrets_in(server.output) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "127.0.0.1.example.org", ""])  # noqa: S104
def test_an_address_that_others_can_reach_is_refused(host: str, tmp_path: Path) -> None:
    # Were the address accepted, the directory could not be made and nothing would be served.
    (tmp_path / "file").write_text("")
    refused = invoke("dev", "--host", host, "--port", "0", "--data", str(tmp_path / "file"))
    assert refused.exit_code == 2
    assert "is not a loopback address, and anyone may sign in here: add --allow-remote" in refused.stderr


def test_it_listens_to_others_when_that_is_allowed(tmp_path: Path) -> None:
    with serving("dev", "--host", "0.0.0.0", "--allow-remote", cwd=tmp_path) as server:  # noqa: S104
        server.url = server.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        assert f"open      {server.url}/\n" in server.output
        if (address := network_address()) is not None:
            assert f"network   {server.url.replace('127.0.0.1', address)}/\n" in server.output
        assert server.login(code_for(server, "me"))["isNewUser"]


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = run("dev", "--port", str(port), cwd=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"Error: cannot listen on 127.0.0.1 port {port}: Address already in use")
    assert refused.stderr.count("\n") == 1
    assert refused.stdout == ""


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (".wxgate", r"\.wxgate: [A-Z][a-z ]+"),
        (".wxgate/mini-program.json", r"\.wxgate/mini-program\.json: is damaged: .*"),
    ],
)
def test_a_data_directory_that_cannot_be_used_is_one_sentence(file: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("")
    refused = run("dev", "--port", "0", cwd=tmp_path)
    assert refused.returncode == 1
    assert re.fullmatch(f"Error: {sentence}\n", refused.stderr)
