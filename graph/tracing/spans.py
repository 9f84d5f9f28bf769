"""One OpenTelemetry span a request, and below it one for each try of a call to WeChat and each statement.

A span holds names that the server chose, and the name of the client's operation: no argument, no token, no header, no
path that is unknown, no text of an exception. Of a statement it has the verb and the table, for the rest of it and its
values identify users.
"""

import asyncio
import contextlib
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, Final, Self

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from tortoise.queryset import BulkCreateQuery, DeleteQuery, UpdateQuery

from graph.http.access_log import RequestRecord, record_of
from graph.observability.metrics import MAX_OPERATION_LENGTH
from models.database import Database, Row, T, Transaction
from models.errors import DatabaseError

# A collector that does not take the last spans within so many seconds does not get them: a shutdown waits for it.
_FLUSH_SECONDS: Final = 3.0
_LONGEST_METHOD: Final = 10
_SERVICE: Final = Resource({"service.name": "wxgate"})
_VERBS: Final = {UpdateQuery: "UPDATE", DeleteQuery: "DELETE", BulkCreateQuery: "INSERT"}
_VERB: Final = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE)\b")
_TABLE: Final = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+([a-z_]+)")


class Tracing:
    """A provider of its own, and nothing global; an async context manager, which at its end sends what is left."""

    def __init__(self) -> None:
        # The environment's description of service and host has precedence over the name here.
        resource = Resource.create().merge(_SERVICE).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.tracer = self._provider.get_tracer("wxgate")

    async def __aenter__(self) -> Self:
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return self

    async def __aexit__(self, *_: object) -> None:
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        await asyncio.to_thread(last.join, _FLUSH_SECONDS)

    def middleware(self, app: ASGIApp, probes: frozenset[str]) -> ASGIApp:
        """The application with a span around each request except probes: around everything, so as long as the request.

        The caller is not trusted: a `traceparent` taken as the parent would let any client decide what is recorded, and
        write into the traces of others. It becomes a link, by which both sides still find each other; `tracestate` may
        hold any text, and is left out.
        """

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"] in probes:
                await app(scope, receive, send)
                return
            with self.tracer.start_as_current_span(
                "request",
                kind=SpanKind.SERVER,
                links=_links(Headers(scope=scope).get("traceparent")),
                record_exception=False,
                set_status_on_exception=False,
            ) as span:
                try:
                    await app(scope, receive, send)
                finally:
                    _describe(span, record_of(scope))

        return traced

    def database(self, url: str) -> "TracedDatabase":
        return TracedDatabase(url, self.tracer)

    def wechat_called(self, app_id: str, endpoint: str, outcome: str, seconds: float) -> None:
        """Adds a try that has just ended to the span of its request."""
        if not trace.get_current_span().is_recording():
            return
        end = time.time_ns()
        span = self.tracer.start_span(
            f"WeChat {endpoint}",
            kind=SpanKind.CLIENT,
            start_time=end - int(seconds * 1e9),
            attributes={"wechat.app_id": app_id, "wechat.endpoint": endpoint, "wechat.outcome": outcome},
        )
        if outcome != "ok":
            _set_error(span, outcome)
        span.end(end)


class TracedDatabase(Database):
    """A database whose statements are spans of whatever span is current.

    Sessions that were looked up together are one statement, and one span, of the request that came first.
    """

    def __init__(self, url: str, tracer: Tracer) -> None:
        super().__init__(url)
        self._tracer = tracer
        self._attributes = {"db.system.name": {"sqlite": "sqlite", "postgres": "postgresql"}[self.dialect]}

    async def fetch(self, sql: str, *values: object, reads: bool = False) -> Sequence[Row]:
        with self._span(_statement_name(sql)):
            return await super().fetch(sql, *values, reads=reads)

    async def read(self, sql: str, *values: object) -> Sequence[Sequence[Any]]:
        with self._span(_statement_name(sql)):
            return await super().read(sql, *values)

    async def transaction(self, transaction: Transaction[T]) -> T:
        """All of it is one span."""
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
            attributes=self._attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except DatabaseError as error:
                _set_error(span, type(error).__name__)
                raise


@lru_cache(maxsize=256)
def _statement_name(sql: str) -> str:
    """`SELECT sessions` of a statement whose values are placeholders; the first table, where it has several."""
    found = [pattern.search(sql) for pattern in (_VERB, _TABLE)]
    return " ".join(match[1] for match in found if match) or "statement"


def _describe(span: Span, record: RequestRecord) -> None:
    if not span.is_recording():
        return
    operation = record.operation if record.operation is None or len(record.operation) <= MAX_OPERATION_LENGTH else "?"
    method = record.method if len(record.method) <= _LONGEST_METHOD else "?"
    code = next(iter(record.codes), None)
    values: dict[str, str | int | None] = {
        "wxgate.request_id": record.request_id,
        "http.request.method": method,
        "http.response.status_code": record.status,
        "http.route": None if record.path == "?" else record.path,
        "graphql.operation.type": record.kind,
        "graphql.operation.name": operation,
        "error.type": code or (str(record.status) if record.status >= 500 else None),
    }
    span.set_attributes({name: value for name, value in values.items() if value is not None})
    span.update_name(" ".join(filter(None, [record.kind, operation])) or method)
    if record.status >= 500 or code == "INTERNAL_SERVER_ERROR":
        span.set_status(Status(StatusCode.ERROR))


def _links(traceparent: str | None) -> Sequence[Link]:
    carrier = {"traceparent": traceparent or ""}
    theirs = trace.get_current_span(TraceContextTextMapPropagator().extract(carrier)).get_span_context()
    if not theirs.is_valid:
        return ()
    return (Link(SpanContext(theirs.trace_id, theirs.span_id, is_remote=True, trace_flags=theirs.trace_flags)),)


def _set_error(span: Span, reason: str) -> None:
    span.set_attribute("error.type", reason)
    span.set_status(Status(StatusCode.ERROR))
