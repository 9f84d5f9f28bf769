"""Events that WeChat pushes through nginx to two replicas: each is applied once, by whichever took it."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from graph.simulator.serving import WeChatSimulator
from tests.accounts.inbox import applied
from tests.accounts.stored import run_sql
from tests.deploy.proxy import Proxy, coded, nginx
from tests.deploy.replicas import Replica, two_replicas
from tests.processes import serve_environment
from tests.server import APP_ID, LOGIN, settings_for
from tests.wechat.pushes import AES_KEY, TOKEN, VARIABLES, Push, event, push, signed

PATHS: Final = ("/wechat/events", f"/wechat/events/{APP_ID}")


@pytest.fixture
def replicas(wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path) -> Iterator[tuple[Replica, Replica]]:
    variables = serve_environment(
        wechat_simulator,
        database_url,
        WXGATE_HTTP_TRUSTED_PROXIES="127.0.0.1",
        WXGATE_LOG_LEVEL="DEBUG",
        **VARIABLES,
    )
    with two_replicas(variables, tmp_path) as both:
        yield both


@pytest.fixture
def proxy(replicas: tuple[Replica, Replica], tmp_path: Path) -> Iterator[Proxy]:
    directory = tmp_path / "nginx"
    directory.mkdir()
    with nginx(directory, [replica.port for replica in replicas]) as opened:
        yield opened


def now(wechat: WeChatSimulator) -> int:
    return int(wechat.state.clock())


def pushed(wechat: WeChatSimulator, openid: str, name: str = "user_authorization_cancellation") -> Push:
    at = now(wechat)
    return push(event(name, openid, app_id=APP_ID, at=at), app_id=APP_ID, at=at)


async def test_each_event_is_applied_once_by_either_of_two_replicas(
    proxy: Proxy,
    replicas: tuple[Replica, Replica],
    wechat_simulator: WeChatSimulator,
    database_url: str,
    tmp_path: Path,
) -> None:
    settings = settings_for(wechat_simulator, database_url)

    def sent() -> list[Push]:
        with proxy.client() as http:
            for user in range(20):
                code = wechat_simulator.login(f"user-{user}")
                assert "errors" not in http.post("/graphql", json={"query": LOGIN, "variables": {"code": code}}).json()
            openids = [row["openid"] for row in asyncio.run(run_sql(settings, "SELECT openid FROM accounts"))]
            assert len(openids) == 20
            # Each three times, each time sealed anew.
            pushes = [pushed(wechat_simulator, openid) for _ in range(3) for openid in openids]
            for number, one in enumerate(pushes):
                answer = http.post(PATHS[number % 2], params=one.query, content=one.body)
                assert (answer.status_code, answer.text) == (200, "success")
            return pushes

    pushes = await asyncio.to_thread(sent)
    await applied(settings)
    assert await run_sql(settings, "SELECT id FROM users") == []
    audited = await run_sql(settings, "SELECT action FROM audit_log WHERE actor = 'wechat'")
    assert sorted(row["action"] for row in audited) == ["deleted"] * 20 + ["event_cancellation"] * 20
    printed = [replica.printed() for replica in replicas]
    assert all(re.search('"path": ?"/wechat/events', text) for text in printed)
    secret = [TOKEN, AES_KEY, *(one.query["msg_signature"] for one in pushes)]
    assert [value for value in secret if any(value in text for text in printed)] == []
    assert not any(f"/wechat/events/{APP_ID}" in text for text in printed)


def test_nginx_lets_what_wechat_sends_through_and_nothing_beside(
    proxy: Proxy, wechat_simulator: WeChatSimulator
) -> None:
    timestamp = str(now(wechat_simulator))
    query = {"signature": signed(TOKEN, timestamp, "1"), "timestamp": timestamp, "nonce": "1", "echostr": "438"}
    with proxy.client() as http:
        for path in PATHS:
            assert http.get(path, params=query).text == "438"
            assert coded(http.get(path, params=query | {"nonce": "2"}), 403) == "FORBIDDEN"
        for path in ("/wechat/events/", "/wechat/events/x", f"/wechat/events/{APP_ID}/", "/wechat/eventsx", "/wechat"):
            assert coded(http.get(path, params=query), 404) == "NOT_FOUND"
