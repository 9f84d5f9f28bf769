"""How nginx tells clients apart, and how much it lets each of them do."""

import asyncio
import contextlib
import re
import socket
from pathlib import Path
from typing import Final

import httpx

from graph.settings import LimitSettings
from graph.simulator.serving import WeChatSimulator
from models.migrate import migrate
from tests.deploy.proxy import CONFIGURATION, PATIENCE, Proxy, coded, nginx
from tests.deploy.replicas import Replica
from tests.processes import free_port, serve_environment
from tests.server import LOGIN

# For tests: who the client is, as it says itself.
CLAIMS: Final = "set_real_ip_from 127.0.0.1; real_ip_header X-Test-Client;\n"
# One household with a line feed in the bytes of its prefix, and others.
HOUSEHOLD: Final = ("2001:db8:0:a00::1", "2001:db8:0:aff::2")
OTHERS: Final = ("2001:db8:0:b00::1", "192.0.2.1", "192.0.2.2")


def test_a_client_cannot_claim_to_be_another(wechat_simulator: WeChatSimulator, tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/wxgate.db"
    asyncio.run(migrate(url))
    settings = {"WXGATE_HTTP_TRUSTED_PROXIES": "127.0.0.1", "WXGATE_RATE_LIMIT_LOGIN": "1/minute"}
    replica = Replica(serve_environment(wechat_simulator, url, **settings), tmp_path / "replica.log")
    codes = []
    try:
        replica.start()
        with nginx(tmp_path, [replica.port, replica.port]) as proxy, proxy.client() as http:
            for claimed in ("203.0.113.1", "203.0.113.2"):
                login = {"query": LOGIN, "variables": {"code": "0"}}
                response = http.post("/graphql", json=login, headers={"X-Forwarded-For": claimed})
                codes += [error["extensions"]["code"] for error in response.json()["errors"]]
    finally:
        replica.end()
    assert codes == ["LOGIN_CODE_INVALID", "RATE_LIMITED"]


def ask(http: httpx.Client, client: str, status: int) -> str:
    """The code of the refusal that a client gets, from nginx or for want of a replica."""
    return coded(http.get("/graphql", headers={"X-Test-Client": client}), status)


def test_a_client_that_asks_too_often_is_refused_and_no_other(tmp_path: Path) -> None:
    instead = {"rate=100r/s": "rate=1r/m", "burst=300": "burst=3"}
    replicas = [free_port(), free_port()]
    with nginx(tmp_path, replicas, extra=CLAIMS, instead=instead) as proxy, proxy.client() as http:
        for _ in range(4):
            assert ask(http, HOUSEHOLD[0], 503) == "SERVICE_UNAVAILABLE"
        assert [ask(http, client, 429) for client in HOUSEHOLD] == ["RATE_LIMITED", "RATE_LIMITED"]
        assert [ask(http, client, 503) for client in OTHERS] == ["SERVICE_UNAVAILABLE"] * len(OTHERS)


def test_a_client_with_too_many_requests_at_once_is_refused_and_no_other(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as replica, contextlib.ExitStack() as opened:
        replica.settimeout(PATIENCE)
        port = replica.getsockname()[1]

        def keep_waiting(proxy: Proxy, client: str) -> None:
            """With a request that the replica gets and never answers."""
            url = httpx.URL(proxy.url)
            plain = opened.enter_context(socket.create_connection((url.host, url.port or 443), PATIENCE))
            connection = opened.enter_context(proxy.trust.wrap_socket(plain, server_hostname=url.host))
            connection.sendall(f"GET /graphql HTTP/1.1\r\nHost: x\r\nX-Test-Client: {client}\r\n\r\n".encode())
            opened.enter_context(replica.accept()[0])

        with nginx(tmp_path, [port, port], extra=CLAIMS, instead={"at_once 200": "at_once 3"}) as proxy:
            for _ in range(3):
                keep_waiting(proxy, HOUSEHOLD[0])
            with proxy.client() as http:
                assert [ask(http, client, 429) for client in HOUSEHOLD] == ["RATE_LIMITED", "RATE_LIMITED"]
            for client in OTHERS:
                keep_waiting(proxy, client)


def test_no_client_has_all_that_a_replica_does_at_once() -> None:
    [at_once] = set(re.findall(r"limit_conn at_once (\d+);", CONFIGURATION.read_text("utf-8")))
    assert int(at_once) < LimitSettings().concurrency / 2


def test_nginx_has_descriptors_for_all_of_its_connections(tmp_path: Path) -> None:
    [connections] = re.findall(r"worker_connections (\d+);", CONFIGURATION.read_text("utf-8"))
    with nginx(tmp_path, [free_port(), free_port()]) as proxy:
        worker = Path(f"/proc/{proxy.pid}/task/{proxy.pid}/children").read_text("utf-8").split()[0]
        [limit] = re.findall(r"Max open files +(\d+)", Path(f"/proc/{worker}/limits").read_text("utf-8"))
    assert int(limit) == 2 * int(connections)
