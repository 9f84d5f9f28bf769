"""Counters and histograms of plain numbers: a tenth of a microsecond or two each, where prometheus-client takes a lock.

Only the event loop's thread writes them. Any thread may read: what it reads, it copies at once.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Final

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

Labels = tuple[str, ...]

OTHER: Final = "(other)"


class Names:
    """The values that one label may take: so many, then `OTHER`. A label is for ever, and so is its memory."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, name: str) -> str:
        """The name, or `OTHER` when there is no room for another."""
        if name not in self._known:
            if len(self._known) >= self._most:
                return OTHER
            self._known.add(name)
        return name


class Counter(Collector):
    """How often something happened, by labels.

    `known` labels begin at 0: Prometheus sees no increase in a counter that was not there before.
    """

    def __init__(self, name: str, documentation: str, labels: Labels, known: Iterable[Labels]) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._counts = dict.fromkeys(known, 0)

    def add(self, *labels: str) -> None:
        """Counts one more."""
        self._counts[labels] = self._counts.get(labels, 0) + 1

    def collect(self) -> Iterator[Metric]:
        """As Prometheus sees it."""
        family = CounterMetricFamily(self._name, self._documentation, labels=self._labels)
        for labels, count in sorted(self._counts.copy().items()):
            family.add_metric(labels, count)
        yield family


class Cell:
    """One histogram of seconds: how many fell into each bucket, and their sum."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """Counts one more, which took so long."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def read(self) -> tuple[list[tuple[str, float]], float]:
        """What is at most as long as each bound, and the sum."""
        bounds = [*map(str, self._bounds), "+Inf"]
        return [*zip(bounds, accumulate(map(float, self._counts.copy())), strict=True)], self._sum


class Histogram(Collector):
    """How long something took, in seconds, by labels."""

    def __init__(self, name: str, documentation: str, labels: Labels, bounds: tuple[float, ...]) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._bounds = bounds
        self._cells: dict[Labels, Cell] = {}

    def cell(self, *labels: str) -> Cell:
        """The histogram with these labels, for whoever keeps it and adds to it."""
        cell = self._cells.get(labels)
        if cell is None:
            cell = self._cells[labels] = Cell(self._bounds)
        return cell

    def collect(self) -> Iterator[Metric]:
        """As Prometheus sees it."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
        for labels, cell in sorted(self._cells.copy().items(), key=lambda item: item[0]):
            family.add_metric(labels, *cell.read())
        yield family


class Reading(Collector):
    """What something is just now, or with `total` how often it has happened, as it is known elsewhere.

    `read` is called by whichever thread collects, and must not wait for anything.
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Labels,
        read: Callable[[], Mapping[Labels, float]],
        *,
        total: bool = False,
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._read = read
        self._kind = CounterMetricFamily if total else GaugeMetricFamily

    def collect(self) -> Iterator[Metric]:
        """As Prometheus sees it."""
        family = self._kind(self._name, self._documentation, labels=self._labels)
        for labels, value in self._read().items():
            family.add_metric(labels, value)
        yield family
