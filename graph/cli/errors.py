"""Turns what a command may raise on purpose into one message and exit code 1."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import click
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from graph.accounts.errors import KeyNotRetired, KeyRingMismatch, NotMerged
from graph.execution.trusted_documents import TrustedDocumentsError
from graph.security.errors import KeyRingError, RateLimitStorageUnusable, ServicesError
from graph.settings import SettingsError
from graph.tracing import TracingUnavailable
from models.errors import DatabaseAhead, DatabaseBehind, DatabaseError, RightMissing, UnsupportedDatabase

# The first that fits counts.
_MESSAGES: Final[Mapping[type[Exception], str]] = {
    SettingsError: "{}",
    KeyRingMismatch: "{}",
    KeyNotRetired: "{}",
    NotMerged: "{}",
    KeyRingError: "WXGATE_ENCRYPTION_KEYS: {}.",
    ServicesError: "WXGATE_SERVICES {}.",
    TrustedDocumentsError: "WXGATE_TRUSTED_DOCUMENTS: {}",
    RateLimitStorageUnusable: "WXGATE_RATE_LIMIT_STORAGE {}.",
    TracingUnavailable: "WXGATE_OTEL {}.",
    UnsupportedDatabase: "WXGATE_DATABASE_URL {}.",
    DatabaseAhead: "The database is newer than this version of wxgate, which does not know its migration {}.",
    DatabaseBehind: "The database's tables are not those of this version: run `wxgate migrate`.",
    RightMissing: "The database's role lacks a right (SQLSTATE 42501): to migrate, GRANT it CREATE on the schema; "
    "to serve, SELECT, INSERT, UPDATE and DELETE on its tables and USAGE on its sequences.",
    DatabaseError: "The database could not do it ({}): is it running, and is WXGATE_DATABASE_URL right?",
}
_EXPECTED: Final[tuple[type[Exception], ...]] = (*_MESSAGES, OSError)


@contextlib.contextmanager
def faults_in_one_message() -> Iterator[None]:
    """A fault of the settings, the keys, the database or the system ends the command; a defect keeps its traceback."""
    try:
        yield
    except BrokenPipeError:
        raise  # the reader of the output is gone: click ends quietly
    except OSError as error:
        message = ": ".join(filter(None, [error.filename, error.strerror])) or "The operating system refused."
    except _EXPECTED as error:
        message = next(text for kind, text in _MESSAGES.items() if isinstance(error, kind)).format(error)
    else:
        return
    raise click.ClickException(message)  # away from what was caught, which may hold a value


class CommandGroup(click.Group):
    """Ends each of its commands as `faults_in_one_message` does."""

    def invoke(self, ctx: click.Context) -> object:
        with faults_in_one_message():
            return super().invoke(ctx)


class Lifespan:
    """Runs a lifespan, and keeps its `fault`, which uvicorn would log with a traceback and end for with exit code 3.

    `started` is called once requests are served.
    """

    def __init__(self, app: Starlette, started: Callable[[], None] = lambda: None) -> None:
        self._app = app
        self._started = started
        self.fault: Exception | None = None

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        stage = "startup"
        await receive()
        try:
            async with self._app.router.lifespan_context(self._app):
                await send({"type": "lifespan.startup.complete"})
                self._started()
                await receive()
                stage = "shutdown"
        except _EXPECTED as error:
            self.fault = error
            await send({"type": f"lifespan.{stage}.failed", "message": ""})
        else:
            await send({"type": "lifespan.shutdown.complete"})
