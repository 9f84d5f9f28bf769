"""Reports what happened to metrics and traces, in the few words that a label may have."""

from collections.abc import Callable

from graph.accounts.login import LoggedIn, LoginObserver
from graph.errors import INTERNAL
from graph.http.access_log import Observer, RequestRecord
from graph.observability.metrics import Metrics
from graph.schema.errors import coded
from graph.wechat.client import CallObserver
from graph.wechat.errors import WeChatError, WeChatUnavailable


def observe_logins(metrics: Metrics) -> LoginObserver:
    """Counts new users, returning ones, and failures by the code of their error."""

    def observe(outcome: LoggedIn | Exception) -> None:
        if isinstance(outcome, Exception):
            metrics.login_finished((coded(outcome) or INTERNAL).code.name)
        else:
            metrics.login_finished("new" if outcome.is_new_user else "returning")

    return observe


def observe_requests(metrics: Metrics) -> Observer:
    """Counts requests, their operations and their errors."""

    def observe(record: RequestRecord) -> None:
        metrics.request_finished(record.method, record.path, record.status, record.seconds)
        if record.kind is not None:
            metrics.operation_finished(record.operation, record.kind, record.codes, record.seconds)
        elif record.codes:
            metrics.errors_returned(record.codes)

    return observe


def observe_calls(*observers: Callable[[str, str, float], None]) -> CallObserver:
    """Gives `observers` endpoint, outcome and seconds of each call: `ok`, WeChat's errcode, or what prevented it."""

    def observe(endpoint: str, error: WeChatError | None, seconds: float) -> None:
        if error is None:
            outcome = "ok"
        elif error.errcode is None and isinstance(error, WeChatUnavailable):
            outcome = error.reason
        else:
            outcome = str(error.errcode)
        for observer in observers:
            observer(endpoint, outcome, seconds)

    return observe
