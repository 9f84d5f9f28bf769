"""`wxgate simulate`: WeChat as a process of its own, whose printed lines are all that `serve` needs to know of it."""

import json
import re
from pathlib import Path

import httpx
import pytest

from tests.cli.processes import Process, run, serving
from tests.secret_patterns import secrets_in
from tests.server import APP_ID, APP_SECRET, ENCRYPTION_KEYS, SUBMIT
from tests.simulator.receiver import opened, receiving

# Made up; random enough to pass for a real one.
AES_KEY = "tQ7vLm2Zx9RkB4nHs8WcJ1yFd6GpT3uEa5XiV0oKMqN"


def exports(simulator: Process) -> dict[str, str]:
    return dict(re.findall(r"^export (\w+)=(.+)$", simulator.output, re.MULTILINE))


def test_with_the_printed_lines_pasted_serve_signs_users_in_and_remembers_them(tmp_path: Path) -> None:
    with serving("simulate", "--seed", "1", cwd=tmp_path) as simulator:
        printed = exports(simulator)
        assert set(printed) == {"WXGATE_WECHAT_BASE_URL", "WXGATE_WECHAT_APP_ID", "WXGATE_WECHAT_APP_SECRET"}
        variables = printed | {
            "WXGATE_DATABASE_URL": f"sqlite://{tmp_path / 'wxgate.db'}",
            "WXGATE_ENCRYPTION_KEYS": ENCRYPTION_KEYS,
            "WXGATE_DRAIN_SECONDS": "0",
        }
        assert run("migrate", cwd=tmp_path, **variables).returncode == 0
        with serving("serve", cwd=tmp_path, **variables) as before:
            login = before.login(simulator.device("login", user="alice")["code"])
            submission = simulator.device("user-info", user="alice", policy="old", nickName="Ailisi")
            submitted = before.graphql(SUBMIT, token=login["token"], **submission)["submitUserInfo"]
            assert submitted["nickName"] == "Ailisi"
            assert before.me(login["token"]) == submitted
        with serving("serve", cwd=tmp_path, **variables) as after:
            assert after.me(login["token"]) == submitted
            again = after.login(simulator.device("login", user="alice")["code"])
            assert again["user"] == submitted
    assert secrets_in(before.output + after.output) == []


def test_it_plays_the_mini_program_that_is_set_and_does_not_print_it(tmp_path: Path) -> None:
    given = {"WXGATE_WECHAT_APP_ID": APP_ID, "WXGATE_WECHAT_APP_SECRET": APP_SECRET}
    with serving("simulate", cwd=tmp_path, **given) as simulator:
        assert set(exports(simulator)) == {"WXGATE_WECHAT_BASE_URL"}
        simulator.device("login")
        query = {"appid": APP_ID, "secret": APP_SECRET, "grant_type": "client_credential"}
        answer = httpx.post(f"{simulator.url}/cgi-bin/stable_token", json=query, trust_env=False).json()
        assert answer["expires_in"] > 0
        assert httpx.get(simulator.url, headers={"Host": "evil.example"}, trust_env=False).status_code == 400
    assert "INFO    wx.login Li Lei\n" in simulator.output
    assert "INFO    getStableAccessToken -> ok  " in simulator.output
    assert secrets_in(simulator.output) == []


def test_a_seed_gives_the_same_mini_program_users_and_codes_every_time(tmp_path: Path) -> None:
    runs = []
    for seed in ("7", "7", "8"):
        with serving("simulate", "--seed", seed, cwd=tmp_path) as simulator:
            code = simulator.device("login", user="alice")["code"]
            [person] = simulator.get("/device/users").json()["users"]
            printed = exports(simulator)
            app = (printed["WXGATE_WECHAT_APP_ID"], printed["WXGATE_WECHAT_APP_SECRET"])
            runs.append((*app, person["openId"], code))
    assert runs[0] == runs[1]
    assert not set(runs[0]) & set(runs[2])


def test_without_a_seed_every_mini_program_is_another(tmp_path: Path) -> None:
    made = set()
    for _ in range(2):
        with serving("simulate", cwd=tmp_path) as simulator:
            made.add(exports(simulator)["WXGATE_WECHAT_APP_ID"])
    assert len(made) == 2


def test_an_address_that_others_can_reach_is_refused(tmp_path: Path) -> None:
    refused = run("simulate", "--host", "0.0.0.0", "--port", "0", cwd=tmp_path)  # noqa: S104
    assert refused.returncode == 2
    assert "add --allow-remote" in refused.stderr
    assert refused.stdout == ""


def test_it_makes_up_several_mini_programs_for_one_server(tmp_path: Path) -> None:
    with serving("simulate", "--apps", "2", cwd=tmp_path) as simulator:
        printed = exports(simulator)
        [further] = json.loads(printed["WXGATE_WECHAT_APPS"].strip("'"))
        apps = [app["app"] for app in simulator.get("/device/apps").json()["apps"]]
        assert apps == [printed["WXGATE_WECHAT_APP_ID"], further["app_id"]]
    given = {name: value.strip("'") for name, value in printed.items() if name != "WXGATE_WECHAT_BASE_URL"}
    with serving("simulate", cwd=tmp_path, **given) as simulator:
        assert set(exports(simulator)) == {"WXGATE_WECHAT_BASE_URL"}
        query = {"appid": further["app_id"], "secret": further["app_secret"], "grant_type": "client_credential"}
        assert httpx.post(f"{simulator.url}/cgi-bin/stable_token", json=query, trust_env=False).json()["expires_in"] > 0


def test_it_pushes_events_to_a_url_and_prints_the_secrets_of_them(tmp_path: Path) -> None:
    arguments = ["--seed", "1", "--apps", "2"]
    with receiving() as receiver:
        url = f"{receiver.url}/{{appid}}"
        with serving("simulate", *arguments, "--events-url", url, cwd=tmp_path) as simulator:
            printed = exports(simulator)
            [further] = json.loads(printed["WXGATE_WECHAT_APPS"].strip("'"))
            revoked = simulator.device("revoke", user="alice")
            closed = simulator.device("close-account", user="alice", app=further["app_id"])
    assert [each["accepted"] for answer in (revoked, closed) for each in answer["deliveries"]] == [True, True]
    first, second = receiver.pushed
    message, app_id = opened(first.fields["Encrypt"], printed["WXGATE_WECHAT_EVENTS_AES_KEY"])
    assert first.signed("msg_signature", printed["WXGATE_WECHAT_EVENTS_TOKEN"], first.fields["Encrypt"])
    assert app_id == printed["WXGATE_WECHAT_APP_ID"] == first.app_id
    assert json.loads(message)["Event"] == "user_authorization_revoke"
    assert second.app_id == further["app_id"]
    assert opened(second.fields["Encrypt"], further["events_aes_key"])[1] == further["app_id"]


def test_it_pushes_with_the_token_and_keys_that_are_set_and_prints_none(tmp_path: Path) -> None:
    shop = {"app_id": "wx1111111111111111", "app_secret": APP_SECRET[::-1]}
    keys = {"events_token": "TokenOfTheShop7", "events_aes_key": AES_KEY[::-1]}
    given = {
        "WXGATE_WECHAT_APP_ID": APP_ID,
        "WXGATE_WECHAT_APP_SECRET": APP_SECRET,
        "WXGATE_WECHAT_EVENTS_TOKEN": "TokenOfTheFirst9",
        "WXGATE_WECHAT_EVENTS_AES_KEY": AES_KEY,
        "WXGATE_WECHAT_APPS": json.dumps([shop | keys]),
    }
    with receiving() as receiver:
        url = f"{receiver.url}/{{appid}}"
        with serving("simulate", "--events-url", url, cwd=tmp_path, **given) as simulator:
            assert set(exports(simulator)) == {"WXGATE_WECHAT_BASE_URL"}
            for app_id in (APP_ID, shop["app_id"]):
                simulator.device("modified", user="alice", app=app_id)
    first, second = receiver.pushed
    assert opened(first.fields["Encrypt"], given["WXGATE_WECHAT_EVENTS_AES_KEY"])[1] == APP_ID
    assert first.signed("msg_signature", given["WXGATE_WECHAT_EVENTS_TOKEN"], first.fields["Encrypt"])
    assert opened(second.fields["Encrypt"], keys["events_aes_key"])[1] == shop["app_id"]
    assert second.signed("msg_signature", keys["events_token"], second.fields["Encrypt"])


def test_with_the_printed_lines_pasted_serve_takes_its_events(tmp_path: Path) -> None:
    with serving("simulate", "--seed", "1", "--events-url", "http://127.0.0.1:1/", cwd=tmp_path) as simulator:
        variables = exports(simulator) | {
            "WXGATE_DATABASE_URL": f"sqlite://{tmp_path / 'wxgate.db'}",
            "WXGATE_ENCRYPTION_KEYS": ENCRYPTION_KEYS,
            "WXGATE_DRAIN_SECONDS": "0",
        }
    assert run("migrate", cwd=tmp_path, **variables).returncode == 0
    with serving("serve", cwd=tmp_path, **variables) as server:
        url = f"{server.url}/wechat/events/{{appid}}"
        # The same mini-program once more, now that the server's port is known.
        with serving("simulate", "--seed", "1", "--events-url", url, cwd=tmp_path) as simulator:
            checked = simulator.device("message-push", format="xml")
            [delivery] = simulator.device("revoke", user="alice")["deliveries"]
    assert checked["errMsg"] == "messagePush:ok"
    assert delivery["tries"] == [{"status": 200, "answer": "success"}]


@pytest.mark.parametrize("url", ["127.0.0.1:8000/events", "ftp://127.0.0.1/", "http:///events"])
def test_an_events_url_that_is_none_is_wrong_usage(url: str, tmp_path: Path) -> None:
    refused = run("simulate", "--port", "0", "--events-url", url, cwd=tmp_path)
    assert refused.returncode == 2
    assert "--events-url must begin with http:// or https:// and a host" in refused.stderr
