"""The one shape of every response: JSON, never stored, errors coded like GraphQL's own."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import orjson
from starlette.responses import Response
from starlette.types import Scope

from graph.http.access_log import record_of
from graph.server.http_error import HttpError

JSON: Final = "application/json"
GRAPHQL_RESPONSE_JSON: Final = "application/graphql-response+json"
# With the charset spelt out, as clients older than RFC 8259 want it.
CONTENT_TYPES: Final = {name: f"{name}; charset=utf-8".encode() for name in (JSON, GRAPHQL_RESPONSE_JSON)}
_QUALITY: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{0,9})?")


class JsonResponse(Response):
    """A JSON body and the headers that describe it, without Starlette's search for what they might be."""

    def __init__(
        self,
        body: Mapping[str, Any],
        status: int = 200,
        *,
        media_type: str = JSON,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status_code, self.background = status, None
        self.body = orjson.dumps(body)
        self.raw_headers = [
            (b"content-type", CONTENT_TYPES[media_type]),
            (b"content-length", b"%d" % len(self.body)),
        ]
        if headers:
            self.raw_headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


def error_response(error: HttpError, scope: Scope, *, media_type: str | None = None) -> Response:
    """The error in GraphQL's shape, noted in the record of the request."""
    record = record_of(scope)
    record.codes = (error.coded.code.name,)
    body = {"errors": [{"message": error.coded.message, "extensions": error.coded.extensions(record.request_id)}]}
    return JsonResponse(body, error.status, media_type=media_type or JSON, headers=error.headers)


# Clients of one kind all send the same.
@lru_cache(maxsize=128)
def response_media_type(accept: str | None) -> str | None:
    """`application/graphql-response+json` or `application/json`, or None when neither is accepted.

    Without a preference `application/json`, which old clients understand. Quality values are honoured, parameters
    other than `charset=utf-8` make a range that this server does not serve (RFC 9110, section 12.5.1).
    """
    if accept is None or not accept.strip():
        return JSON
    best: tuple[float, int, str] | None = None
    refused = set()
    for order, part in enumerate(accept.split(",")):
        media_range, quality = _parsed(part)
        for media_type in _matching(media_range):
            if quality == 0:
                refused.add(media_type)
            elif best is None or (quality, -order) > best[:2]:
                best = (quality, -order, media_type)
    if best is None or best[2] in refused:
        return None
    return best[2]


def _parsed(part: str) -> tuple[str, float]:
    media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in filter(None, parameters):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            quality = min(float(value), 1.0) if _QUALITY.fullmatch(value.strip()) else 0.0
        elif name.strip() != "charset" or value.strip().strip('"') not in UTF_8:
            return "", 0.0
    return media_range, quality


UTF_8: Final = frozenset({"utf-8", "utf8"})


def _matching(media_range: str) -> tuple[str, ...]:
    if media_range in {"*/*", "application/*", JSON}:
        return (JSON,)
    return (GRAPHQL_RESPONSE_JSON,) if media_range == GRAPHQL_RESPONSE_JSON else ()
