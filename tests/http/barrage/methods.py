"""Methods that may not do this, paths where nothing is, and types that nobody serves."""

from typing import Final
from urllib.parse import quote

from tests.http.barrage.shots import CANARY, LOGIN, Shot, document, head, post

_LOGIN: Final = quote(LOGIN, safe="@")
_QUERY: Final = document(f"{{ {CANARY}: __typename }}")


def _method(method: str, *, closes: bool = False) -> Shot:
    data = post(document(LOGIN)).replace(b"POST", method.encode(), 1)
    return Shot(method, data, 405, "METHOD_NOT_ALLOWED", allow="GET, HEAD, POST", closes=closes)


def _nowhere(path: str) -> Shot:
    return Shot(f"POST {path}", post(document(LOGIN), path=path), 404, "NOT_FOUND")


METHODS: Final = [
    *[_method(method) for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "MERGE")],
    Shot("CONNECT", head("CONNECT /graphql"), 400, "BAD_REQUEST", closes=True),
    Shot("CONNECT elsewhere", head(f"CONNECT {CANARY}:443"), 400, "BAD_REQUEST", closes=True),
    Shot("an unknown method", head(f"{CANARY.upper()} /graphql"), 400, "BAD_REQUEST", closes=True),
    Shot("a method in lower case", head("get /graphql"), 400, "BAD_REQUEST", closes=True),
    Shot("a login by GET", head(f"GET /graphql?query={_LOGIN}"), 405, "METHOD_NOT_ALLOWED", allow="POST"),
    Shot("a login by HEAD", head(f"HEAD /graphql?query={_LOGIN}"), 405, "METHOD_NOT_ALLOWED", allow="POST"),
    Shot(
        "a login chosen by GET",
        head(
            f"GET /graphql?query=query%20A%7B__typename%7D{_LOGIN.replace('mutation', 'mutation%20B')}&operationName=B"
        ),
        405,
        "METHOD_NOT_ALLOWED",
        allow="POST",
    ),
    Shot("a login by GET with a body", post(document(LOGIN)).replace(b"POST", b"GET", 1), 400, "BAD_REQUEST"),
    Shot(
        "a GET from another site", head(f"GET /graphql?query={_LOGIN}", "Sec-Fetch-Site: cross-site"), 403, "FORBIDDEN"
    ),
    Shot(
        "a GET of a form",
        head(f"GET /graphql?query={_LOGIN}", "Content-Type: text/plain"),
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    Shot("a GET with a query twice", head("GET /graphql?query={me{id}}&query={me{id}}"), 400, "BAD_REQUEST"),
    Shot("a GET without a query", head(f"GET /graphql?{CANARY}"), 400, "BAD_REQUEST"),
    Shot("a page for a browser", head(f"GET /graphql?query={CANARY}", "Accept: text/html"), 406, "NOT_ACCEPTABLE"),
    Shot("an image, please", post(document(LOGIN), f"Accept: image/{CANARY}"), 406, "NOT_ACCEPTABLE"),
    Shot("a login in nothing", post(document(LOGIN), "Accept: application/json;q=0"), 406, "NOT_ACCEPTABLE"),
    Shot("an Accept of 500 types", post(_QUERY, "Accept: " + ", ".join(["a/b;q=0.1"] * 500)), 406, "NOT_ACCEPTABLE"),
    *map(
        _nowhere,
        (
            "/",
            "/graphql/",
            "//graphql",
            "/GRAPHQL",
            "/graphql%00",
            "/graphql;x",
            "/%2e%2e/%2e%2e/etc/passwd",
            f"/{CANARY}",
            "/simulator/device/login",
            "/graphiql",
            "/%ff%fe",
            "/" + "a/" * 4000,
        ),
    ),
    Shot("POST /livez", post(_QUERY, path="/livez"), 405, "METHOD_NOT_ALLOWED", allow="GET, HEAD"),
    Shot("OPTIONS *", head("OPTIONS *"), 404, "NOT_FOUND"),
    Shot("a URL without a path", head(f"GET http://{CANARY}"), 400, "BAD_REQUEST", closes=True),
]
