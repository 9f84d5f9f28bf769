"""What is known of a request once it is answered, and the one line that it leaves in the log."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.types import Scope

LOGGER: Final = "graph.http.access_log"
MESSAGE: Final = "request"
# A name of an operation as long as a token could be one.
LONGEST_NAME: Final = 40


@dataclass(slots=True)
class RequestRecord:
    """One request, without secrets: `RequestMiddleware` makes and completes it, the endpoint adds what it ran.

    `path` is one that the server knows, or "?"; `kind` is query or mutation, None while no operation ran; `codes` are
    those of the errors in the response.
    """

    request_id: str
    method: str
    path: str
    status: int = 0
    seconds: float = 0.0
    operation: str | None = None
    kind: str | None = None
    codes: tuple[str, ...] = ()


Observer = Callable[[RequestRecord], None]


def record_of(scope: Scope) -> RequestRecord:
    """The record of a request that passed `RequestMiddleware`."""
    return scope["state"]["record"]  # type: ignore[no-any-return]


class AccessLog:
    """An `Observer` that gives `write` the fields of each request's line: no query string, no path that is unknown."""

    def __init__(self, write: Callable[[Mapping[str, object]], None]) -> None:
        self._write = write

    def __call__(self, record: RequestRecord) -> None:
        fields: dict[str, object] = {
            "request_id": record.request_id,
            "method": record.method,
            "path": record.path,
            "status": record.status,
            "ms": round(record.seconds * 1000, 1),
        }
        if record.operation is not None:
            fields["operation"] = record.operation if len(record.operation) <= LONGEST_NAME else "?"
        if record.codes:
            fields["code"] = record.codes[0]
        self._write(fields)
