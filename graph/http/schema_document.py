"""`GET /schema.graphql`: the schema in SDL, for code generators and editors."""

import hashlib
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graph.http.entity_tags import client_has

PATH: Final = "/schema.graphql"


def schema_route(sdl: str) -> Route:
    """The text under its digest as a tag, so that a client that has it is sent nothing."""
    text = sdl.encode()
    headers = {"Cache-Control": "no-cache", "ETag": f'"{hashlib.sha256(text).hexdigest()[:32]}"'}

    async def serve(request: Request) -> Response:
        if client_has(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return Response(text, headers=headers, media_type="text/plain")

    return Route(PATH, serve, methods=["GET"])
