"""One OpenTelemetry span a request, and below it one for each try of a call to WeChat and each statement.

A span holds names that the server chose, and the name of the client's operation: no argument, no token, no header, no
path that is unknown, no text of an exception.
"""

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Final, Self

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from graph.http.access_log import LONGEST_NAME, RequestRecord, record_of
from graph.tracing.statements import TracedDatabase

# A collector that does not take the last spans within so many seconds does not get them: a shutdown waits for it.
_FLUSH_SECONDS: Final = 3.0
_LONGEST_METHOD: Final = 10
_SERVICE: Final = Resource({"service.name": "wxgate"})


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
        """The application with a span around each request except probes."""
        return TracingMiddleware(app, self.tracer, probes)

    def database(self, url: str) -> "TracedDatabase":
        """The database with a span around each statement."""
        return TracedDatabase(url, self.tracer)

    def wechat_called(self, endpoint: str, outcome: str, seconds: float) -> None:
        """Adds a try that has just ended to the span of its request."""
        if not trace.get_current_span().is_recording():
            return
        end = time.time_ns()
        span = self.tracer.start_span(
            f"WeChat {endpoint}",
            kind=SpanKind.CLIENT,
            start_time=end - int(seconds * 1e9),
            attributes={"wechat.endpoint": endpoint, "wechat.outcome": outcome},
        )
        if outcome != "ok":
            _set_error(span, outcome)
        span.end(end)


class TracingMiddleware:
    """Around everything else, so that a span is as long as its request.

    The caller is not trusted: a `traceparent` taken as the parent would let any client decide what is recorded, and
    write into the traces of others. It becomes a link, by which both sides still find each other; `tracestate` may hold
    any text, and is left out.
    """

    def __init__(self, app: ASGIApp, tracer: Tracer, probes: frozenset[str]) -> None:
        self._app = app
        self._tracer = tracer
        self._probes = probes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Traces one request; other scopes pass through."""
        if scope["type"] != "http" or scope["path"] in self._probes:
            await self._app(scope, receive, send)
            return
        with self._tracer.start_as_current_span(
            "request",
            kind=SpanKind.SERVER,
            links=_links(Headers(scope=scope).get("traceparent")),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                await self._app(scope, receive, send)
            finally:
                _describe(span, record_of(scope))


def _describe(span: Span, record: RequestRecord) -> None:
    if not span.is_recording():
        return
    operation = record.operation if record.operation is None or len(record.operation) <= LONGEST_NAME else "?"
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
