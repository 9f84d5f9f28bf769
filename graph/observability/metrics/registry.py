"""All that the server counts: names, labels, and the one registry that holds them."""

from collections.abc import Iterable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.registry import Collector

from graph.observability.metrics.figures import OTHER, Cell, Counter, Histogram, Names
from graph.observability.metrics.readings import build

_REQUEST_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_CALL_SECONDS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
# Names are the clients' to choose, and a document of theirs may be valid whatever it calls itself. No token of ours is
# as short.
_MOST_OPERATIONS: Final = 100
_LONGEST_OPERATION: Final = 40
ANONYMOUS: Final = "(anonymous)"  # no name of GraphQL's
# WeChat's documents list about a dozen errcodes a call.
_MOST_OUTCOMES: Final = 50


class Metrics:
    """One server's figures, in a registry of their own. `codes` are those that errors can have.

    `request_finished` and `operation_finished` are called by every request, and are made for it.
    """

    def __init__(self, codes: Iterable[str]) -> None:
        self.registry = CollectorRegistry()
        self._requests = Histogram(
            "wxgate_http_request_duration_seconds",
            "Requests by method, path (the known ones) and status, and how long they took.",
            ("method", "path", "status"),
            _REQUEST_SECONDS,
        )
        self._request_cells: dict[tuple[str, str, int], Cell] = {}
        self._operations = Histogram(
            "wxgate_graphql_operation_duration_seconds",
            "GraphQL operations that ran, by name, kind (query, mutation) and outcome (ok, error).",
            ("operation", "kind", "outcome"),
            _REQUEST_SECONDS,
        )
        self._operation_cells: dict[tuple[str | None, str, bool], Cell] = {}
        self._operation_names = Names(_MOST_OPERATIONS)
        self._errors = Counter(
            "wxgate_errors", "Errors in answers, by extensions.code.", ("code",), [(code,) for code in codes]
        )
        self._logins = Counter(
            "wxgate_logins",
            "Logins: new, returning, or the code of an error.",
            ("outcome",),
            [("new",), ("returning",)],
        )
        self._decryptions = Counter(
            "wxgate_decryptions",
            "Submissions, by the session_key that signed them (current, previous, none) and what came of it.",
            ("key", "outcome"),
            [("current", "opened"), ("previous", "opened"), ("none", "refused")],
        )
        self._calls = Histogram(
            "wxgate_wechat_call_duration_seconds",
            "Calls to WeChat, each try for itself, by outcome: ok, WeChat's errcode, or what went wrong.",
            ("endpoint", "outcome"),
            _CALL_SECONDS,
        )
        self._call_outcomes = Names(_MOST_OUTCOMES)
        self._refusals = Counter(
            "wxgate_rate_limit_refusals",
            "What was refused as too much, by what and whose it was.",
            ("what", "kind"),
            [(what, kind) for what in ("login", "submit") for kind in ("account", "address")],
        )
        self.watch(self._requests, self._operations, self._errors, self._logins, self._decryptions)
        self.watch(self._calls, self._refusals, build())
        GCCollector(self.registry)
        ProcessCollector(registry=self.registry)

    def request_finished(self, method: str, path: str, status: int, seconds: float) -> None:
        """Counts an answered request. `path`: one that the server knows, or a word for all others."""
        cell = self._request_cells.get((method, path, status))
        if cell is None:
            cell = self._requests.cell(method if method in _METHODS else OTHER, path, str(status))
            if method in _METHODS:
                self._request_cells[method, path, status] = cell
        cell.add(seconds)

    def operation_finished(self, name: str | None, kind: str, codes: Sequence[str], seconds: float) -> None:
        """Counts an operation of a valid document, and the codes of the errors in its answer, if any."""
        cell = self._operation_cells.get((name, kind, not codes))
        if cell is None:
            cell = self._operation_cell(name, kind, codes)
        cell.add(seconds)
        if codes:
            self.errors_answered(codes)

    def expect_operations(self, names: Iterable[str]) -> None:
        """Keeps room for the operations of a deployment's own clients, which strangers could take with theirs."""
        for name in names:
            self._operation_label(name)

    def errors_answered(self, codes: Sequence[str]) -> None:
        """Counts the errors of an answer that no operation gave: a refused document or request."""
        for code in codes:
            self._errors.add(code)

    def login_finished(self, outcome: str) -> None:
        """Counts a login: `new`, `returning`, or the code of its error."""
        self._logins.add(outcome)

    def submission_opened(self, key: str, outcome: str) -> None:
        """Counts a submission that was tried with the account's session_keys."""
        self._decryptions.add(key, outcome)

    def wechat_called(self, endpoint: str, outcome: str, seconds: float) -> None:
        """Counts one try of a call to WeChat."""
        self._calls.cell(endpoint, self._call_outcomes(outcome)).add(seconds)

    def rate_limit_refused(self, what: str, kind: str) -> None:
        """Counts a refusal: of what (login, submit), and by whose limit (address, account)."""
        self._refusals.add(what, kind)

    def watch(self, *readings: Collector) -> None:
        """Shows what is known elsewhere: see `graph.observability.metrics.readings`."""
        for reading in readings:
            self.registry.register(reading)

    def _operation_cell(self, name: str | None, kind: str, codes: Sequence[str]) -> Cell:
        label = self._operation_label(name)
        cell = self._operations.cell(label, kind, "error" if codes else "ok")
        if label != OTHER:
            self._operation_cells[name, kind, not codes] = cell
        return cell

    def _operation_label(self, name: str | None) -> str:
        label = ANONYMOUS if name is None else name
        return self._operation_names(label) if len(label) <= _LONGEST_OPERATION else OTHER
