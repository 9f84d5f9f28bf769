"""The one line that a request leaves in the log.

It holds no path that the server does not know, no query string, and no name of an operation as long as a token: all of
these can hold anything.
"""

from collections.abc import Callable, Mapping
from typing import Final

from graph.http.facts import Facts

LOGGER: Final = "graph.http.request"
MESSAGE: Final = "request"

LONGEST_NAME: Final = 40


class RequestLog:
    """Tells `write` the fields of each request's line; an `Observer`."""

    def __init__(self, write: Callable[[Mapping[str, object]], None]) -> None:
        self._write = write

    def __call__(self, facts: Facts) -> None:
        """One request."""
        fields: dict[str, object] = {
            "request_id": facts.request_id,
            "method": facts.method,
            "path": facts.path,
            "status": facts.status,
            "ms": round(facts.seconds * 1000, 1),
        }
        if facts.operation is not None:
            fields["operation"] = facts.operation if len(facts.operation) <= LONGEST_NAME else "?"
        if facts.codes:
            fields["code"] = facts.codes[0]
        self._write(fields)
