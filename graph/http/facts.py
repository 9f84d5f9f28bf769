"""What is known of a request once it is answered: for the log, for metrics, and no secret among it."""

from collections.abc import Callable
from typing import Final

from starlette.types import Scope

_FACTS: Final = "facts"


class Facts:
    """One request. `RequestMiddleware` makes it and completes it, the endpoint adds what it ran.

    `path` is one that the server knows, or "?"; `kind` is query or mutation, None while no operation ran; `codes` are
    those of the errors in the answer.
    """

    __slots__ = ("codes", "kind", "method", "operation", "path", "request_id", "seconds", "status")

    def __init__(self, request_id: str, method: str, path: str) -> None:
        self.request_id = request_id
        self.method = method
        self.path = path
        self.status = 0
        self.seconds = 0.0
        self.operation: str | None = None
        self.kind: str | None = None
        self.codes: tuple[str, ...] = ()


Observer = Callable[[Facts], None]


def note_facts(scope: Scope, facts: Facts) -> None:
    """Hands the facts down with the request."""
    scope.setdefault("state", {})[_FACTS] = facts


def facts_of(scope: Scope) -> Facts:
    """The facts of a request that `RequestMiddleware` let in."""
    return scope["state"][_FACTS]  # type: ignore[no-any-return]
