"""Chooses the media type of an answer from the header `Accept`."""

import re
from functools import lru_cache
from typing import Final

from graph.http.responses import GRAPHQL_RESPONSE_JSON, JSON

_QUALITY: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{0,9})?")


# Clients of one kind all say the same.
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
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            quality = min(float(value), 1.0) if _QUALITY.fullmatch(value.strip()) else 0.0
        elif (name.strip(), value.strip().strip('"')) != ("charset", "utf-8"):
            return "", 0.0
    return media_range, quality


def _matching(media_range: str) -> tuple[str, ...]:
    if media_range in {"*/*", "application/*", JSON}:
        return (JSON,)
    return (GRAPHQL_RESPONSE_JSON,) if media_range == GRAPHQL_RESPONSE_JSON else ()
