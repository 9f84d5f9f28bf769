"""Tells the metrics and traces what happened, in the few words that a label may have."""

from collections.abc import Callable

from graph.accounts.login import LoggedIn, LoginObserver
from graph.http.access_log import Observer, RequestRecord
from graph.observability.metrics import Metrics
from graph.schema.errors import code_of
from graph.wechat.client import CallObserver
from graph.wechat.errors import WeChatError, WeChatUnavailable


def observe_logins(metrics: Metrics) -> LoginObserver:
    """Counts new people, those who came back, and the rest by the code of their error."""

    def finished(outcome: LoggedIn | Exception) -> None:
        if isinstance(outcome, Exception):
            metrics.login_finished(code_of(outcome))
        else:
            metrics.login_finished("new" if outcome.is_new_user else "returning")

    return finished


def observe_requests(metrics: Metrics) -> Observer:
    """Counts what `RequestMiddleware` knows of a request."""

    def finished(record: RequestRecord) -> None:
        metrics.request_finished(record.method, record.path, record.status, record.seconds)
        if record.kind is not None:
            metrics.operation_finished(record.operation, record.kind, record.codes, record.seconds)
        elif record.codes:
            metrics.errors_answered(record.codes)

    return finished


def observe_calls(*tell: Callable[[str, str, float], None]) -> CallObserver:
    """Tells of WeChat's answers, and of what kept it from answering."""

    def called(endpoint: str, error: WeChatError | None, seconds: float) -> None:
        outcome = "ok" if error is None else _outcome(error)
        for told in tell:
            told(endpoint, outcome, seconds)

    return called


def _outcome(error: WeChatError) -> str:
    if error.errcode is None and isinstance(error, WeChatUnavailable):
        return error.reason
    return str(error.errcode)
