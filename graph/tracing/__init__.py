"""Traces by OpenTelemetry, for whoever asks for them: until `load_tracing` nothing of it is imported.

`spans.py` has the span of a request and those of calls to WeChat, `statements.py` those of the database; `errors.py`
says what is missing.
"""

import importlib
from typing import TYPE_CHECKING, cast

from graph.tracing.errors import TracingUnavailable

if TYPE_CHECKING:
    from graph.tracing.spans import Tracing

__all__ = ["TracingUnavailable", "load_tracing"]


def load_tracing() -> "Tracing":
    """What traces, configured by the `OTEL_*` variables. Raises `TracingUnavailable`."""
    try:
        spans = importlib.import_module("graph.tracing.spans")
    except ImportError:
        msg = "needs another package: pip install 'wxgate[otel]'"
        raise TracingUnavailable(msg) from None
    return cast("Tracing", spans.Tracing())
