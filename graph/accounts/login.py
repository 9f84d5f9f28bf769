"""Turns a `wx.login` code into a person and a session token."""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from graph.accounts.sessions import Sessions
from graph.security.encryption import KeyRing, Place
from graph.security.tokens import SessionToken, opaque_id
from graph.wechat.client import WeChatClient
from graph.wechat.types import Code2Session
from models.database import Database
from models.sign_in import NewSession, sign_in
from models.user import UserRecord

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A completed login. `expires_at` in epoch milliseconds."""

    token: SessionToken = field(repr=False)
    expires_at: int
    user: UserRecord
    is_new_user: bool


@dataclass(frozen=True, slots=True)
class _Answer:
    """What WeChat said, and when it was asked (epoch milliseconds)."""

    session: Code2Session
    asked_at: int


def session_key_place(app_id: str, openid: str) -> Place:
    """Where a sealed session_key belongs. The current and the previous key share it: one statement moves them."""
    return Place("accounts", "session_key", app_id, openid)


class Logins:
    """Signs people in. `now` gives epoch milliseconds."""

    def __init__(
        self,
        *,
        app_id: str,
        wechat: WeChatClient,
        database: Database,
        key_ring: KeyRing,
        sessions: Sessions,
        now: Callable[[], int],
    ) -> None:
        self._app_id = app_id
        self._wechat = wechat
        self._database = database
        self._key_ring = key_ring
        self._sessions = sessions
        self._now = now
        self._in_flight: dict[bytes, asyncio.Task[_Answer]] = {}

    async def login(self, code: str, *, token: str | None) -> LoggedIn:
        """Signs in whoever holds `code`; `token`, the one that the client still has, is superseded.

        A code is worth one call to WeChat: the database is asked first whether it is there, and logins with the same
        code that overlap share the call (each gets a session of its own). Raises `WeChatError`, `DatabaseError`.
        """
        await self._database.ping()
        answer = await self._ask_wechat(code)
        wechat = answer.session
        place = session_key_place(self._app_id, wechat.openid)
        session_key = wechat.session_key.get_secret_value().encode()
        issued = self._sessions.issue()
        record = await sign_in(
            self._database,
            NewSession(
                user_id=opaque_id(),
                app_id=self._app_id,
                openid=wechat.openid,
                unionid=wechat.unionid,
                session_key=self._key_ring.seal(session_key, place),
                session_key_fingerprint=self._key_ring.fingerprint(session_key, place),
                session_key_at=answer.asked_at,
                token_hash=issued.token_hash,
                now=issued.created_at,
                expires_at=issued.expires_at,
            ),
        )
        if wechat.unionid is not None and record.unionid != wechat.unionid:
            # Two Open Platform accounts after one another, perhaps; which is right is not for a login to decide.
            _log.warning("kept the unionid that was stored first", extra={"account": record.account_id})
        await self._sessions.settle(
            user_id=record.user.id, account_id=record.account_id, issued=issued.token_hash, superseded=token
        )
        return LoggedIn(issued.token, issued.expires_at, record.user, record.is_new_user)

    async def _ask_wechat(self, code: str) -> _Answer:
        key = hashlib.sha256(f"{self._app_id}\0{code}".encode("utf-8", "surrogatepass")).digest()
        task = self._in_flight.get(key)
        if task is None:
            task = asyncio.create_task(self._code2session(code))
            self._in_flight[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        # Shielded: the client that asked first may go away while others wait for the same answer.
        return await asyncio.shield(task)

    async def _code2session(self, code: str) -> _Answer:
        asked_at = self._now()
        return _Answer(await self._wechat.code2session(code), asked_at)

    def _landed(self, key: bytes, task: asyncio.Task[_Answer]) -> None:
        del self._in_flight[key]
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not report it when every waiter has gone
