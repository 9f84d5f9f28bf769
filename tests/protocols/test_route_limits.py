"""A route whose path has a parameter can have limits of its own: for whatever stands in the place of the parameter."""

import asyncio
from typing import Final

import pytest
from starlette.types import Receive, Scope, Send

from graph.server.limits import RequestLimits
from tests.protocols.serving import NEVER, SOON, echo, post, serving

OWN: Final = RequestLimits(body_bytes=1_024, body_seconds=NEVER, request_seconds=SOON)
ROUTES: Final = {"/own": OWN, "/own/": OWN}


async def wait(scope: Scope, receive: Receive, send: Send) -> None:
    """Responds when the limit of a request with a body that is small is over, or else at once."""
    await asyncio.sleep(NEVER if scope["path"].startswith("/own") else 0)
    await echo(scope, receive, send)


@pytest.mark.parametrize(
    ("path", "is_own"),
    [
        ("/own", True),
        ("/own/x", True),
        ("/own/%78", True),
        ("/own/", True),
        ("/own?x=/y", True),
        ("/own/x/y", False),
        ("/owns", False),
        ("/other/x", False),
        ("/", False),
    ],
)
async def test_the_limits_of_a_route_count_for_every_value_of_its_parameter(path: str, is_own: bool) -> None:
    async with serving(echo, routes=ROUTES) as server:
        assert (await server.ask(post(b"x" * 1_024, path=path))).status == 200
        assert (await server.ask(post(b"x" * 1_025, path=path))).status == (413 if is_own else 200)


async def test_a_request_to_such_a_route_is_ended_after_its_time() -> None:
    async with serving(wait, routes=ROUTES) as server:
        late = await server.ask(post(path="/own/x"))
        assert (late.status, late.json["errors"][0]["extensions"]["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert (await server.ask(post(path="/other/x"))).status == 200
