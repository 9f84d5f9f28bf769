"""Where metrics are served: on a port of their own, if one is set, for as long as the server runs."""

import socket
from pathlib import Path

import httpx
import pytest

from graph.observability.metrics import Metrics, serve_metrics
from graph.settings import MetricsSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.cli.processes import PATIENCE, invoke, serving
from tests.observability.exposition import Scrape, scrape
from tests.ports import CLOSED
from tests.processes import free_port, serve_environment
from tests.server import APP_ID, Clock, TestServer, open_server, settings_for

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@on_sqlite
async def test_without_a_port_nothing_is_served(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_server(settings_for(wechat_simulator, database_url), wechat_simulator, clock) as server:
        assert (await server.http.get("/metrics")).status_code == 404
    assert "metrics are served" not in caplog.text


@on_sqlite
async def test_the_public_port_has_no_metrics_and_no_other_machine_can_read_them(
    server: TestServer, metrics_settings: MetricsSettings
) -> None:
    assert (await server.http.get("/metrics")).status_code == 404
    assert (await scrape(metrics_settings)).figures("wxgate_build_info")
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


@on_sqlite
async def test_a_port_that_is_taken_is_a_reason_not_to_start(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    port = settings.metrics.port or 0
    with socket.create_server(("127.0.0.1", port)):
        refused = open_server(settings, wechat_simulator, clock)
        with pytest.raises(OSError, match=f"WXGATE_METRICS_PORT: cannot listen on 127.0.0.1 port {port}: Address"):
            await refused.__aenter__()


def test_a_scraper_gets_the_format_that_it_asks_for() -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"}
    with serve_metrics(Metrics().registry, "127.0.0.1", 0) as port, httpx.Client(trust_env=False) as http:
        plain = http.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE)
        openmetrics = http.get(f"http://127.0.0.1:{port}/metrics", headers=accept, timeout=PATIENCE)
    assert plain.headers["content-type"].startswith("text/plain; version=")
    assert not plain.text.endswith("# EOF\n")
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert openmetrics.headers["content-encoding"] == "gzip"
    assert openmetrics.text.endswith("# EOF\n")


async def test_it_listens_on_ipv6_and_responds_while_the_event_loop_is_stuck() -> None:
    with serve_metrics(Metrics().registry, "::1", 0) as port, httpx.Client(trust_env=False) as http:
        response = http.get(f"http://[::1]:{port}/metrics", timeout=PATIENCE)  # noqa: ASYNC212 - it sticks on purpose
    assert response.status_code == 200


def test_a_silent_or_broken_scraper_delays_no_other_and_leaves_no_traceback(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.observability.metrics._SCRAPE_SECONDS", 0.1)
    with serve_metrics(Metrics().registry, "127.0.0.1", 0) as port, httpx.Client(trust_env=False) as http:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as silent:
            silent.sendall(b"GET /met")
            assert http.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE).status_code == 200
            assert silent.recv(1) == b""
        with socket.create_connection(("127.0.0.1", port)) as broken:
            broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # it ends with a reset
            broken.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n")
        assert http.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE).status_code == 200
    assert "Traceback" not in capfd.readouterr().err


def metrics_of(port: int) -> Scrape:
    """What is served there, once it is: of several workers one may be ready before the other."""
    with httpx.Client(transport=httpx.HTTPTransport(retries=10), trust_env=False, timeout=PATIENCE) as http:
        return Scrape(http.get(f"http://127.0.0.1:{port}/metrics").text)


@on_sqlite
def test_a_variable_turns_them_on_and_the_server_still_ends_in_good_order(
    wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path
) -> None:
    port = free_port()
    variables = serve_environment(wechat_simulator, database_url, WXGATE_METRICS_PORT=str(port))
    invoke("migrate", **variables)
    with serving("serve", cwd=tmp_path, **variables) as server:
        server.login(wechat_simulator.login("alice"))
        scraped = metrics_of(port)
    assert scraped.figures("wxgate_logins_total")[APP_ID, "new"] == 1
    assert scraped.figures("process_resident_memory_bytes")[()] > 0
    assert "metrics are served" in server.output


@on_sqlite
def test_each_worker_has_a_port_of_its_own_from_there_on(
    wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path
) -> None:
    port = free_port(in_a_row=2)
    variables = serve_environment(wechat_simulator, database_url, WXGATE_METRICS_PORT=str(port))
    invoke("migrate", **variables)
    with serving("serve", "--workers", "2", cwd=tmp_path, **variables) as server:
        for user in ("alice", "bob", "carol"):
            server.login(wechat_simulator.login(user))
        read = [metrics_of(port + worker) for worker in range(2)]
    assert sum(scraped.figures("wxgate_logins_total")[APP_ID, "new"] for scraped in read) == 3


@on_sqlite
def test_a_port_that_is_taken_is_refused_in_one_sentence(wechat_simulator: WeChatSimulator, database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        variables = serve_environment(wechat_simulator, database_url, WXGATE_METRICS_PORT=str(port))
        refused = invoke("serve", "--port", "0", **variables)
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"Error: cannot listen on 127.0.0.1 port {port}: Address already in use")
    assert refused.stderr.count("\n") == 1
