"""The most that a connection and a request may be, take and cost; `protocol.py` enforces it on every route."""

from collections.abc import Mapping
from typing import TypeAlias

from pydantic import BaseModel, Field


class RequestLimits(BaseModel, frozen=True):
    """The most that one request may be and take. A route may have limits of its own; the others have the default."""

    body_bytes: int = Field(65_536, ge=1_024, description="Bytes of a body.")
    body_seconds: float = Field(5, gt=0, description="Seconds that a body may take to arrive.")
    request_seconds: float = Field(10, gt=0, description="Seconds that a request may take in all.")


class StreamedLimits(RequestLimits, frozen=True):
    """Those of a route whose application reads the body in pieces, instead of getting it whole.

    It is called when the head has arrived. Its `receive` raises `HttpError` where the rest of the body cannot follow:
    too large, too late, not HTTP.
    """


RouteLimits: TypeAlias = Mapping[str, RequestLimits]
"""By path; one that ends in a slash counts for all paths that have one segment more."""


class ConnectionLimits(BaseModel, frozen=True):
    """The most that one connection may do, and all connections together."""

    url_bytes: int = Field(8_192, ge=100, le=65_000, description="Bytes of a URL.")
    headers: int = Field(64, ge=8, description="Headers of a request.")
    head_bytes: int = Field(16_384, ge=1_024, description="Bytes of all headers of a request.")
    head_seconds: float = Field(5, gt=0, description="Seconds that the headers may take to arrive.")
    # A proxy keeps its connections for about a minute. The one who closes first must be the proxy, or it sends a
    # request into a connection that is just being closed.
    idle_seconds: int = Field(
        75, ge=1, description="Seconds that a connection may idle; let it be more than your proxy's."
    )
    unread_seconds: float = Field(10, gt=0, description="Seconds that a client may leave responses unread.")
    pipelined: int = Field(16, ge=1, description="Requests that may wait behind the one being answered.")
    concurrency: int = Field(500, ge=1, le=100_000, description="Complete requests at work at once; more get 503.")
    pending_bytes: int = Field(
        32 * 1024 * 1024, ge=65_536, description="Bytes of all requests that have not arrived whole, or wait in line."
    )
    pending_bytes_per_address: int = Field(4 * 1024 * 1024, ge=65_536, description="The same from one client address.")
