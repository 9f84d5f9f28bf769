"""Keeps WeChat's events, and applies them soon: at once by the process that took one, else by any that looks."""

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Self

from graph.accounts.encryption_keys import KeyCheck
from graph.accounts.errors import KeyRingMismatch
from graph.accounts.events import apply_event
from graph.accounts.picture_check import PictureChecks
from graph.security.encryption import KeyRing, SealContext, Sealed
from graph.security.tokens import digest
from graph.wechat.push import EventName, PushedEvent, read_event
from models.clock import clock_ahead
from models.database import Database
from models.errors import (
    Conflict,
    DatabaseBehind,
    DatabaseError,
    DatabaseUnavailable,
    RightMissing,
    StatementTimeout,
)
from models.events import (
    Backlog,
    StoredEvent,
    finish_event,
    next_due_at,
    put_off,
    read_backlog,
    store_event,
    take_event,
)

_log = logging.getLogger(__name__)

# About how often each process looks for events that another one has not applied, or that are due again.
LOOK_EVERY_SECONDS: Final = 30.0
# How long the others wait for a process that died at one.
_TAKEN_MS: Final = 60_000
# After these times an event that could not be applied is tried again; then it is left to an operator.
RETRY_AFTER_MS: Final = (60_000, 300_000, 1_800_000)
# The same of a picture's result, which may come before WeChat's response by which it is known; ten minutes in all, for
# most of those are of another service, which has pictures checked for the same mini-program.
RESULT_RETRY_AFTER_MS: Final = (1000, 2000, 4000, 8000, 15_000, 30_000, 60_000, 120_000, 180_000, 180_000)
_LEAST_WAIT_SECONDS: Final = 0.05


def body_context(app_id: str, event_id: str) -> SealContext:
    """Where the sealed message of an event belongs."""
    return SealContext(table="events", column="body", app_id=app_id, openid=event_id)


@dataclass(kw_only=True, eq=False, repr=False)
class EventInbox:
    """An async context manager, within which events are applied if `is_used`. `now` gives epoch milliseconds."""

    database: Database
    key_ring: KeyRing
    key_check: KeyCheck
    picture_checks: PictureChecks
    now: Callable[[], int]
    is_used: bool
    # As it was last seen.
    _backlog: Backlog = field(default=Backlog(None, 0), init=False)
    _ahead: int = field(default=0, init=False)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)

    async def __aenter__(self) -> Self:
        if self.is_used:
            self._task = asyncio.create_task(self._now_and_then())
        return self

    async def __aexit__(self, *_exception: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def store(self, app_id: str, event: PushedEvent) -> None:
        """Returns when the event is stored, now or before. Raises `KeyRingMismatch`, `DatabaseError`."""
        await self.key_check.ensure()
        # Of the whole message: FromUserName and CreateTime are the same for two users within a second.
        event_id = digest(app_id.encode() + b"\0" + event.message)
        now = await self._shared_now()
        await store_event(
            self.database,
            event_id,
            app_id=app_id,
            event=event.name,
            body=self.key_ring.seal(event.message, body_context(app_id, event_id)),
            created_at=event.created_at,
            now=now,
        )
        if self._backlog.oldest_at is None:
            self._backlog = self._backlog._replace(oldest_at=now)
        self._arrived.set()

    def age_and_failures(self) -> tuple[float, int]:
        """Seconds that the oldest event waits which is not applied, and how many have failed; from any thread."""
        oldest_at, failed = self._backlog
        return 0.0 if oldest_at is None else max(0.0, (self.now() - self._ahead - oldest_at) / 1000), failed

    async def _shared_now(self) -> int:
        """Now by the database's clock, which all who apply events share."""
        self._ahead = await clock_ahead(self.database)
        return self.now() - self._ahead

    async def _now_and_then(self) -> None:
        while True:
            self._arrived.clear()
            # Replicas that started together should not all look together.
            seconds = LOOK_EVERY_SECONDS * random.uniform(0.5, 1.5)  # noqa: S311 - nothing secret
            try:
                seconds = min(seconds, await self._apply_due())
            except (DatabaseError, KeyRingMismatch) as error:
                _log.warning("could not look for events", extra={"reason": str(error)})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._arrived.wait()

    async def _apply_due(self) -> float:
        """In how many seconds the next event is due, as far as is known."""
        await self.key_check.ensure()
        now = await self._shared_now()
        while event := await take_event(self.database, now=now, until=now + _TAKEN_MS):
            await self._apply(event, now)
            now = self.now() - self._ahead
        self._backlog = await read_backlog(self.database, patient=EventName.MEDIA_CHECK)
        due_at = await next_due_at(self.database, now=now)
        return math.inf if due_at is None else max(_LEAST_WAIT_SECONDS, (due_at - now) / 1000)

    async def _apply(self, event: StoredEvent, now: int) -> None:
        """Raises `DatabaseError` where no other event could be applied either: that is no try."""
        try:
            message = self.key_ring.open(Sealed(event.body), body_context(event.app_id, event.id))
            pushed = read_event(message, event.app_id)
            if pushed is not None and pushed.media_check is not None:
                if not await self.picture_checks.take_result(event.id, event.app_id, pushed.media_check, now=now):
                    await self._keep_result(event, now)
                return
            if pushed is not None:
                await self.database.transaction(lambda: apply_event(event.id, event.app_id, pushed, now=now))
                return
            reason = "unknown event"
        except (RightMissing, Conflict, StatementTimeout) as error:  # of this event, perhaps, and of no other
            reason = type(error).__name__
        except (DatabaseUnavailable, DatabaseBehind):
            raise
        except Exception as error:
            reason = type(error).__name__
        # What waits for its picture has been tried often before it fails.
        waits = RESULT_RETRY_AFTER_MS if event.event == EventName.MEDIA_CHECK else RETRY_AFTER_MS
        again = event.tries < len(waits)
        level, outcome = (logging.WARNING, "could not apply an event") if again else (logging.ERROR, "gave up an event")
        _log.log(level, outcome, extra={"event_id": event.id, "wechat_event": event.event, "reason": reason})
        await put_off(self.database, event, due_at=now + waits[event.tries] if again else None)

    async def _keep_result(self, event: StoredEvent, now: int) -> None:
        if event.tries < len(RESULT_RETRY_AFTER_MS):
            await put_off(self.database, event, due_at=now + RESULT_RETRY_AFTER_MS[event.tries])
            return
        await self.database.transaction(lambda: finish_event(event.id, now=now))
        _log.info("no picture of this server is checked under the trace_id of an event", extra={"event_id": event.id})
