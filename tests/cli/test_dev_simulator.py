"""The WeChat that `wxgate dev` plays: its page, its phones, its events, several mini-programs."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.processes import Process, serving
from tests.cli.test_dev import code_for
from tests.secret_patterns import secrets_in
from tests.server import LOGIN


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """For tests of what is refused, whatever was asked before."""
    with serving("dev", cwd=tmp_path_factory.mktemp("dev")) as server:
        yield server


def test_what_users_take_back_reaches_the_server_of_each_mini_program(tmp_path: Path) -> None:
    with serving("dev", "--apps", "2", cwd=tmp_path) as server:
        [first, second] = [app["app"] for app in server.get("/simulator/device/apps").json()["apps"]]
        for app in (first, second):
            for action in ("message-push", "revoke", "modified"):
                answer = server.device(action, under="/simulator", app=app)
                assert answer["errMsg"].endswith(":ok"), answer
                assert all(delivery["accepted"] for delivery in answer.get("deliveries", []))
        login = server.login(code_for(server, "me"))
        [delivery] = server.device("close-account", under="/simulator", user="me")["deliveries"]
        assert delivery == {
            "event": "user_authorization_cancellation",
            "accepted": True,
            "tries": [{"status": 200, "answer": "success"}],
        }
        again = server.login(code_for(server, "me"))
        assert again["isNewUser"]
        assert again["user"]["id"] != login["user"]["id"]


def test_the_simulator_has_a_page_and_logs_in_words_what_happens(tmp_path: Path) -> None:
    with serving("dev", cwd=tmp_path) as server:
        page = httpx.get(f"{server.url}/simulator", follow_redirects=True, trust_env=False)
        assert (page.status_code, str(page.url)) == (200, f"{server.url}/simulator/")
        assert f"curl -s -X POST {server.url}/simulator/device/login\n" in page.text
        code = server.device("login", under="/simulator")["code"]
        server.login(code)
        again = {"query": LOGIN, "variables": {"code": code}}
        httpx.post(f"{server.url}/graphql", json=again, trust_env=False)
        asked = f"{server.url}/simulator/wxa/img_sec_check"
        checked = httpx.post(asked, files={"media": bytes(1024 * 1024 + 1)}, trust_env=False)
        assert checked.json()["errcode"] == 41001
        calls = server.get("/simulator/device/calls").json()["calls"]
        assert [call["errcode"] for call in calls if call["path"] == "/sns/jscode2session"] == [0, 40163]
    for line in ("wx.login Li Lei\n", "code2Session -> ok  ", "code2Session -> 40163 code been used  "):
        assert f" INFO    {line}" in server.output
    assert secrets_in(server.output) == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example", "Content-Type": "text/plain"}, 415),
        ({"Origin": "https://evil.example"}, 415),
        ({"Host": "evil.example"}, 400),
        ({"Origin": "http://localhost", "Content-Type": "application/json"}, 200),
        ({}, 200),
    ],
)
def test_a_page_from_elsewhere_cannot_order_faults(headers: dict[str, str], status: int, running: Process) -> None:
    url = f"{running.url}/simulator/device/faults"
    assert httpx.post(url, content=b'{"kind":"hang"}', headers=headers, trust_env=False).status_code == status


def test_the_phone_answers_after_any_delay_that_was_asked_for(tmp_path: Path) -> None:
    with serving("dev", cwd=tmp_path, WXGATE_LIMIT_REQUEST_SECONDS="0.5") as server:
        server.login(code_for(server, "me"))
        [delivery] = server.device("close-account", under="/simulator", user="me", delay=0.6)["deliveries"]
        assert delivery["accepted"]


def test_a_page_from_elsewhere_cannot_close_an_account_by_saying_nothing(running: Process) -> None:
    closing, headers = f"{running.url}/simulator/device/close-account", {"Origin": "https://elsewhere.example"}
    assert httpx.post(closing, headers=headers, trust_env=False).status_code == 415


def test_it_plays_several_mini_programs_in_which_a_user_is_one(tmp_path: Path) -> None:
    with serving("dev", "--apps", "3", cwd=tmp_path) as server:
        apps = [app["app"] for app in server.get("/simulator/device/apps").json()["apps"]]
        assert len(apps) == 3
        assert all(f"            {app}\n" in server.output for app in apps)
        users = set()
        for app in apps:
            code = server.device("login", under="/simulator", user="alice", app=app)["code"]
            request = {"query": LOGIN, "variables": {"code": code}}
            headers = {"X-Wxgate-App": app}
            answer = httpx.post(f"{server.url}/graphql", json=request, headers=headers, trust_env=False).json()
            users.add(answer["data"]["login"]["user"]["id"])
        assert len(users) == 1
    with serving("dev", "--apps", "2", cwd=tmp_path) as server:
        assert [app["app"] for app in server.get("/simulator/device/apps").json()["apps"]] == apps[:2]
    assert secrets_in(server.output) == []
