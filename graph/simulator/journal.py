"""The journal: what went between the server and WeChat of late, without a secret, and a line of the log for each."""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Final

from graph.simulator.masking import masked, masked_body
from graph.simulator.names import api_name
from graph.simulator.protocol import Errcode

MAX_CALLS: Final = 500
# The method of what WeChat sends to the server.
PUSH: Final = "PUSH"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One exchange, masked. `at` is when it began, in epoch milliseconds; without an answer the `status` is None."""

    id: int
    at: int
    app: str | None
    method: str
    path: str
    query: object
    body: object
    status: int | None
    errcode: int | None
    answer: object
    fault: str | None
    user: str | None


class Journal:
    """The newest exchanges. It masks what it is given; nothing in it is worth stealing.

    `is_logged` has a line of the log written for each, and for each act of a phone: where WeChat is a program of its
    own, not in the midst of a test.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._calls: deque[Call] = deque(maxlen=MAX_CALLS)
        # The highest number so far: a cleared journal does not begin anew.
        self.last = 0
        self.is_logged = False

    def now(self) -> int:
        """Epoch milliseconds, as a browser beside it has them: `advance` does not move them."""
        return int(self._now() * 1000)

    def record(
        self,
        *,
        at: int,
        app: str | None,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes,
        status: int | None,
        answer: bytes,
        fault: str | None,
        user: str | None,
    ) -> None:
        """Keeps an exchange that is complete; `body` and `answer` are JSON, text, something else, or empty."""
        self.last += 1
        answered = masked_body(answer)
        errcode = answered.get("errcode", 0) if isinstance(answered, dict) else None
        call = Call(
            id=self.last,
            at=at,
            app=app,
            method=method,
            path=str(masked(path)),
            query=masked(dict(query)),
            body=masked_body(body),
            status=status,
            errcode=errcode if isinstance(errcode, int) else None,
            answer=answered,
            fault=fault,
            user=user,
        )
        self._calls.append(call)
        self._write(f"{_name(call)} -> {_outcome(call)}", app=app, user=user, path=call.path, fault=fault)

    def acted(self, words: str, **fields: object) -> None:
        """Writes what was done on the phone."""
        self._write(words, **fields)

    def after(self, number: int) -> list[dict[str, object]]:
        """The exchanges of a higher number, oldest first."""
        return [asdict(call) for call in self._calls if call.id > number]

    def clear(self) -> None:
        self._calls.clear()

    def _write(self, message: str, **fields: object) -> None:
        if self.is_logged:
            _log.info(message, extra={name: value for name, value in fields.items() if value is not None})


def _name(call: Call) -> str:
    if call.method != PUSH:
        return api_name(call.path)
    return f"push {call.body['Event']}" if isinstance(call.body, dict) else "push check of the URL"


def _outcome(call: Call) -> str:
    """`ok`, `40163 code been used`, `502 Bad Gateway` or what else there is to be seen."""
    if call.status is None:
        return "no answer"
    if call.status != HTTPStatus.OK:
        return f"{call.status} {HTTPStatus(call.status).phrase}" if call.status in set(HTTPStatus) else str(call.status)
    if call.errcode is None:
        return "ok" if call.method == PUSH else "no JSON"
    # Of the wordings that go on, the beginning says enough.
    known = (wording.errmsg.partition(",")[0] for wording in Errcode if wording == call.errcode)
    return "ok" if call.errcode == 0 else f"{call.errcode} {next(known, '')}".rstrip()
