"""The headers of a request, read once for everything that needs them."""

from collections.abc import Iterable, Mapping

from starlette.types import Scope

Headers = Mapping[bytes, str]
"""By lower-case name, each byte of a value a character; `RequestMiddleware` makes it."""


def headers_of(scope: Scope) -> Headers:
    """The headers of a request that passed `RequestMiddleware`."""
    return scope["state"]["headers"]  # type: ignore[no-any-return]


def joined(lines: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers of which some are repeated: those are lists, each in one value (RFC 9110, section 5.3)."""
    values: dict[bytes, list[str]] = {}
    for name, value in lines:
        values.setdefault(name, []).append(value.decode("latin-1"))
    return {name: ", ".join(several) for name, several in values.items()}
