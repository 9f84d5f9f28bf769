"""What a fault may cost a client, and how the server looks when it is over."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from tortoise.context import get_current_context

from models.url import ALIAS
from tests.secret_patterns import secrets_in
from tests.server import LOGIN, ME, TestServer

# Seconds; whatever takes longer waits for ever.
BOUND: Final = 30
UNAVAILABLE: Final = {"code": "SERVICE_UNAVAILABLE", "action": "WAIT", "retryable": True}
STORED_NOWHERE: Final = {"code": "SERVICE_UNAVAILABLE", "action": "LOG_IN", "retryable": True, "retryAfterMs": 1000}


async def extensions(
    server: TestServer, query: str, variables: dict[str, str] | None = None, token: str | None = None
) -> Any:
    """What the one error of an answer tells a program, but for the request's id."""
    answer = await server.post(query, variables, token=token)
    [error] = answer["errors"]
    assert secrets_in(str(answer)) == []
    for word in ("postgres", "127.0.0.1", "Error", "Traceback"):
        assert word not in error["message"]
    return {name: value for name, value in error["extensions"].items() if name != "requestId"}


async def refused(server: TestServer, *, token: str, code: str) -> None:
    """`me` and `login` are refused, and told to come back with what they have."""
    me, login = await asyncio.gather(extensions(server, ME, token=token), extensions(server, LOGIN, {"code": code}))
    assert (me, login) == (UNAVAILABLE, UNAVAILABLE)


async def readiness(server: TestServer) -> str | None:
    """Why the server is not ready, if it is not; it is alive all the same."""
    assert (await server.http.get("/livez")).status_code == 200
    response = await server.http.get("/readyz")
    body = response.json()
    assert (response.status_code, body["status"]) in {(200, "ok"), (503, "unavailable")}
    reason: str | None = body.get("reason")
    return reason


async def soon(happens: Callable[[], bool]) -> None:
    """Returns when something has come true."""
    async with asyncio.timeout(BOUND):
        while not happens():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)


async def recovered(server: TestServer, *, token: str, code: str) -> None:
    """The server is ready, knows who was signed in, takes the code that it refused, and has lost no connection."""
    async with asyncio.timeout(BOUND):
        while await readiness(server) is not None:  # noqa: ASYNC110 - only the server knows
            await asyncio.sleep(0.02)
    assert await server.me(token) is not None
    answer = await server.post(LOGIN, {"code": code})
    assert "errors" not in answer, answer
    await every_connection_is_idle()


async def every_connection_is_idle() -> None:
    """Returns when the pool has back every connection that it gave out; SQLite has no pool."""
    context = get_current_context()
    assert context is not None
    client = context.connections.get(ALIAS)
    await soon(lambda: getattr(client, "busy", 0) == 0)
