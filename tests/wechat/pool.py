"""The pool under test, and what it is asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from graph.wechat.transport import Connections

on_both_loops = pytest.mark.parametrize(
    "anyio_backend", [("asyncio", {"use_uvloop": uvloop}) for uvloop in (False, True)], ids=["asyncio", "uvloop"]
)


class Pool:
    """Asks for targets, and gets bodies. All times are seconds."""

    def __init__(self, origin: str, *, limit: int) -> None:
        self.origin = httpx.URL(origin)
        self.connections = Connections(self.origin, limit=limit)

    async def get(self, target: str, *, pool: float = 60, connect: float = 60, read: float = 60) -> str:
        timeout = {"pool": pool, "connect": connect, "read": read}
        request = httpx.Request("GET", self.origin, extensions={"timeout": timeout, "target": target.encode()})
        response = await self.connections.handle_async_request(request)
        return (await response.aread()).decode()

    def begin(self, target: str, **seconds: float) -> asyncio.Task[str]:
        return asyncio.create_task(self.get(target, **seconds))


@asynccontextmanager
async def pool(origin: str, *, limit: int = 2) -> AsyncIterator[Pool]:
    made = Pool(origin, limit=limit)
    try:
        yield made
    finally:
        await made.connections.aclose()
