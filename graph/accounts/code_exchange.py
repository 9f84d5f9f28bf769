"""What a code of wx.login is worth: one call to WeChat, made only where something can come of it."""

import asyncio
import contextlib
import hashlib
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from graph.accounts.encryption_keys import KeyCheck, session_key_context
from graph.accounts.errors import CodesTooFrequent, CodeWasted
from graph.security.encryption import KeyRing
from graph.security.errors import RateLimited
from graph.security.events import Client, SecurityEvent
from graph.security.rate_limit import RateLimit, TokenBuckets
from graph.wechat.client import WeChatClient
from graph.wechat.errors import LoginCodeInvalid, LoginCodeUsed, UserBlocked
from graph.wechat.mini_programs import MiniProgram
from graph.wechat.responses import Code2Session
from models.accounts import NewKey
from models.database import Database
from models.errors import DatabaseBehind, DatabaseUnavailable
from models.logins import require_tables, try_sign_in

_log = logging.getLogger(__name__)

# Seconds. Shorter than what any call to WeChat takes, so that no more codes are spent in vain than are in flight.
_ANSWERED_FOR: Final = 0.02
# As WeChat has always made them, which it does not promise.
_USUAL_CODE: Final = re.compile(r"[0-9A-Za-z]{32}")


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What WeChat gave for a code, and when it was asked (epoch milliseconds)."""

    app_id: str
    wechat: Code2Session
    asked_at: int

    async def count(self, limit: RateLimit, client: Client, **ids: str) -> None:
        """Counts the user. Raises `CodesTooFrequent`, for the code is spent."""
        try:
            await limit.count("account", user_digest(self.app_id, self.wechat.openid), client, **ids)
        except RateLimited as limited:
            raise CodesTooFrequent(limited.retry_after_ms) from None

    def seal(self, key_ring: KeyRing) -> NewKey:
        """The session_key, ready to be stored."""
        context = session_key_context(self.app_id, self.wechat.openid)
        session_key = self.wechat.session_key.get_secret_value().encode()
        return NewKey(
            app_id=self.app_id,
            openid=self.wechat.openid,
            unionid=self.wechat.unionid,
            session_key=key_ring.seal(session_key, context),
            session_key_fingerprint=key_ring.fingerprint(session_key, context),
            session_key_at=self.asked_at,
        )


@dataclass(slots=True)
class _Flight:
    """One call to WeChat, when it was made (epoch milliseconds), and how many need it: itself, and requests."""

    call: asyncio.Task[Code2Session]
    asked_at: int
    needed_by: int = 1


@dataclass(kw_only=True, eq=False, repr=False)
class CodeExchange:
    """Exchanges codes. `rate_limit` counts addresses; `now` gives epoch milliseconds."""

    wechat: WeChatClient
    database: Database
    key_check: KeyCheck
    rate_limit: RateLimit
    refused_codes: TokenBuckets
    refused_unusual_codes: TokenBuckets
    now: Callable[[], int]
    _flights: dict[bytes, _Flight] = field(default_factory=dict, init=False)
    _question: asyncio.Task[None] | None = field(default=None, init=False)
    _storing: int = field(default=0, init=False)
    _stored_at: float = field(default=-_ANSWERED_FOR, init=False)

    @contextlib.asynccontextmanager
    async def exchanged(self, app: MiniProgram, code: str, client: Client) -> AsyncIterator[Exchanged]:
        """Who has a code. Requests with the same one share the call for as long as any of them is in the block.

        The database is asked first whether it can take what will come of it. Raises `CircuitOpen`, `RateLimited` for
        the client's address, `WeChatError`, `DatabaseError` and `KeyRingMismatch` before the code is spent.
        """
        with self.wechat.slot(app), self._limiting_refusals(code, client):
            await self.rate_limit.count("address", client.address, client)
            await self.key_check.ensure()
            await self._require_tables()
            with self._calling(app, code) as flight:
                try:
                    # Shielded: the client that came first may go away while others wait for the same response.
                    wechat = await asyncio.shield(flight.call)
                except UserBlocked as error:
                    SecurityEvent.USER_BLOCKED.log(client, app_id=app.app_id, rid=error.rid)
                    raise
                yield Exchanged(app.app_id, wechat, flight.asked_at)

    @contextlib.contextmanager
    def storing(self) -> Iterator[None]:
        """Around what is stored for a code that is spent. Raises `CodeWasted` when the database does not take it."""
        self._storing += 1
        try:
            yield
            self._stored_at = time.monotonic()
        except (DatabaseUnavailable, DatabaseBehind) as error:
            _log.warning("a code is spent, and what it was for is not stored", extra={"reason": str(error)})
            raise CodeWasted from None
        finally:
            self._storing -= 1

    @contextlib.contextmanager
    def _limiting_refusals(self, code: str, client: Client) -> Iterator[None]:
        """What WeChat refuses is limited apart, more tightly than what it accepts.

        Garbage looks like any other code until WeChat was asked. While it accepts all that come from an address, they
        cost no token. After a refusal, and until the bucket is full again, each code takes one, of which one that is
        refused gives none back and one that is accepted two: where more are accepted than refused, tokens never run
        out. Where they do, an address has only those that appear with time: good codes from there compete for them
        with the garbage, unspent, for as long as it comes, and a moment longer. What does not look like a code has
        buckets of its own, and is in no user's way.
        """
        buckets = self.refused_codes if _USUAL_CODE.fullmatch(code) else self.refused_unusual_codes
        takes = not buckets.is_full(client)
        if takes:
            buckets.take(client)
        try:
            yield
        except BaseException as error:
            # What cannot be a code is refused here, without a number of WeChat's.
            refused = isinstance(error, LoginCodeInvalid | LoginCodeUsed) and error.errcode is not None
            if takes and not refused:
                buckets.give_back(client)
            elif refused and not takes:
                with contextlib.suppress(RateLimited):
                    buckets.take(client)
            raise
        if takes:
            buckets.give_back(client, 2)

    async def _require_tables(self) -> None:
        """The requests of one moment share the question whether the database can take them.

        While others are being stored, and one was just now, it is known. The question would wait behind their
        statements, and all who share it would go on at the same moment: in step, they let first WeChat and then the
        database lie idle. After a write that failed, the question is a write.
        """
        self.database.require_writer()
        doubtful = self.database.doubtful
        if self._storing and not doubtful and time.monotonic() < self._stored_at + _ANSWERED_FOR:
            return
        if self._question is None or self._question.done():
            self._question = asyncio.create_task((try_sign_in if doubtful else require_tables)(self.database))
            self._question.add_done_callback(retrieve)
        await asyncio.shield(self._question)

    @contextlib.contextmanager
    def _calling(self, app: MiniProgram, code: str) -> Iterator[_Flight]:
        """The one call for this code, for as long as any request is at work with it."""
        key = hashlib.sha256(f"{app.app_id}\0{code}".encode("utf-8", "surrogatepass")).digest()
        flight = self._flights.get(key)
        if flight is None:
            call = asyncio.create_task(self.wechat.code2session(app, code))
            flight = self._flights[key] = _Flight(call, self.now())
            call.add_done_callback(retrieve)
            call.add_done_callback(partial(self._leave, key))
        flight.needed_by += 1
        try:
            yield flight
        finally:
            self._leave(key)

    def _leave(self, key: bytes, _call: object = None) -> None:
        flight = self._flights[key]
        flight.needed_by -= 1
        if flight.needed_by == 0:
            del self._flights[key]


def user_digest(app_id: str, openid: str) -> str:
    """Names a user where limits count: a new login after a deletion has the same.

    A storage that is shared with others need not learn who it is.
    """
    return hashlib.sha256(f"{app_id}\0{openid}".encode()).hexdigest()


def retrieve(task: asyncio.Task[Any]) -> None:
    """Looks at how a task ended, so that asyncio does not report a failure whose callers have all left."""
    if not task.cancelled():
        task.exception()
