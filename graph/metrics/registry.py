"""All that the server counts: names, labels, and the one registry that holds them."""

from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry

from graph.metrics.figures import OTHER, Cell, Counter, Histogram, Names

_REQUEST_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
# Names are the clients' to choose, and a document of theirs may be valid whatever it calls itself. No token of ours is
# as short.
_MOST_OPERATIONS: Final = 100
_LONGEST_OPERATION: Final = 40
ANONYMOUS: Final = "(anonymous)"  # no name of GraphQL's


class Metrics:
    """One server's figures, in a registry of their own.

    Two methods are called by every request, and are made for it.
    """

    def __init__(self) -> None:
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
        self._errors = Counter("wxgate_errors", "Errors in answers, by extensions.code.", ("code",))
        for figure in (self._requests, self._operations, self._errors):
            self.registry.register(figure)

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

    def errors_answered(self, codes: Sequence[str]) -> None:
        """Counts the errors of an answer that no operation gave: a refused document or request."""
        for code in codes:
            self._errors.add(code)

    def _operation_cell(self, name: str | None, kind: str, codes: Sequence[str]) -> Cell:
        label = ANONYMOUS if name is None else name
        label = self._operation_names(label) if len(label) <= _LONGEST_OPERATION else OTHER
        cell = self._operations.cell(label, kind, "error" if codes else "ok")
        if label != OTHER:
            self._operation_cells[name, kind, not codes] = cell
        return cell
