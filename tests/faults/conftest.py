"""PostgreSQL behind a network that fails on demand, and a server that has to live with it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.databases import new_postgres_url
from tests.faults.postgres_server import OwnPostgres, own_postgres
from tests.faults.proxy import FaultProxy, fault_proxy
from tests.server import settings_for


@pytest.fixture
async def network(postgres_directory: str) -> AsyncIterator[FaultProxy]:
    """The way to PostgreSQL."""
    socket = f"{postgres_directory}/.s.PGSQL.5432"
    async with fault_proxy(partial(asyncio.open_unix_connection, socket)) as proxy:
        yield proxy


@pytest.fixture
def distant_url(postgres_directory: str, network: FaultProxy) -> str:
    """A database at the other end of `network`."""
    name = new_postgres_url(postgres_directory).partition("@/")[2].partition("?")[0]
    return f"postgres://postgres@127.0.0.1:{network.port}/{name}"


@pytest.fixture
def patient(wechat_simulator: WeChatSimulator, distant_url: str) -> Settings:
    """A server that waits for that database until the test is over."""
    return settings_for(wechat_simulator, f"{distant_url}?maxsize=5&timeout=60&command_timeout=60")


@pytest.fixture
def impatient(wechat_simulator: WeChatSimulator, distant_url: str) -> Settings:
    """One that makes no test wait for long."""
    return settings_for(wechat_simulator, f"{distant_url}?maxsize=5&timeout=1&command_timeout=1")


@pytest.fixture(scope="module")
def postgres_of_own() -> Iterator[OwnPostgres]:
    with own_postgres() as postgres:
        yield postgres
