"""GraphiQL from this server's own origin, and where the server plays WeChat itself two phones.

One is a panel beside GraphiQL, the other at `/phone` is drawn, with the example mini-program open on it.

`explorer/` is a project of its own: `npm ci` and `build.mjs` make `explorer/dist/` of it, which `build_hook.py` has
done whenever the package is installed on a machine with Node.js, and which a wheel carries.
"""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Final

import orjson
from graphql import GraphQLSchema, introspection_from_schema
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

_BUILT: Final = Path(__file__).parent / "explorer" / "dist"
# Styles: Monaco, the editor in GraphiQL, writes positions into style attributes and colours into style elements, and
# knows no nonces. A style could carry something out only by an address elsewhere, and no source allows one.
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
# Blobs are the pictures that a user chooses, and no style is in an attribute.
_PHONE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_NOT_BUILT: Final = (
    "GraphiQL is not built here, for wxgate was installed without Node.js, or where npm could not reach its registry: "
    "install Node.js 20 or newer with npm, or mend the network, then run "
    "`pip install --force-reinstall --no-deps .` in the directory of wxgate's pyproject.toml, and restart.\n"
)
# Best first: content coding and what it adds to a file's name.
_CODINGS: Final = (("br", ".br"), ("gzip", ".gz"))
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".ttf": "font/ttf"}


def explorer_routes(*, with_phone: bool, schema: GraphQLSchema | None, built: Path = _BUILT) -> list[Route]:
    """The page at `/graphiql` and its files below, by relative addresses, fit for a path prefix.

    The phone is for servers that have the simulator: the others do not even serve its script. With a schema the page
    need not ask for it by a query, whose response is not compressed: what compresses secrets can give them away.
    """
    page = "explorer-with-phone.html" if with_phone else "explorer.html"
    try:
        files = json.loads((built / "pages.json").read_text("utf-8"))
    except FileNotFoundError:
        return [Route("/graphiql", _not_built, methods=["GET"])]
    # The explorer shows the drawn phone within itself.
    policy = _HEADERS["Content-Security-Policy"] + ("; frame-src 'self'" if with_phone else "")
    routes, names = [_page_route("/graphiql", built / page, policy)], files[page]
    if with_phone and "phone.html" in files:
        routes.append(_page_route("/phone", built / "phone.html", _PHONE_POLICY))
        names = sorted({*names, *files["phone.html"]})
    routes += (_file_route(built / name) for name in names)
    return [*routes, _introspection_route(schema)] if schema else routes


def _page_route(path: str, page: Path, policy: str) -> Route:
    headers = {**_HEADERS, "Content-Security-Policy": policy, "Cache-Control": "no-cache"}

    async def serve(_request: Request) -> Response:
        return FileResponse(page, headers=headers)

    return Route(path, serve, methods=["GET"])


def is_built() -> bool:
    """Whether there is more than a page that asks for Node.js."""
    return (_BUILT / "pages.json").exists()


async def _not_built(_request: Request) -> Response:
    return PlainTextResponse(_NOT_BUILT, 503)


def _file_route(path: Path) -> Route:
    """One file, in the smallest form that the request accepts; browsers keep it for good, for its name has its hash."""
    forms = {coding: path.with_name(path.name + suffix) for coding, suffix in _CODINGS}
    forms = {coding: form for coding, form in forms.items() if form.exists()}
    headers = {**_HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
    if forms:
        headers["Vary"] = "Accept-Encoding"

    async def serve(request: Request) -> Response:
        accepted = _accepted(request)
        for coding, form in forms.items():
            if coding in accepted:
                coded = {**headers, "Content-Encoding": coding}
                return FileResponse(form, headers=coded, media_type=_TYPES.get(path.suffix))
        return FileResponse(path, headers=headers, media_type=_TYPES.get(path.suffix))

    return Route(f"/graphiql/{path.name}", serve, methods=["GET"])


def _introspection_route(schema: GraphQLSchema) -> Route:
    """What the query of introspection would find, a sixth as large."""

    @cache
    def form(coding: str) -> bytes:
        found = orjson.dumps({"data": introspection_from_schema(schema)})
        return gzip.compress(found, mtime=0) if coding == "gzip" else found

    async def serve(request: Request) -> Response:
        headers = {**_HEADERS, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        coding = "gzip" if "gzip" in _accepted(request) else "identity"
        if coding == "gzip":
            headers["Content-Encoding"] = coding
        return Response(form(coding), headers=headers, media_type="application/json")

    return Route("/graphiql/introspection.json", serve, methods=["GET"])


def _accepted(request: Request) -> set[str]:
    """The content codings that a request names and does not refuse with `q=0`; no client asks for one by `*`."""
    accepted = set()
    for part in ",".join(request.headers.getlist("accept-encoding")).lower().split(","):
        coding, *parameters = (piece.strip() for piece in part.split(";"))
        if not any(parameter.replace(" ", "").rstrip("0") in {"q=", "q=0."} for parameter in parameters):
            accepted.add(coding)
    return accepted
