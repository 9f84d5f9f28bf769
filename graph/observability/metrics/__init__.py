"""What the server counts, as Prometheus reads it.

`figures.py` has counters and histograms cheap enough for every request, `registry.py` says what is counted under which
names and labels, `readings.py` what is read elsewhere; `server.py` answers Prometheus.
"""

from graph.observability.metrics.registry import Metrics

__all__ = ["Metrics"]
