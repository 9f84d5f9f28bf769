"""The access token of each mini-program: kept while it lives, and renewed when WeChat refuses it, never in a loop."""

import asyncio
import copy
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from pydantic import SecretStr

from graph.wechat.errors import AccessTokenRefused, WeChatError, WeChatMisconfigured
from graph.wechat.mini_programs import MiniProgram
from graph.wechat.responses import AccessToken

T = TypeVar("T")

_log = logging.getLogger(__name__)

# Seconds. A token is not used in its last minute: a call that carries it may take a while to arrive.
MARGIN: Final = 60.0
LONGEST: Final = 7_140.0
# Seconds for which a failed request is the answer to all who ask: long enough for those who wait together, and longer
# for what an operator must mend.
_FAILED_FOR: Final = 1.0
_MISCONFIGURED_FOR: Final = 30.0
_MISCONFIGURED: Final = frozenset({40001, 40013, 40014, 40125, 40164, 40243, 42001})
# Seconds until another replica's forced refresh is to be seen.
_OTHERS_TAKE: Final = 1.0


class Fetch(Protocol):
    """One request for a token. Raises `WeChatError`."""

    async def __call__(self, app: MiniProgram, *, force_refresh: bool) -> AccessToken: ...


@dataclass(slots=True, eq=False, repr=False)
class _Held:
    """The token of one mini-program, or why there is none, until a time of the clock; and the task that fetches one."""

    token: SecretStr | None = None
    failure: WeChatError | None = None
    until: float = -math.inf
    fetching: "asyncio.Task[SecretStr] | None" = None


class AccessTokens:
    """One request at a time and mini-program, whose outcome all callers share; a caller who leaves does not end it.

    WeChat gives every replica the same stable token, so none needs a store. A refresh is forced where WeChat goes on
    giving a token that it refuses, which it allows 20 times a day: `may_force`, called with the AppID, decides for all
    replicas, and what it raises reaches the callers. `clock` gives seconds and never goes back.
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        may_force: Callable[[str], Awaitable[bool]],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._fetch = fetch
        self._may_force = may_force
        self._clock = clock
        self._sleep = sleep
        self._held: dict[str, _Held] = {}

    async def call(self, app: MiniProgram, use: Callable[[SecretStr], Awaitable[T]]) -> T:
        """What `use` returns; it is called again, once, with another token when it raises `AccessTokenRefused`.

        Raises what `use` and `get` do, and `WeChatMisconfigured` when WeChat refuses the other token too.
        """
        token = await self.get(app)
        try:
            return await use(token)
        except AccessTokenRefused:
            pass
        token = await self.refused(app, token)
        try:
            return await use(token)
        except AccessTokenRefused as error:
            refusal = _refuses_all(app, error)
        held = self._held[app.app_id]
        if held.token == token:
            self._remember(held, refusal)
        raise refusal

    async def get(self, app: MiniProgram) -> SecretStr:
        """The token, from memory if it lives. Raises `WeChatError`, for a while without asking again."""
        held = self._held.setdefault(app.app_id, _Held())
        if self._clock() < held.until:
            if held.failure is not None:
                raise copy.copy(held.failure)
            if held.token is not None:
                return held.token
        return await self._shared(held, lambda: self._fetch(app, force_refresh=False))

    async def refused(self, app: MiniProgram, token: SecretStr) -> SecretStr:
        """Another token than this one, which WeChat did not take. Raises as `get`, and what `may_force` does."""
        held = self._held[app.app_id]
        if held.token != token:
            # Another caller came first: what there is now, or is being fetched, is newer.
            return await self.get(app)
        held.token, held.until = None, -math.inf
        return await self._shared(held, lambda: self._renew(app, token))

    async def _renew(self, app: MiniProgram, token: SecretStr) -> AccessToken:
        renewed = await self._fetch(app, force_refresh=False)
        if renewed.token != token:
            return renewed
        if await self._may_force(app.app_id):
            _log.warning("WeChat gives an access token that it refuses: forcing a new one", extra={"app": app.app_id})
            renewed = await self._fetch(app, force_refresh=True)
        else:
            await self._sleep(_OTHERS_TAKE)
            renewed = await self._fetch(app, force_refresh=False)
        if renewed.token == token:
            raise _refuses_all(app)
        return renewed

    async def _shared(self, held: _Held, fetch: Callable[[], Awaitable[AccessToken]]) -> SecretStr:
        if held.fetching is None or held.fetching.done():
            held.fetching = asyncio.create_task(self._keep(held, fetch))
            # So that asyncio does not report a failure whose callers have all left.
            held.fetching.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(held.fetching)

    async def _keep(self, held: _Held, fetch: Callable[[], Awaitable[AccessToken]]) -> SecretStr:
        try:
            fetched = await fetch()
        except WeChatError as error:
            self._remember(held, error)
            raise
        held.token, held.failure = fetched.token, None
        held.until = self._clock() + min(fetched.expires_in, LONGEST + MARGIN) - MARGIN
        return fetched.token

    def _remember(self, held: _Held, error: WeChatError) -> None:
        # A copy, because the frames in an exception's traceback live as long as it does.
        held.token, held.failure = None, copy.copy(error)
        held.until = self._clock() + (_MISCONFIGURED_FOR if error.errcode in _MISCONFIGURED else _FAILED_FOR)


def _refuses_all(app: MiniProgram, refusal: WeChatError | None = None) -> WeChatMisconfigured:
    errcode, rid = (refusal.errcode, refusal.rid) if refusal else (40001, None)
    error = WeChatMisconfigured("it refuses the access token that it has just given", errcode=errcode, rid=rid)
    _log.error("%s", error, extra={"app": app.app_id, "errcode": errcode, "rid": rid})
    return error
