"""The headers of a request, read once for everything that needs them."""

from collections.abc import Mapping

from starlette.types import Scope

Headers = Mapping[bytes, str]
"""By lower-case name, each byte of a value a character. A repeated one is a list (RFC 9110, section 5.3)."""


def headers_of(scope: Scope) -> Headers:
    """The headers of a request."""
    state = scope.setdefault("state", {})
    known: Headers | None = state.get("headers")
    if known is not None:
        return known
    headers: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        text = value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    state["headers"] = headers
    return headers
