"""Whether a client already has what it asks for."""

from starlette.requests import Request


def client_has(request: Request, tag: str) -> bool:
    """By `If-None-Match`, in a comparison that is weak (RFC 9110, section 13.1.2); the tag has its quotes."""
    named = ",".join(request.headers.getlist("if-none-match")).split(",")
    return not {"*", tag}.isdisjoint(each.strip().removeprefix("W/") for each in named)
