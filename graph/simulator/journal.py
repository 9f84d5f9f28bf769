"""The journal: what went between the server and WeChat of late, without a secret, and a line of the log for each."""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from itertools import islice
from typing import Final, Self

from graph.simulator.descriptions import api_name
from graph.simulator.masking import masked, masked_body
from graph.simulator.protocol import Errcode

MAX_CALLS: Final = 500
# The method of what WeChat sends to the server.
PUSH: Final = "PUSH"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One that is complete. `at` is when it began, in epoch milliseconds; without an answer the `status` is None.

    `body` and `answer` are JSON, text, something else, or empty. A picture is an answer without errcode that went well.
    """

    at: int
    app: str | None
    method: str
    path: str
    query: Mapping[str, str]
    body: bytes = field(repr=False)
    status: int | None
    answer: bytes = field(repr=False)
    fault: str | None
    user: str | None
    is_picture: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An exchange as it is shown: masked."""

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

    @classmethod
    def of(cls, number: int, exchange: Exchange) -> Self:
        answer = masked_body(exchange.answer)
        errcode = answer.get("errcode", 0) if isinstance(answer, dict) else 0 if exchange.is_picture else None
        return cls(
            id=number,
            at=exchange.at,
            app=exchange.app,
            method=exchange.method,
            path=str(masked(exchange.path)),
            query=masked(exchange.query),
            body=masked_body(exchange.body),
            status=exchange.status,
            errcode=errcode if isinstance(errcode, int) else None,
            answer=answer,
            fault=exchange.fault,
            user=exchange.user,
        )


class Journal:
    """The newest exchanges. They are masked when they are shown or logged, which in a load test is never.

    `is_logged` has a line of the log written for each, and for each act of a phone: where WeChat is a program of its
    own, not in the midst of a test.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        # By number, oldest first.
        self._exchanges: deque[tuple[int, Exchange]] = deque(maxlen=MAX_CALLS)
        # The highest number so far: a cleared journal does not begin anew.
        self.last = 0
        self.is_logged = False

    def now(self) -> int:
        """Epoch milliseconds, as a browser beside it has them: `advance` does not move them."""
        return int(self._now() * 1000)

    def record(self, exchange: Exchange) -> None:
        self.last += 1
        self._exchanges.append((self.last, exchange))
        if self.is_logged:
            call = Call.of(self.last, exchange)
            words = f"{name_of(call)} -> {_outcome(call)}"
            self.acted(words, app=call.app, user=call.user, path=call.path, fault=call.fault)

    def acted(self, words: str, **fields: object) -> None:
        """Writes a line about what was done, on the phone too, if lines are written."""
        if self.is_logged:
            _log.info(words, extra={name: value for name, value in fields.items() if value is not None})

    def after(self, number: int) -> list[dict[str, object]]:
        """The exchanges of a higher number, oldest first."""
        return [asdict(Call.of(*each)) for each in self._exchanges if each[0] > number]

    def newest(self, number: int) -> list[Call]:
        """So many, newest first."""
        return [Call.of(*each) for each in islice(reversed(self._exchanges), number)]

    def clear(self) -> None:
        self._exchanges.clear()


def name_of(call: Call) -> str:
    """In a log line or a list."""
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
