"""Turns what a command may raise on purpose into one message and exit code 1."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Final

import click
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.accounts.errors import KeyInUse, KeyRingMismatch, UnknownKey
from graph.execution.trusted_documents import TrustedDocumentsError
from graph.security.errors import KeyRingError, RateLimitStorageUnusable
from graph.settings import SettingsError
from graph.tracing import TracingUnavailable
from models.errors import DatabaseBehind, DatabaseError, UnsupportedDatabase

# The first that fits counts.
_MESSAGES: Final[Mapping[type[Exception], str]] = {
    SettingsError: "{}",
    KeyRingMismatch: "{}",
    KeyInUse: "{}",
    UnknownKey: "{}",
    KeyRingError: "WXGATE_ENCRYPTION_KEYS: {}.",
    TrustedDocumentsError: "WXGATE_TRUSTED_DOCUMENTS: {}",
    RateLimitStorageUnusable: "WXGATE_RATE_LIMIT_STORAGE {}.",
    TracingUnavailable: "WXGATE_OTEL {}.",
    UnsupportedDatabase: "WXGATE_DATABASE_URL {}.",
    DatabaseBehind: "The database's tables are not those of this version: run `wxgate migrate`.",
    DatabaseError: "The database could not do it ({}): is it running, and is WXGATE_DATABASE_URL right?",
}
_ON_PURPOSE: Final[tuple[type[Exception], ...]] = (*_MESSAGES, OSError)


@contextlib.contextmanager
def faults_in_one_message() -> Iterator[None]:
    """A fault of the settings, the keys, the database or the system ends the command; a defect keeps its traceback."""
    try:
        yield
    except _ON_PURPOSE as error:
        message = _message(error)
    else:
        return
    raise click.ClickException(message)  # away from what was caught, which may hold a value


def _message(error: Exception) -> str:
    if isinstance(error, OSError):
        return ": ".join(filter(None, [error.filename, error.strerror])) or "The operating system refused."
    return next(message for kind, message in _MESSAGES.items() if isinstance(error, kind)).format(error)


class StartupFaults:
    """Passes everything on to an application, and keeps what its startup raises on purpose for `reraise`.

    uvicorn would log it with a traceback, and end with exit code 3.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._fault: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the lifespan."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        failures: list[Message] = []

        async def send_later(message: Message) -> None:
            if message["type"].endswith(".failed"):
                failures.append(message)
            else:
                await send(message)

        try:
            await self._app(scope, receive, send_later)
        except BaseException as error:
            for message in failures:
                if isinstance(error, _ON_PURPOSE):
                    self._fault = error
                await send({**message, "message": ""} if self._fault else message)
            raise

    @contextlib.contextmanager
    def reraised(self) -> Iterator[None]:
        """Raises the fault in place of the `SystemExit` that it leads to."""
        try:
            yield
        except SystemExit:
            if self._fault is None:
                raise
        if self._fault is not None:
            raise self._fault
