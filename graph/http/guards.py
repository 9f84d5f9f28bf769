"""Requests that are refused for what they might be taken for, before anything reads them."""

from typing import Final

from graph.errors import ErrorCode
from graph.http.headers import Head
from graph.http.responses import HttpError

# A proxy and this server could believe different ones.
_ONCE: Final = frozenset({b"host", b"content-type", b"content-length", b"authorization"})


def refuse_unclear_headers(head: Head, http_version: str) -> None:
    """Raises `HttpError` when a header that decides about the request comes twice, or HTTP/1.1 comes without a host."""
    if http_version == "1.1" and b"host" not in head:
        raise HttpError(400, ErrorCode.BAD_REQUEST, "The header host is missing.")
    if head.repeated and (repeated := sorted(_ONCE & head.repeated)):
        raise HttpError(400, ErrorCode.BAD_REQUEST, f"The header {repeated[0].decode()} is repeated.")


def refuse_foreign_get(head: Head) -> None:
    """Raises `HttpError` for a GET that another web site may have made its visitor's browser send.

    A browser says so itself in `Sec-Fetch-Site`; where it is too old for that, a form or image cannot ask with a body
    type of its own, and there is no cookie here that would travel with it.
    """
    if head.get(b"sec-fetch-site") not in {None, "none", "same-origin"}:
        raise HttpError(403, ErrorCode.FORBIDDEN, "This server answers no GET from another site.")
    if (head.get(b"content-type") or "application/json").partition(";")[0].strip().lower() != "application/json":
        raise HttpError(415, ErrorCode.UNSUPPORTED_MEDIA_TYPE, "A GET has no body to be of another type.")
