"""A server that may open few files, and a stranger who leaves more connections idle than that."""

import asyncio
from pathlib import Path

import httpx
import pytest

from graph.simulator.serving import WeChatSimulator
from models.migrate import migrate
from tests.processes import serve_environment, server_process
from tests.server import LOGIN

GET = b"GET /livez HTTP/1.1\r\nHost: server\r\n\r\n"


@pytest.mark.parametrize("sent", [b"", GET], ids=["without a request", "after a request"])
async def test_idle_connections_of_one_address_leave_room_for_the_logins_of_others(
    sent: bytes, wechat_simulator: WeChatSimulator, tmp_path: Path
) -> None:
    database_url = f"sqlite://{tmp_path / 'wxgate.db'}"
    await migrate(database_url)
    environment = serve_environment(wechat_simulator, database_url)
    with server_process(environment, tmp_path / "output", descriptors=256) as server:
        writers = []
        for _ in range(300):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(sent)
            writers.append(writer)
        elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
        async with httpx.AsyncClient(transport=elsewhere, base_url=server.url, trust_env=False) as client:
            for person in ("alice", "bob"):
                request = {"query": LOGIN, "variables": {"code": wechat_simulator.login(person)}}
                assert "errors" not in (await client.post("/graphql", json=request)).json()
        for writer in writers:
            writer.close()
    assert "connections are refused" in (tmp_path / "output").read_text("utf-8")
