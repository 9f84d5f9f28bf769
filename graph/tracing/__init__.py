"""Traces by OpenTelemetry, an extra: until `load_tracing` nothing of it is imported."""

import importlib
from typing import TYPE_CHECKING, cast

# For the checkers of types and floors: at run time the extra may be missing.
if TYPE_CHECKING:
    from graph.tracing.spans import Tracing


class TracingUnavailable(Exception):
    """The rest of a sentence that begins with the setting's name."""


def load_tracing() -> "Tracing":
    """What traces, configured by the `OTEL_*` variables. Raises `TracingUnavailable`."""
    try:
        spans = importlib.import_module("graph.tracing.spans")
    except ImportError:
        msg = "needs another package: pip install 'wxgate[otel]'"
        raise TracingUnavailable(msg) from None
    return cast("Tracing", spans.Tracing())
