"""What a request is refused with before, or instead of, being executed."""

import math
from collections.abc import Mapping

from graph.errors import CodedError, ErrorAction, ErrorCode

_RETRYABLE = frozenset({ErrorCode.RATE_LIMITED, ErrorCode.REQUEST_TIMEOUT, ErrorCode.SERVICE_UNAVAILABLE})


class HttpError(Exception):
    """A response without a result: its HTTP status, its code, and a message for the client.

    What the client does about it, `action`, follows from the two where it is not given.
    """

    def __init__(
        self,
        status: int,
        code: ErrorCode,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        retry_after_ms: int | None = None,
        action: ErrorAction | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        wait = {} if retry_after_ms is None else {"Retry-After": str(math.ceil(retry_after_ms / 1000))}
        self.headers = {**(headers or {}), **wait}
        may_repeat = code in _RETRYABLE
        usual = ErrorAction.WAIT if may_repeat else ErrorAction.FIX_REQUEST if status < 500 else ErrorAction.GIVE_UP
        self.coded = CodedError(code, message, action or usual, retry_after_ms)


def busy(message: str = "The server is too busy.") -> HttpError:
    """503, to be repeated in a second."""
    return HttpError(503, ErrorCode.SERVICE_UNAVAILABLE, message, headers={"Retry-After": "1"})


def too_large(most: int) -> HttpError:
    """413, for a body of more than so many bytes; what is left of it is not read."""
    return HttpError(413, ErrorCode.PAYLOAD_TOO_LARGE, f"The body may have {most} bytes at most.")
