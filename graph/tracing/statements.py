"""A span for each statement: its verb and its table, for the rest of it and its values identify users."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, Final, TypeVar

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from tortoise.queryset import BulkCreateQuery, DeleteQuery, UpdateQuery

from models.database import Database, Row, Transaction
from models.errors import DatabaseError

T = TypeVar("T")

_VERBS: Final = {UpdateQuery: "UPDATE", DeleteQuery: "DELETE", BulkCreateQuery: "INSERT"}
_VERB: Final = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE)\b")
_TABLE: Final = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+([a-z_]+)")


@lru_cache(maxsize=256)
def statement_name(sql: str) -> str:
    """`SELECT sessions` of a statement whose values are placeholders; the first table, where it has several."""
    found = [pattern.search(sql) for pattern in (_VERB, _TABLE)]
    return " ".join(match[1] for match in found if match) or "statement"


class TracedDatabase(Database):
    """A database whose statements are spans of whatever span is current.

    Sessions that were looked up together are one statement, and one span, of the request that came first.
    """

    def __init__(self, url: str, tracer: Tracer) -> None:
        super().__init__(url)
        self._tracer = tracer
        self._system = {"sqlite": "sqlite", "postgres": "postgresql"}[self.dialect]

    async def fetch(self, sql: str, *values: object) -> Sequence[Row]:
        """See `Database.fetch`."""
        with self._span(statement_name(sql)):
            return await super().fetch(sql, *values)

    async def read(self, sql: str, *values: object) -> Sequence[Sequence[Any]]:
        """See `Database.read`."""
        with self._span(statement_name(sql)):
            return await super().read(sql, *values)

    async def transaction(self, transaction: Transaction[T]) -> T:
        """See `Database.transaction`; all of it is one span."""
        with self._span("transaction"):
            return await super().transaction(transaction)

    def _observed(self, queryset: Any) -> AbstractContextManager[object]:
        verb = _VERBS.get(type(queryset), "SELECT")
        return self._span(f"{verb} {queryset.model._meta.db_table}")  # noqa: SLF001 - Tortoise documents `_meta`

    @contextlib.contextmanager
    def _span(self, name: str) -> Iterator[None]:
        if not trace.get_current_span().is_recording():
            yield
            return
        with self._tracer.start_as_current_span(
            name,
            kind=SpanKind.CLIENT,
            attributes={"db.system.name": self._system},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except DatabaseError as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(Status(StatusCode.ERROR))
                raise
