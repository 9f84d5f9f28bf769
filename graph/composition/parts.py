"""The parts of one server, and how they are opened and closed."""

import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graph.accounts.encryption_keys import KeyCheck
from graph.accounts.jobs import Jobs
from graph.composition.content import ContentParts
from graph.execution.executor import Executor
from graph.http.wechat_events import WeChatEvents
from graph.observability.metrics import Metrics
from graph.schema.context import Services
from graph.security.service_credentials import ServiceCredentials
from graph.settings import Settings
from models.clock import clock_ahead
from models.database import Database
from models.errors import DatabaseAhead, DatabaseBehind, DatabaseError, UnsupportedDatabase

if TYPE_CHECKING:
    from graph.tracing.spans import Tracing

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """Built and not yet open: see `opened`."""

    settings: Settings
    database: Database
    key_check: KeyCheck
    services: Services
    content: ContentParts
    wechat_events: WeChatEvents
    # None where there are no other services.
    service_credentials: ServiceCredentials | None
    executor: Executor
    metrics: Metrics
    tracing: "Tracing | None"
    jobs: Jobs
    now: Callable[[], int]
    resources: tuple[AbstractAsyncContextManager[object], ...]

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Opens what has to be closed, whether or not the database answers.

        Raises `KeyRingMismatch`, and `UnsupportedDatabase` for one that is not in UTF8.
        """
        async with contextlib.AsyncExitStack() as stack:
            for resource in self.resources:
                await stack.enter_async_context(resource)
            try:
                await self.key_check.ensure()
                await clock_ahead(self.database)  # logs it
            except UnsupportedDatabase:
                raise
            except DatabaseAhead:
                _log.warning("not ready: the database is newer than this version of the server")
            except DatabaseBehind:
                _log.warning("starting without the tables of this version: run `wxgate migrate`")
            except DatabaseError as error:
                _log.info("starting without the database", extra={"reason": str(error)})
            async with self.jobs.in_background(), self.wechat_events.inbox:
                yield
