"""The session_keys of an account, and which of them a mini-program's data were signed or encrypted with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from pydantic import SecretStr

from graph.accounts.encryption_keys import open_session_key, session_key_context
from graph.accounts.errors import Unauthenticated
from graph.security.encryption import KeyRing
from graph.wechat.errors import DecryptFailed, WatermarkOutOfRange
from models.accounts import SealedAccount, find_sealed
from models.database import Database

# A replaced session_key still opens what was signed around the moment of its replacement.
PREVIOUS_KEY_FOR_MS: Final = 300_000
PREVIOUS_KEY_SLACK_MS: Final = 60_000
# The login that brings the right key may still be in flight, here or in another replica: look again, a second in all.
# What each of the two is worth, `tests/benchmarks/race.py` measures.
LOOK_AGAIN_AFTER: Final = (0.05, 0.1, 0.2, 0.3, 0.35)


class Dated(Protocol):
    """What WeChat has given a watermark."""

    @property
    def watermark_at(self) -> int: ...


T = TypeVar("T", bound=Dated)
# What one session_key of an account opens; None where another key was used. Raises `DecryptFailed`,
# `WatermarkOutOfRange`.
Read = Callable[[SecretStr, SealedAccount], T | None]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SessionKeys:
    """`now` gives epoch milliseconds, `sleep` takes seconds.

    `tried` is called with the key that was used (current, previous, none), and what came of it.
    """

    database: Database
    key_ring: KeyRing
    now: Callable[[], int]
    sleep: Callable[[float], Awaitable[None]]
    tried: Callable[[str, str], None]

    async def open(self, account_id: int, read: Read[T]) -> T | None:
        """What `read` opens with one of the account's keys; None where no key does, now or a second later.

        Raises what `read` does, `Unauthenticated` when the account is gone, `DatabaseError`.
        """
        tried: tuple[str, str | None] | None = None
        for pause in (*LOOK_AGAIN_AFTER, None):
            keys = await find_sealed(self.database, account_id)
            if keys is None:
                raise Unauthenticated
            held = (keys.session_key, keys.previous_session_key)
            if held != tried:
                opened = self._try(keys, read)
                if opened is not None:
                    return opened
                tried = held
            if pause is not None:
                await self.sleep(pause)
        self.tried("none", "refused")
        return None

    def _try(self, keys: SealedAccount, read: Read[T]) -> T | None:
        opened = self._read(read, keys, keys.session_key, slot="current")
        if opened is not None:
            self.tried("current", "opened")
            return opened
        replaced_at = keys.previous_session_key_at
        if replaced_at is None or self.now() - replaced_at > PREVIOUS_KEY_FOR_MS:
            return None
        opened = self._read(read, keys, keys.previous_session_key, slot="previous")
        if opened is None or opened.watermark_at * 1000 > replaced_at + PREVIOUS_KEY_SLACK_MS:
            return None
        self.tried("previous", "opened")
        return opened

    def _read(self, read: Read[T], keys: SealedAccount, sealed: str | None, *, slot: str) -> T | None:
        session_key = open_session_key(self.key_ring, sealed, session_key_context(keys.app_id, keys.openid))
        if session_key is None:
            return None
        try:
            return read(SecretStr(session_key.decode()), keys)
        except (DecryptFailed, WatermarkOutOfRange) as error:
            self.tried(slot, error.reason)
            raise
