"""The figures of `wxgate serve`, as an operator turns them on."""

import socket
from pathlib import Path

import httpx
import pytest

from graph.simulator.serving import WeChatSimulator
from tests.cli.processes import PATIENCE, invoke, serving
from tests.observability.metrics.exposition import Scrape
from tests.processes import free_port, serve_environment


def figures_of(port: int) -> Scrape:
    """What is served there, once it is: of several workers one may be ready before the other."""
    with httpx.Client(transport=httpx.HTTPTransport(retries=10), trust_env=False, timeout=PATIENCE) as http:
        return Scrape(http.get(f"http://127.0.0.1:{port}/metrics").text)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_variable_turns_them_on_and_the_server_still_ends_in_good_order(
    wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path
) -> None:
    port = free_port()
    variables = serve_environment(wechat_simulator, database_url, WXGATE_METRICS_PORT=str(port))
    invoke("migrate", **variables)
    with serving("serve", cwd=tmp_path, **variables) as server:
        server.login(wechat_simulator.login("alice"))
        figures = figures_of(port)
    assert figures.figures("wxgate_logins_total")["new",] == 1
    assert figures.figures("process_resident_memory_bytes")[()] > 0
    assert "metrics are served" in server.output


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_worker_has_a_port_of_its_own_from_there_on(
    wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path
) -> None:
    port = free_port(in_a_row=2)
    variables = serve_environment(wechat_simulator, database_url, WXGATE_METRICS_PORT=str(port))
    invoke("migrate", **variables)
    with serving("serve", "--workers", "2", cwd=tmp_path, **variables) as server:
        for person in ("alice", "bob", "carol"):
            server.login(wechat_simulator.login(person))
        read = [figures_of(port + worker) for worker in range(2)]
    assert sum(figures.figures("wxgate_logins_total")["new",] for figures in read) == 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_port_that_is_taken_is_refused_in_one_sentence(wechat_simulator: WeChatSimulator, database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        variables = serve_environment(wechat_simulator, database_url, WXGATE_METRICS_PORT=str(port))
        refused = invoke("serve", "--port", "0", **variables)
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"Error: cannot listen on 127.0.0.1 port {port}: Address already in use")
    assert refused.stderr.count("\n") == 1
