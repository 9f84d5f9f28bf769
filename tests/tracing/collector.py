"""A collector of traces as OTLP knows it, on a socket, which keeps all that it receives."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Attributes = dict[str, str | int]


@dataclass
class Collector:
    """What has come so far."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)

    def spans(self) -> list[Span]:
        """Every span, in the order in which they ended."""
        return sorted(
            (
                span
                for request in map(ExportTraceServiceRequest.FromString, self.bodies)
                for resource in request.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            ),
            key=lambda span: span.end_time_unix_nano,
        )

    def named(self, name: str) -> Span:
        """The one span of this name."""
        [span] = [span for span in self.spans() if span.name == name]
        return span

    def service(self) -> Attributes:
        """How the sender describes itself."""
        request = ExportTraceServiceRequest.FromString(self.bodies[0])
        return _attributes(request.resource_spans[0].resource.attributes)

    def text(self) -> str:
        """All that was sent, as text as far as it is text."""
        return "\n".join(str(ExportTraceServiceRequest.FromString(body)) for body in self.bodies)


def attributes(span: Span) -> Attributes:
    """A span's attributes."""
    return _attributes(span.attributes)


def _attributes(pairs: object) -> Attributes:
    return {
        pair.key: pair.value.string_value if pair.value.HasField("string_value") else pair.value.int_value
        for pair in pairs  # type: ignore[attr-defined]
    }


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            collector.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """No request log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
