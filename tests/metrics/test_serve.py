"""The figures of `wxgate serve`, as an operator turns them on."""

from pathlib import Path

import httpx
import pytest

from graph.simulator.serving import WeChatSimulator
from tests.cli.processes import PATIENCE, invoke, serving
from tests.metrics.exposition import Scrape
from tests.processes import free_port, serve_environment


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_variable_turns_them_on_and_the_server_still_ends_in_good_order(
    wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path
) -> None:
    port = free_port()
    variables = serve_environment(wechat_simulator, database_url, WXGATE_METRICS_PORT=str(port))
    invoke("migrate", **variables)
    with serving("serve", cwd=tmp_path, **variables) as server:
        server.login(wechat_simulator.login("alice"))
        response = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, timeout=PATIENCE)
    figures = Scrape(response.text)
    assert figures.figures("wxgate_logins_total")["new",] == 1
    assert figures.figures("process_resident_memory_bytes")[()] > 0
    assert "metrics are served" in server.output
