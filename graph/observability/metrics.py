"""What the server counts, by prometheus-client, and the port on which Prometheus reads it.

Of what clients choose only a bounded number of values become labels: a label is for ever, and so is its memory.
"""

import logging
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, disable_created_metrics, start_http_server
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from graph.errors import ErrorCode
from graph.security.rate_limit import RateLimitStorage
from graph.wechat.client import WeChatClient
from graph.wechat.errors import PushFault
from graph.wechat.mini_programs import MiniProgram
from graph.wechat.push import EventName
from models.database import Database

_log = logging.getLogger(__name__)

_REQUEST_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_CALL_SECONDS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
CHECK_OUTCOMES: Final = ("pass", "review", "risky", "unavailable", "unseen", "misconfigured", "asked", "no_result")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
_BREAKER_STATES: Final = ("closed", "half_open", "open")
OTHER: Final = "(other)"
ANONYMOUS: Final = "(anonymous)"  # no name of GraphQL's
# Clients choose the names of operations, and a valid document may have any. No session token is as short, and nothing
# that operators read, log lines and spans neither, has a longer one.
MAX_OPERATION_LENGTH: Final = 40
_MAX_OPERATIONS: Final = 100
# WeChat's documents list about a dozen errcodes a call.
_MAX_OUTCOMES: Final = 50
# A scraper that is silent for longer loses its connection.
_SCRAPE_SECONDS: Final = 5


class Metrics:
    """One server's metrics, in a registry of their own.

    Counters whose labels are the server's own words are public; where clients or WeChat choose them, a method bounds
    them. `app_ids` are those of the mini-programs that are served. The names of `operations`, those of a deployment's
    own clients, have room whatever others are sent.
    """

    def __init__(self, app_ids: Iterable[str] = (), operations: Iterable[str] = ()) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # series of their own that nothing here reads
        self.registry = registry = CollectorRegistry()
        histogram = partial(Histogram, registry=registry, buckets=_REQUEST_SECONDS)
        counter = partial(Counter, registry=registry)
        requests = histogram(
            "wxgate_http_request_duration_seconds",
            "Requests by method, path (the known ones) and status, and how long they took.",
            ("method", "path", "status"),
        )
        executed = histogram(
            "wxgate_graphql_operation_duration_seconds",
            "GraphQL operations that ran, by name, kind (query, mutation) and outcome (ok, error).",
            ("operation", "kind", "outcome"),
        )
        # Every request counts in both: what `labels()` returns is kept.
        self._requests, self._operations = cache(requests.labels), cache(executed.labels)
        self._calls = histogram(
            "wxgate_wechat_call_duration_seconds",
            "Calls to WeChat, each try for itself, by outcome: ok, WeChat's errcode, or what went wrong.",
            ("app", "endpoint", "outcome"),
            buckets=_CALL_SECONDS,
        )
        self.errors = counter("wxgate_errors", "Errors in responses, by extensions.code.", ("code",))
        self.logins = counter("wxgate_logins", "Logins: new, returning, or the code of an error.", ("app", "outcome"))
        self.decryptions = counter(
            "wxgate_decryptions",
            "Submissions, by the session_key that they were made with (current, previous, none), and their outcome.",
            ("key", "outcome"),
        )
        self.forced_token_refreshes = counter(
            "wxgate_wechat_forced_token_refreshes",
            "Times that a new access token was forced, of the 20 that WeChat allows in a day.",
            ("app",),
        )
        self.refusals = counter(
            "wxgate_rate_limit_refusals",
            "Requests over a rate limit, by what they asked for and whose limit it was.",
            ("what", "kind"),
        )
        self._events = counter(
            "wxgate_events_received", "Events that WeChat pushed, by name; (other) are not acted on.", ("app", "event")
        )
        self.events_refused = counter(
            "wxgate_events_refused", "What came where WeChat pushes events, and was refused, by why.", ("app", "reason")
        )
        self.uploads = counter("wxgate_uploads", "Uploads of a picture: stored, or the code of an error.", ("outcome",))
        self.content_checks = counter(
            "wxgate_content_checks",
            "Checks of texts and pictures by WeChat, by what came of them; a picture is asked about first.",
            ("kind", "outcome"),
        )
        self.files_deleted = counter(
            "wxgate_files_deleted", "Files of pictures that no row needs: deleted, or failed to be.", ("outcome",)
        )
        self._begin(app_ids)
        Info("wxgate_build", "What is running.", registry=registry).info(
            {"version": version("wxgate"), "python": platform.python_version()}
        )
        GCCollector(registry)
        ProcessCollector(registry=registry)
        self._operation_names: set[str] = set()
        for name in operations:
            self._operation_label(name)
        self._call_outcomes: set[str] = set()

    def _begin(self, app_ids: Iterable[str]) -> None:
        # Counters whose labels are known begin at 0: Prometheus sees no increase in one that was not there before.
        for code in ErrorCode:
            self.errors.labels(code.name)
        for app_id in app_ids:
            self.forced_token_refreshes.labels(app_id)
            for outcome in ("new", "returning"):
                self.logins.labels(app_id, outcome)
            for event in (*EventName, OTHER):
                self._events.labels(app_id, event)
            for reason in ("rate", *get_args(PushFault)):
                self.events_refused.labels(app_id, reason)
        for kind in ("text", "picture"):
            for outcome in CHECK_OUTCOMES:
                self.content_checks.labels(kind, outcome)
        self.uploads.labels("stored")
        for outcome in ("deleted", "failed"):
            self.files_deleted.labels(outcome)
        for signed, opened in (("current", "opened"), ("previous", "opened"), ("none", "refused")):
            self.decryptions.labels(signed, opened)
        for what in ("login", "submit", "check_session", "phone", "upload", "profile"):
            for kind in ("account", "address"):
                self.refusals.labels(what, kind)
        for what in ("documents", "refused_codes", "services"):
            self.refusals.labels(what, "address")
        self.refusals.labels("privacy", "account")

    def request_finished(self, method: str, path: str, status: int, seconds: float) -> None:
        """Counts a request. `path`: one that the server knows, or a word for all others."""
        self._requests(method if method in _METHODS else OTHER, path, status).observe(seconds)

    def operation_finished(self, name: str | None, kind: str, codes: Sequence[str], seconds: float) -> None:
        """Counts an operation of a valid document; `codes` are those of the errors in its response, if any."""
        self._operations(self._operation_label(name), kind, "error" if codes else "ok").observe(seconds)

    def login_succeeded(self, app_id: str, is_new_user: bool) -> None:
        self.logins.labels(app_id, "new" if is_new_user else "returning").inc()

    def event_received(self, app_id: str, event: str | None) -> None:
        """Counts an event of a name that the server knows, or another."""
        self._events.labels(app_id, event or OTHER).inc()

    def wechat_called(self, app_id: str, endpoint: str, outcome: str, seconds: float) -> None:
        """Counts one try of a call to WeChat."""
        self._calls.labels(app_id, endpoint, _bounded(outcome, self._call_outcomes, _MAX_OUTCOMES)).observe(seconds)

    def _operation_label(self, name: str | None) -> str:
        label = ANONYMOUS if name is None else name
        return _bounded(label, self._operation_names, _MAX_OPERATIONS) if len(label) <= MAX_OPERATION_LENGTH else OTHER


def _bounded(value: str, known: set[str], maximum: int) -> str:
    """The value of a label, or `OTHER` once it has so many others."""
    if value not in known:
        if len(known) >= maximum:
            return OTHER
        known.add(value)
    return value


@dataclass(frozen=True, slots=True)
class ServerState(Collector):
    """Metrics of what is known elsewhere. The thread of a scrape reads it, and must not wait for anything."""

    database: Database
    wechat: WeChatClient
    apps: Iterable[MiniProgram]
    storage: RateLimitStorage
    # Seconds that the oldest event waits, and how many have failed.
    events: Callable[[], tuple[float, int]]
    # By what it is that waits: how many there are, and how many seconds the oldest waits.
    content: Callable[[], Mapping[str, tuple[int, float]]]

    def collect(self) -> Iterator[Metric]:
        state = GaugeMetricFamily(
            "wxgate_wechat_breaker_state",
            "1 for the state that the circuit breaker around WeChat's logins is in, by mini-program.",
            labels=["app", "state"],
        )
        for app in self.apps:
            breaker = self.wechat.breaker(app).state
            for name in _BREAKER_STATES:
                state.add_metric([app.app_id, name], float(name == breaker))
        yield state
        logins = self.wechat.login_slots_in_use
        yield GaugeMetricFamily("wxgate_logins_under_way", "Logins that call WeChat, or are about to.", logins)
        yield CounterMetricFamily(
            "wxgate_rate_limit_storage_failures",
            "Counts that the shared storage of rate limits did not take.",
            self.storage.failures,
        )
        oldest, failed = self.events()
        yield GaugeMetricFamily(
            "wxgate_events_oldest_seconds", "Seconds that the oldest event waits which is not applied.", oldest
        )
        yield GaugeMetricFamily("wxgate_events_failed", "Events that could not be applied, and are given up.", failed)
        yield from self._content()
        connections = GaugeMetricFamily(
            "wxgate_database_connections", "Connections to PostgreSQL, idle or busy.", labels=["state"]
        )
        pool = self.database.pool()
        if pool is not None:
            connections.add_metric(["idle"], pool.idle)
            connections.add_metric(["busy"], pool.size - pool.idle)
            yield connections
            yield GaugeMetricFamily("wxgate_database_connections_max", "How many there may be.", pool.most)
            yield GaugeMetricFamily("wxgate_database_waiting", "Statements that wait for a connection.", pool.waiting)

    def _content(self) -> Iterator[Metric]:
        number = GaugeMetricFamily(
            "wxgate_content_waiting",
            "Texts and pictures that wait for WeChat, or in review for an operator, and files that are to be deleted.",
            labels=["what"],
        )
        oldest = GaugeMetricFamily(
            "wxgate_content_oldest_seconds", "Seconds that the oldest of them waits.", labels=["what"]
        )
        for what, (waiting, seconds) in self.content().items():
            number.add_metric([what], waiting)
            oldest.add_metric([what], seconds)
        yield number
        yield oldest


@contextmanager
def serve_metrics(registry: CollectorRegistry, host: str, port: int) -> Iterator[int]:
    """Serves `GET /metrics` from threads; gives the port, of which 0 picks a free one. Raises `OSError`.

    So a server whose event loop is stuck is still observed. Leaving it may take half a second.
    """
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        msg = f"WXGATE_METRICS_PORT: cannot listen on {host} port {port}: {error.strerror}"
        raise OSError(error.errno, msg) from None
    # The public places of the standard library's server: a time limit, and no traceback on standard error.
    server.RequestHandlerClass.timeout = _SCRAPE_SECONDS  # type: ignore[attr-defined]
    server.handle_error = _scrape_failed  # type: ignore[assignment]
    _log.info("metrics are served", extra={"host": host, "metrics_port": server.server_port})
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _scrape_failed(*_: object) -> None:
    _log.info("a scrape failed", extra={"reason": type(sys.exception()).__name__})
