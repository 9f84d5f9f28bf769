"""The headers of a request, read once for everybody who asks."""

from collections.abc import Sequence
from typing import Final

from starlette.types import Scope

_HEAD: Final = "head"


class Head:
    """Headers by their lower-case names. One that is repeated is a list in one value (RFC 9110, section 5.3)."""

    __slots__ = ("_values", "repeated")

    def __init__(self, lines: Sequence[tuple[bytes, bytes]]) -> None:
        self._values = dict(lines)
        self.repeated: frozenset[bytes] = frozenset()
        if len(self._values) < len(lines):
            self._join(lines)

    def _join(self, lines: Sequence[tuple[bytes, bytes]]) -> None:
        joined: dict[bytes, list[bytes]] = {}
        for name, value in lines:
            joined.setdefault(name, []).append(value)
        self._values = {name: b", ".join(values) for name, values in joined.items()}
        self.repeated = frozenset(name for name, values in joined.items() if len(values) > 1)

    def __contains__(self, name: bytes) -> bool:
        return name in self._values

    def get(self, name: bytes) -> str | None:
        """The value of a header, each byte a character."""
        value = self._values.get(name)
        return None if value is None else value.decode("latin-1")


def head_of(scope: Scope) -> Head:
    """The head of a request."""
    state = scope.setdefault("state", {})
    head = state.get(_HEAD)
    if head is None:
        head = state[_HEAD] = Head(scope["headers"])
    return head  # type: ignore[no-any-return]
