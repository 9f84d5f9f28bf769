"""What is known of a request once it is answered, and the one line that it leaves in the log."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import orjson
from starlette.types import Scope

from graph.observability.log_writer import log_writer
from graph.observability.logging import Style, text_line
from graph.observability.metrics import MAX_OPERATION_LENGTH

_log = logging.getLogger(__name__)
_LINE: Final = {"level": "INFO", "logger": __name__, "message": "request"}


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
    """An `Observer` that writes one line for each request: no query string, no path that is unknown.

    As what `configure_logging` would write of it, at a tenth of the cost; without a `style`, by this process's logging.
    Those of `probes`, paths that are asked all day, are DEBUG; so are those of `assets`, prefixes of paths that a page
    asks for by itself, unless they fail.
    """

    def __init__(
        self, style: Style | None = None, *, probes: frozenset[str] = frozenset(), assets: tuple[str, ...] = ()
    ) -> None:
        self._style = style
        self._probes = probes
        self._assets = assets
        self._write = log_writer().write

    def __call__(self, record: RequestRecord) -> None:
        fields: dict[str, object] = {
            "request_id": record.request_id,
            "method": record.method,
            "path": record.path,
            "status": record.status,
            "ms": round(record.seconds * 1000, 1),
        }
        if record.operation is not None:
            fields["operation"] = record.operation if len(record.operation) <= MAX_OPERATION_LENGTH else "?"
        if record.codes:
            fields["code"] = record.codes[0]
        if record.path in self._probes or (record.status < 400 and record.path.startswith(self._assets)):
            _log.debug("request", extra=fields)
        elif self._style == "json":
            line = {"timestamp": datetime.now(UTC), **_LINE, **fields}
            self._write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        elif self._style == "text":
            self._write(text_line(time.time(), "INFO", "request", fields).encode())
        else:
            _log.info("request", extra=fields)
