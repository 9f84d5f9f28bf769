"""The explorer for browsers: a page of the server's own, without a request to anyone else."""

from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

_FILES: Final = Path(__file__).parent / "explorer"
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


def explorer_routes() -> list[Route]:
    """The page at `/graphiql` and its two files below, by relative addresses, fit for a path prefix."""
    return [
        _file("/graphiql", "index.html"),
        _file("/graphiql/explorer.js", "explorer.js"),
        _file("/graphiql/explorer.css", "explorer.css"),
    ]


def _file(path: str, name: str) -> Route:
    async def serve(_request: Request) -> Response:
        return FileResponse(_FILES / name, headers=_HEADERS)

    return Route(path, serve, methods=["GET"])
