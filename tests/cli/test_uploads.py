"""Uploads to servers that run as processes: several at once, killed at the worst moment, or not set up for them."""

import contextlib
import os
import signal
import sqlite3
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from graph.simulator.serving import WeChatSimulator
from tests.cli.processes import PATIENCE, Process, environment, invoke, listening, run, serving
from tests.cli.test_workers import children_of, open_connections, port, started
from tests.http.uploading import PATH, form, headers
from tests.processes import serve_environment

HOUR: Final = 3_600_000
# The picture is in the store, and its upload in no table.
CRASHES_BEHIND_PUT: Final = """
import time
from graph.cli import main
from graph.pictures.directory import DirectoryStore
put = DirectoryStore._put
def put_and_hang(self, name, data):
    put(self, name, data)
    print("the picture is stored", flush=True)
    time.sleep(600)
DirectoryStore._put = put_and_hang
main()
"""
WITHOUT_PILLOW: Final = "import sys; sys.modules['PIL'] = None; from graph.cli import main; main()"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "avatars"


@pytest.fixture
def variables(wechat_simulator: WeChatSimulator, tmp_path: Path, directory: Path) -> dict[str, str]:
    store = {
        "WXGATE_AVATARS_STORE": f"file://{directory}",
        "WXGATE_AVATARS_PUBLIC_URL": "https://api.example.com/avatars",
    }
    settings = serve_environment(wechat_simulator, f"sqlite://{tmp_path / 'wxgate.db'}", **store)
    invoke("migrate", **settings)
    return settings


def upload(server: Process, token: str, client: httpx.Client | None = None) -> httpx.Response:
    """An upload, on a connection of its own unless by a client that has one."""
    with httpx.Client(trust_env=False, timeout=PATIENCE) if client is None else contextlib.nullcontext(client) as http:
        return http.post(server.url + PATH, content=form(), headers=headers(token))


def rows(variables: dict[str, str], statement: str) -> list[Any]:
    """What a statement finds in the server's database."""
    with contextlib.closing(sqlite3.connect(variables["WXGATE_DATABASE_URL"].removeprefix("sqlite://"))) as file, file:
        return file.execute(statement).fetchall()


def test_all_workers_store_in_one_directory_and_find_there_what_others_stored(
    variables: dict[str, str], tmp_path: Path, wechat_simulator: WeChatSimulator, directory: Path
) -> None:
    variables["WXGATE_RATE_LIMIT_UPLOAD"] = ""
    with serving("serve", "--workers", "2", cwd=tmp_path, **variables) as server:
        started(server, 2)
        tokens = [server.login(wechat_simulator.login(f"user {number}"))["token"] for number in range(20)]
        clients = [httpx.Client(trust_env=False, timeout=PATIENCE) for _ in tokens]
        for client in clients:
            assert client.get(server.url + "/livez").status_code == 200
        assert all(open_connections(pid, port(server)) for pid in children_of(server.popen.pid))
        with ThreadPoolExecutor(8) as phones:
            answers = list(phones.map(lambda pair: upload(server, *pair), zip(tokens, clients, strict=True)))
        assert [answer.status_code for answer in answers] == [201] * 20
        names = sorted(f"{answer.json()['avatar']}.jpg" for answer in answers)
        assert sorted(path.name for path in directory.iterdir()) == names
        for client in clients:
            assert client.get(f"{server.url}/avatars/{names[0]}").status_code == 200
            client.close()
    assert sorted(name for (name,) in rows(variables, "SELECT name FROM uploads")) == names
    assert rows(variables, "SELECT * FROM files_to_delete") == []


def test_a_server_that_is_killed_between_file_and_row_leaves_no_unknown_file(
    variables: dict[str, str], tmp_path: Path, wechat_simulator: WeChatSimulator, directory: Path
) -> None:
    command = (sys.executable, "-c", CRASHES_BEHIND_PUT, "serve")
    with listening(command, tmp_path, environment(**variables)) as server:
        token = server.login(wechat_simulator.login("alice"))["token"]
        phone = threading.Thread(target=lose, args=(server, token))
        phone.start()
        server.wait_for("the picture is stored")
        server.popen.send_signal(signal.SIGKILL)
        assert server.wait() == -signal.SIGKILL
        phone.join()
        server.popen.returncode = 0  # for what `listening` expects
    [stored] = [path.name for path in directory.iterdir()]
    [(name, due_at)] = rows(variables, "SELECT name, due_at FROM files_to_delete")
    assert name == stored
    assert HOUR < due_at - 1000 * time.time() <= 2 * HOUR
    assert rows(variables, "SELECT * FROM uploads") == []


def lose(server: Process, token: str) -> None:
    """An upload that is not answered."""
    with contextlib.suppress(httpx.TransportError):
        upload(server, token)


def test_dev_takes_pictures_and_gives_them_out_by_itself(tmp_path: Path) -> None:
    with serving("dev", cwd=tmp_path) as server:
        token = server.login(server.device("login", under="/simulator")["code"])["token"]
        upload_id = upload(server, token).json()["avatar"]
        saved = server.graphql(
            "mutation ($avatar: ID) { updateProfile(avatar: $avatar) { avatarUrl picture { state } } }",
            token=token,
            avatar=upload_id,
        )["updateProfile"]
        assert saved["avatarUrl"] == f"{server.url}/avatars/{upload_id}.jpg"
        assert server.get(f"/avatars/{upload_id}.jpg").headers["content-type"] == "image/jpeg"
    assert (tmp_path / ".wxgate" / "avatars" / f"{upload_id}.jpg").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_without_the_packages_warns_once_and_takes_no_pictures(
    variables: dict[str, str], tmp_path: Path, wechat_simulator: WeChatSimulator, workers: str
) -> None:
    command = (sys.executable, "-c", WITHOUT_PILLOW, "serve", "--workers", workers)
    with listening(command, tmp_path, environment(**variables)) as server:
        token = server.login(wechat_simulator.login("alice"))["token"]
        refused = upload(server, token)
        assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_ENABLED")
    warning = (
        "WARNING pictures are not taken: WXGATE_AVATARS_STORE needs another package: pip install 'wxgate[avatars]'"
    )
    assert server.output.count(warning) == 1


def test_a_server_without_a_store_says_nothing_of_pictures(variables: dict[str, str], tmp_path: Path) -> None:
    del variables["WXGATE_AVATARS_STORE"], variables["WXGATE_AVATARS_PUBLIC_URL"]
    with serving("serve", cwd=tmp_path, **variables) as server:
        pass
    assert "picture" not in server.output


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"WXGATE_AVATARS_PUBLIC_URL": "http://api.example.com/avatars"}, "WXGATE_AVATARS_PUBLIC_URL must be https"),
        ({"WXGATE_AVATARS_PUBLIC_URL": "https://10.0.0.1/avatars"}, "WXGATE_AVATARS_PUBLIC_URL must be https"),
        ({"WXGATE_AVATARS_PUBLIC_URL": ""}, "WXGATE_AVATARS_PUBLIC_URL"),
        (
            {"WXGATE_AVATARS_STORE": "s3://bucket?endpoint=https://cos.example.com"},
            "WXGATE_AVATARS_STORE: no access key or secret key is set.",
        ),
    ],
)
def test_settings_that_cannot_serve_pictures_are_refused_in_one_sentence(
    variables: dict[str, str], tmp_path: Path, changed: dict[str, str], sentence: str
) -> None:
    refused = run("serve", "--port", "0", cwd=tmp_path, **variables | changed)
    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_worker_that_is_killed_in_the_middle_of_an_upload_is_replaced(
    variables: dict[str, str], tmp_path: Path, wechat_simulator: WeChatSimulator
) -> None:
    command = (sys.executable, "-c", CRASHES_BEHIND_PUT, "serve", "--workers", "2")
    with listening(command, tmp_path, environment(**variables)) as server:
        started(server, 2)
        token = server.login(wechat_simulator.login("alice"))["token"]
        phone = threading.Thread(target=lose, args=(server, token))
        phone.start()
        server.wait_for("the picture is stored")
        for pid in children_of(server.popen.pid):
            os.kill(pid, signal.SIGKILL)
        phone.join()
        started(server, 2)
        assert server.me(token)["id"]
    assert len(rows(variables, "SELECT * FROM files_to_delete")) == 1
