"""The headers of a request, read once for everything that needs them."""

from collections.abc import Sequence

from starlette.types import Scope


class Headers:
    """Headers by their lower-case names. A repeated one is a list in one value (RFC 9110, section 5.3)."""

    __slots__ = ("_values",)

    def __init__(self, lines: Sequence[tuple[bytes, bytes]]) -> None:
        self._values = dict(lines)
        if len(self._values) < len(lines):
            joined: dict[bytes, list[bytes]] = {}
            for name, value in lines:
                joined.setdefault(name, []).append(value)
            self._values = {name: b", ".join(values) for name, values in joined.items()}

    def __contains__(self, name: bytes) -> bool:
        return name in self._values

    def get(self, name: bytes) -> str | None:
        """The value of a header, each byte a character."""
        value = self._values.get(name)
        return None if value is None else value.decode("latin-1")


def headers_of(scope: Scope) -> Headers:
    """The headers of a request."""
    state = scope.setdefault("state", {})
    headers = state.get("headers")
    if headers is None:
        headers = state["headers"] = Headers(scope["headers"])
    return headers  # type: ignore[no-any-return]
