"""The fixture for other suites, and what only a real socket can show."""

import logging
import re
import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from graph.simulator import SimulatorState, pytest_plugin
from graph.simulator.serving import WeChatSimulator, serve
from tests.ports import CLOSED
from tests.simulator.conftest import APP_ID, APP_SECRET
from tests.simulator.receiver import receiving

# The fixture as it is, and not what stands in its place in the rest of this suite.
wechat_simulator = pytest_plugin.wechat_simulator


@pytest.fixture
def http(wechat_simulator: WeChatSimulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=wechat_simulator.base_url, timeout=10) as client:
        yield client


def exchange(simulator: WeChatSimulator, http: httpx.Client, code: str) -> httpx.Response:
    query = {"appid": simulator.app_id, "secret": simulator.app_secret, "grant_type": "authorization_code"}
    return http.get("/sns/jscode2session", params=query | {"js_code": code})


def test_the_fixture_plays_a_whole_login(wechat_simulator: WeChatSimulator, http: httpx.Client) -> None:
    code = wechat_simulator.login("alice", nickName="Alice")
    session = exchange(wechat_simulator, http, code).json()

    assert session["openid"] == wechat_simulator.state.users.get("alice").openid
    assert wechat_simulator.user_info("alice", policy="old")["userInfo"]["nickName"] == "Alice"
    assert len(wechat_simulator.phone_number("alice")["code"]) == 64
    assert wechat_simulator.check_session("alice")
    wechat_simulator.expire_session_key("alice")
    assert not wechat_simulator.check_session("alice")


def test_the_fixture_lets_time_pass(wechat_simulator: WeChatSimulator, http: httpx.Client) -> None:
    code = wechat_simulator.login()
    wechat_simulator.advance(301)

    assert exchange(wechat_simulator, http, code).json()["errcode"] == 40029


def test_the_fixture_orders_and_heals_faults(wechat_simulator: WeChatSimulator, http: httpx.Client) -> None:
    code = wechat_simulator.login()
    wechat_simulator.fail("bad-gateway", path="/sns/jscode2session", times=None)
    assert exchange(wechat_simulator, http, code).status_code == 502
    wechat_simulator.heal()
    assert exchange(wechat_simulator, http, code).status_code == 200


def test_the_fixture_plays_further_apps(wechat_simulator: WeChatSimulator, http: httpx.Client) -> None:
    shop = wechat_simulator.app("wx1111111111111111", group="us")
    session = exchange(shop, http, shop.login("alice")).json()

    assert shop.app_id == "wx1111111111111111"
    assert re.fullmatch("[0-9a-f]{32}", shop.app_secret)
    assert shop.app_secret != wechat_simulator.app_secret
    assert wechat_simulator.app(shop.app_id).app_secret == shop.app_secret
    assert shop.check_session("alice")
    shop.expire_session_key("alice")
    assert not shop.check_session("alice")
    assert exchange(wechat_simulator, http, shop.login("alice")).json()["errcode"] == 40029
    before = exchange(wechat_simulator, http, wechat_simulator.login("alice")).json()
    wechat_simulator.bind_open_platform("us")
    after = exchange(wechat_simulator, http, wechat_simulator.login("alice")).json()
    assert before["openid"] == after["openid"] != session["openid"]
    assert "unionid" not in before
    assert after["unionid"] == session["unionid"]


def test_the_fixture_orders_faults_of_one_app(wechat_simulator: WeChatSimulator, http: httpx.Client) -> None:
    shop = wechat_simulator.app("wx1111111111111111")
    shop.fail("bad-gateway", times=None)

    assert exchange(shop, http, shop.login()).status_code == 502
    assert exchange(wechat_simulator, http, wechat_simulator.login()).status_code == 200
    wechat_simulator.fail("bad-gateway", times=None)
    assert exchange(wechat_simulator, http, wechat_simulator.login()).status_code == 502
    shop.heal()
    assert exchange(shop, http, shop.login()).status_code == 200


def test_the_fixture_ends_the_access_tokens_of_one_app(wechat_simulator: WeChatSimulator, http: httpx.Client) -> None:
    shop = wechat_simulator.app("wx1111111111111111")
    tokens = []
    for app in (wechat_simulator, shop):
        body = {"grant_type": "client_credential", "appid": app.app_id, "secret": app.app_secret}
        tokens.append(http.post("/cgi-bin/stable_token", json=body).json()["access_token"])
    shop.access_tokens.expire_all()

    path = "/wxa/business/getuserphonenumber"
    answers = [http.post(path, params={"access_token": token}, json={"no": "code"}).json() for token in tokens]
    assert [answer["errcode"] for answer in answers] == [41008, 42001]


def test_the_fixture_chooses_pictures_and_decides_about_them(
    wechat_simulator: WeChatSimulator, http: httpx.Client
) -> None:
    wechat_simulator.push.check_delay = 3600
    session = exchange(wechat_simulator, http, wechat_simulator.login("alice")).json()
    token = wechat_simulator.access_tokens.fetch()["access_token"]
    body = {"version": 2, "scene": 1, "openid": session["openid"], "media_type": 2, "media_url": "http://127.0.0.1:1/a"}
    answer = http.post("/wxa/media_check_async", params={"access_token": str(token)}, json=body).json()

    assert wechat_simulator.choose_avatar("alice", face="red").startswith(b"\x89PNG")
    with receiving() as receiver:
        wechat_simulator.push.url = f"{receiver.url}/{APP_ID}"
        [delivery] = wechat_simulator.picture_verdict("alice", suggest="pass")
    assert delivery["accepted"]
    [check] = wechat_simulator.picture_checks()
    assert (check["traceId"], check["suggest"]) == (answer["trace_id"], "pass")
    assert wechat_simulator.app("wx1111111111111111").picture_checks() == []


def test_the_fixture_gives_orders_and_shows_the_calls(wechat_simulator: WeChatSimulator, http: httpx.Client) -> None:
    wechat_simulator.block("alice")
    assert exchange(wechat_simulator, http, wechat_simulator.login("alice")).json()["errcode"] == 40226
    wechat_simulator.block("alice", blocked=False)
    assert "openid" in exchange(wechat_simulator, http, wechat_simulator.login("alice")).json()
    assert [call["errcode"] for call in wechat_simulator.calls()] == [40226, 0]
    assert [call["errcode"] for call in wechat_simulator.calls(after=1)] == [0]

    token = wechat_simulator.access_tokens.fetch()["access_token"]
    wechat_simulator.expire_access_tokens()
    path = "/wxa/business/getuserphonenumber"
    assert http.post(path, params={"access_token": str(token)}, json={"no": "code"}).json()["errcode"] == 42001


def test_a_wrong_field_raises_with_the_simulators_sentence(wechat_simulator: WeChatSimulator) -> None:
    with pytest.raises(ValueError, match="login:fail gender: "):
        wechat_simulator.login("alice", gender=9)


def test_each_test_gets_a_fresh_simulator_with_the_same_users(wechat_simulator: WeChatSimulator) -> None:
    assert list(wechat_simulator.state.users) == []
    again = SimulatorState(wechat_simulator.app_id, wechat_simulator.app_secret, seed=0)
    assert wechat_simulator.state.users.get("alice") == again.users.get("alice")


def test_a_chunked_body_is_answered_412_over_a_real_socket(
    wechat_simulator: WeChatSimulator, http: httpx.Client
) -> None:
    chunked = http.post("/cgi-bin/stable_token", content=iter([b"{", b"}"]))
    whole = http.post("/cgi-bin/stable_token", content=b"{}")

    assert (chunked.status_code, chunked.content) == (412, b"")
    assert (whole.status_code, whole.json()["errcode"]) == (200, 41002)
    # The phone's side is no WeChat server and takes such a body.
    assert http.post("/device/login", content=iter([b"{}"])).status_code == 200


def test_a_hang_ends_when_the_client_goes_away(wechat_simulator: WeChatSimulator, http: httpx.Client) -> None:
    wechat_simulator.fail("hang", path="/sns/jscode2session")
    code = wechat_simulator.login()
    waiting = wechat_simulator.state.faults.waiting

    with pytest.raises(httpx.ReadTimeout):
        http.get(
            "/sns/jscode2session",
            params={"appid": APP_ID, "secret": APP_SECRET, "grant_type": "authorization_code", "js_code": code},
            timeout=0.2,
        )

    deadline = time.monotonic() + 5
    while waiting() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not waiting()
    # And the abandoned request was not carried out.
    assert "openid" in exchange(wechat_simulator, http, code).json()


def test_a_server_stops_at_once_though_a_request_hangs(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), socket.socket() as client:
        with serve(SimulatorState(APP_ID, APP_SECRET)) as simulator:
            simulator.fail("hang")
            host, _, port = simulator.base_url.removeprefix("http://").partition(":")
            client.connect((host, int(port)))
            client.sendall(b"GET /cgi-bin/token HTTP/1.1\r\nHost: wechat\r\n\r\n")
            deadline = time.monotonic() + 5
            while not simulator.state.faults.waiting() and time.monotonic() < deadline:
                time.sleep(0.01)
            assert simulator.state.faults.waiting()
            started = time.monotonic()
        assert time.monotonic() - started < 2

    assert caplog.text == ""


def test_the_port_is_free_again_afterwards() -> None:
    with serve(SimulatorState(APP_ID, APP_SECRET)) as simulator:
        address = ("127.0.0.1", int(simulator.base_url.rpartition(":")[2]))
        simulator.login()

    with socket.socket() as client, pytest.raises(CLOSED):
        client.connect(address)


def test_no_request_is_logged(
    wechat_simulator: WeChatSimulator, http: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        code = wechat_simulator.login("alice")
        assert exchange(wechat_simulator, http, code).status_code == 200

    messages = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert [message for message in messages if "/" in message] == []
    assert [message for message in messages if code in message or APP_SECRET in message] == []


def test_no_response_waits_until_the_client_has_acknowledged_its_head(monkeypatch: pytest.MonkeyPatch) -> None:
    listeners: list[socket.socket] = []
    create_server = socket.create_server

    def create(address: tuple[str, int]) -> socket.socket:
        listeners.append(create_server(address))
        return listeners[-1]

    monkeypatch.setattr(socket, "create_server", create)
    with serve(SimulatorState(APP_ID, APP_SECRET)):
        # Connections inherit it.
        assert [bool(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)) for one in listeners] == [True]
