"""The one shape of every response: JSON, never stored, errors coded like GraphQL's own."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

import orjson
from starlette.responses import Response
from starlette.types import Scope

from graph.errors import ErrorCode
from graph.http.access_log import record_of
from graph.server.http_error import HttpError

JSON: Final = "application/json"
GRAPHQL_RESPONSE_JSON: Final = "application/graphql-response+json"
# With the charset spelt out, as clients older than RFC 8259 want it.
CONTENT_TYPES: Final = {name: f"{name}; charset=utf-8".encode() for name in (JSON, GRAPHQL_RESPONSE_JSON)}
UTF_8: Final = frozenset({"utf-8", "utf8"})
_RANGES: Final = {"*/*": JSON, "application/*": JSON, JSON: JSON, GRAPHQL_RESPONSE_JSON: GRAPHQL_RESPONSE_JSON}
# `q=.2` and `*` are what Java's HttpURLConnection sends by default.
_QUALITY: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{0,9})?|\.[0-9]{1,9}")
# Without digits: a name of a type, and hardly a secret.
_MEDIA_TYPE: Final = re.compile(r"[a-z]{1,20}/[a-z.+-]{1,40}")


def json_response(
    body: Mapping[str, Any] | Sequence[Any],
    status: int = 200,
    *,
    media_type: str = JSON,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A JSON body and the headers that describe it."""
    return Response(orjson.dumps(body), status, headers, CONTENT_TYPES[media_type].decode())


def error_response(error: HttpError, scope: Scope, *, media_type: str = JSON) -> Response:
    """The error in GraphQL's shape, noted in the record of the request."""
    record = record_of(scope)
    record.codes = (error.coded.code.name,)
    body = {"errors": [{"message": error.coded.message, "extensions": error.coded.extensions(record.request_id)}]}
    return json_response(body, error.status, media_type=media_type, headers=error.headers)


def named_media_type(header: str) -> str:
    """What a message may call the first media type of `Accept` or `Content-Type`."""
    media_type = re.split("[;,]", header)[0].strip().lower()
    return media_type if _MEDIA_TYPE.fullmatch(media_type) else "something else" if media_type else "nothing"


def unacceptable(accept: str) -> HttpError:
    """406, for what `response_media_type` has nothing for."""
    msg = f"This endpoint answers {JSON} or {GRAPHQL_RESPONSE_JSON}, not {named_media_type(accept)}."
    return HttpError(406, ErrorCode.NOT_ACCEPTABLE, msg)


# Clients of one kind all send the same.
@lru_cache(maxsize=128)
def response_media_type(accept: str | None) -> str | None:
    """`application/graphql-response+json` or `application/json`, or None when neither is accepted.

    Without a preference `application/json`, which old clients understand. Quality values are honoured, parameters
    other than `charset=utf-8` make a range that this server does not serve (RFC 9110, section 12.5.1).
    """
    if accept is None or not accept.strip():
        return JSON
    ranges = [_parsed(part) for part in accept.split(",")]
    refused = {media_type for media_type, quality in ranges if quality == 0}
    best, _ = max(ranges, key=itemgetter(1))  # the first of equals
    return None if best in refused else best


def _parsed(part: str) -> tuple[str | None, float]:
    """The media type that this server has for a range, and the quality value; zero where it has none."""
    media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
    media_type, quality = _RANGES.get("*/*" if media_range == "*" else media_range), 1.0
    for parameter in filter(None, parameters):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            quality = min(float(value), 1.0) if _QUALITY.fullmatch(value.strip()) else 0.0
        elif name.strip() != "charset" or value.strip().strip('"') not in UTF_8:
            media_type = None
    return media_type, quality if media_type else 0.0
