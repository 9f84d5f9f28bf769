"""Where figures are served: on a port of their own, if one is set, for as long as the server runs."""

import asyncio
import socket
import threading

import httpx
import pytest

from graph.observability.metrics import Metrics
from graph.observability.metrics.server import MetricsServer
from graph.settings import MetricsSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.observability.metrics.exposition import PATIENCE, scrape
from tests.ports import CLOSED
from tests.server import Clock, TestServer, open_server, settings_for

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def threads() -> list[str]:
    """The threads that serve figures."""
    return [thread.name for thread in threading.enumerate() if thread.name == "metrics"]


@on_sqlite
async def test_without_a_port_nothing_is_served(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock
) -> None:
    async with open_server(settings_for(wechat_simulator, database_url), wechat_simulator, clock) as server:
        assert threads() == []
        assert (await server.http.get("/metrics")).status_code == 404


@on_sqlite
async def test_the_public_port_has_no_figures_when_another_has(
    server: TestServer, metrics_settings: MetricsSettings
) -> None:
    assert (await server.http.get("/metrics")).status_code == 404
    assert (await scrape(metrics_settings)).figures("wxgate_build_info")


@on_sqlite
async def test_by_default_no_other_machine_can_read_them(server: TestServer, metrics_settings: MetricsSettings) -> None:
    assert metrics_settings.host == "127.0.0.1"
    with pytest.raises(CLOSED), socket.create_connection(("127.0.0.2", metrics_settings.port or 0)):
        pass


@on_sqlite
async def test_they_are_served_until_the_server_ends(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, metrics_settings: MetricsSettings
) -> None:
    for _ in range(2):  # the port is free again
        async with open_server(settings, wechat_simulator, clock):
            assert (await scrape(metrics_settings)).text
        with pytest.raises(httpx.ConnectError):
            await scrape(metrics_settings)
        assert threads() == []


@on_sqlite
async def test_a_port_that_is_taken_is_a_reason_not_to_start(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    port = settings.metrics.port or 0
    with socket.create_server(("127.0.0.1", port)):
        refused = open_server(settings, wechat_simulator, clock)
        with pytest.raises(OSError, match=f"WXGATE_METRICS_PORT: cannot listen on 127.0.0.1 port {port}: Address"):
            await refused.__aenter__()
    assert threads() == []


async def test_a_scraper_gets_the_format_that_it_asks_for() -> None:
    async with (
        MetricsServer(Metrics(()).registry, "127.0.0.1", 0) as server,
        httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http,
    ):
        url = f"http://127.0.0.1:{server.port}/metrics"
        plain = await http.get(url)
        accept = {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"}
        openmetrics = await http.get(url, headers=accept)
    assert plain.headers["content-type"].startswith("text/plain; version=")
    assert not plain.text.endswith("# EOF\n")
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert openmetrics.headers["content-encoding"] == "gzip"
    assert openmetrics.text.endswith("# EOF\n")


async def test_it_listens_on_ipv6_too() -> None:
    async with MetricsServer(Metrics(()).registry, "::1", 0) as server, httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(f"http://[::1]:{server.port}/metrics", timeout=PATIENCE)).status_code == 200


async def test_it_answers_while_the_event_loop_is_stuck() -> None:
    async with MetricsServer(Metrics(()).registry, "127.0.0.1", 0) as server:
        with httpx.Client(trust_env=False, timeout=PATIENCE) as http:
            response = http.get(f"http://127.0.0.1:{server.port}/metrics")  # noqa: ASYNC212 - it sticks on purpose
    assert response.status_code == 200


async def test_whoever_says_nothing_is_hung_up_on_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("graph.observability.metrics.server._Handler.timeout", 0.1)
    async with MetricsServer(Metrics(()).registry, "127.0.0.1", 0) as server, asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /met")
        assert await reader.read() == b""
        writer.close()
    assert capsys.readouterr().err == ""
