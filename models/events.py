"""The inbox of WeChat's events: stored before WeChat is answered, applied by one process each, and kept for a while."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple

from tortoise import fields
from tortoise.expressions import Q
from tortoise.functions import Count, Min
from tortoise.models import Model

from models.database import Database, Steps


class EventState(IntEnum):
    """FAILED is for an operator: it is not tried again by itself."""

    NEW = 0
    DONE = 1
    FAILED = 2


class Event(Model):
    """The table `events`. The id is a hash of the mini-program and the message, so that a repeat is no second event.

    `body` is the sealed message, for it names a user; "" once it is applied. Times in epoch milliseconds: `created_at`
    is WeChat's, `due_at` when it is to be applied, or was, and no other process does before `taken_until`.
    """

    id = fields.CharField(primary_key=True, max_length=43)
    app_id = fields.CharField(max_length=32)
    event = fields.CharField(max_length=48)
    body = fields.TextField()
    created_at = fields.BigIntField()
    received_at = fields.BigIntField()
    due_at = fields.BigIntField()
    taken_until = fields.BigIntField()
    tries = fields.SmallIntField()
    # An `EventState`.
    state = fields.SmallIntField()

    class Meta:
        table = "events"
        # Fixed, because Tortoise would make every edit of the docstring above a change of the schema.
        table_description = "Events that WeChat has pushed."
        indexes = (("state", "due_at"),)


# Nothing of the user stays in it, but a repeat is still recognised.
_FINISH: Final = """
UPDATE events SET state = 1, body = '', due_at = $2, tries = tries + 1 WHERE id = $1 AND state = 0 RETURNING id"""
# More than one, for other processes may take the same at this moment.
_CANDIDATES: Final = 10


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One row; `body` is sealed."""

    id: str
    app_id: str
    event: str
    body: str = field(repr=False)
    created_at: int
    received_at: int
    due_at: int
    tries: int
    state: int


class Backlog(NamedTuple):
    """When the oldest event came that is not applied, if any is waiting, and how many have failed."""

    oldest_at: int | None
    failed: int


async def store_event(
    database: Database, event_id: str, *, app_id: str, event: str, body: str, created_at: int, now: int
) -> None:
    """Stores an event that is due at once; one that is there already stays as it is. Raises `DatabaseError`, as all."""
    row = Event(
        id=event_id,
        app_id=app_id,
        event=event,
        body=body,
        created_at=created_at,
        received_at=now,
        due_at=now,
        taken_until=0,
        tries=0,
        state=EventState.NEW,
    )
    await database.run(lambda: Event.bulk_create([row], ignore_conflicts=True))


async def take_event(database: Database, *, now: int, until: int) -> StoredEvent | None:
    """An event that is due, the longest first, and is no other process's until `until`; None when there is none."""
    due = Event.filter(state=EventState.NEW, due_at__lte=now, taken_until__lte=now)
    columns = StoredEvent.__slots__
    rows = await database.run(lambda: due.order_by("due_at").limit(_CANDIDATES).values_list(*columns), reads=True)
    for event in (StoredEvent(*row) for row in rows):
        if await database.run(lambda: due.filter(id=event.id).update(taken_until=until)):  # noqa: B023
            return event
    return None


def finish_event(event_id: str, *, now: int) -> Steps[bool]:
    """Marks an event as applied, in the transaction that does; False when it was before."""
    return bool((yield _FINISH, (event_id, now)))


async def put_off(database: Database, event: StoredEvent, *, due_at: int | None) -> None:
    """Notes that an event could not be applied; when it is due again, or None to leave it to an operator."""
    row = Event.filter(id=event.id, state=EventState.NEW)
    change = {"state": EventState.FAILED} if due_at is None else {"due_at": due_at}
    await database.run(lambda: row.update(**change, tries=event.tries + 1, taken_until=0))


async def retry_event(database: Database, event_id: str, *, now: int) -> bool:
    """Makes an event that has failed due at once; False when there is none with this id."""
    row = Event.filter(id=event_id, state=EventState.FAILED)
    return await database.run(lambda: row.update(state=EventState.NEW, due_at=now, taken_until=0, tries=0)) == 1


async def next_due_at(database: Database, *, now: int) -> int | None:
    """When the next event is due that is not yet, if there is one."""
    waiting = Event.filter(state=EventState.NEW, due_at__gt=now).order_by("due_at").limit(1)
    rows = await database.run(lambda: waiting.values_list("due_at"), reads=True)
    return int(rows[0][0]) if rows else None


async def read_backlog(database: Database, *, patient: str) -> Backlog:
    """What is not applied. An event with the name `patient` that has been tried may wait for what it is about."""
    waiting = Q(state=EventState.NEW) & ~Q(event=patient, tries__gt=0)
    rows = Event.filter(waiting | Q(state=EventState.FAILED)).group_by("state")
    counted = rows.annotate(number=Count("id"), oldest=Min("received_at")).values_list("state", "number", "oldest")
    found = {state: (number, oldest) for state, number, oldest in await database.run(lambda: counted, reads=True)}
    return Backlog(found.get(EventState.NEW, (0, None))[1], found.get(EventState.FAILED, (0, None))[0])


async def read_events(
    database: Database, *, failed: bool = False, size: int = 500
) -> AsyncIterator[Sequence[StoredEvent]]:
    """All events, or those that have failed, the newest first and at most `size` at a time."""
    events = Event.filter(state=EventState.FAILED) if failed else Event.all()
    events = rest = events.order_by("-received_at", "-id").limit(size)
    while page := await database.run(lambda: rest.values_list(*StoredEvent.__slots__), reads=True):  # noqa: B023
        found = [StoredEvent(*row) for row in page]
        yield found
        at, last = found[-1].received_at, found[-1].id
        rest = events.filter(Q(received_at__lt=at) | Q(received_at=at, id__lt=last))


async def read_unapplied(database: Database, *, after: str, limit: int) -> Sequence[StoredEvent]:
    """The next events by id that still have a body. Raises `DatabaseError`, as all here."""
    waiting = Event.filter(state__in=[EventState.NEW, EventState.FAILED], id__gt=after).order_by("id").limit(limit)
    rows = await database.run(lambda: waiting.values_list(*StoredEvent.__slots__), reads=True)
    return [StoredEvent(*row) for row in rows]


async def count_events_by_key(database: Database, *, batch: int = 1000) -> dict[str, int]:
    """How many bodies are sealed with each key id. In batches, as `count_accounts_by_key`."""
    counts, after = Counter[str](), ""
    while page := await read_unapplied(database, after=after, limit=batch):
        counts.update(event.body.partition(".")[2].partition(".")[0] for event in page)
        after = page[-1].id
    return dict(counts)


async def reseal_event(database: Database, old: StoredEvent, body: str) -> bool:
    """Replaces the seal of a body if it is still the old one; False when the event has been applied meanwhile."""
    row = Event.filter(id=old.id, body=old.body)
    return await database.run(lambda: row.update(body=body)) == 1


async def delete_old(database: Database, *, done: int, failed: int, size: int) -> AsyncIterator[int]:
    """Deletes events that were applied before `done` or failed before `failed`, page by page; how many with each."""
    is_old = Q(state=EventState.DONE, due_at__lt=done) | Q(state=EventState.FAILED, due_at__lt=failed)
    old = Event.filter(is_old).order_by("due_at").limit(size)
    while ids := await database.run(lambda: old.values_list("id", flat=True), reads=True):
        yield await database.run(Event.filter(id__in=ids).delete)
