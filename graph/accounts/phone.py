"""Takes the phone number that a user has WeChat give the mini-program, and forgets it."""

import asyncio
import copy
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from pydantic import SecretStr

from graph.accounts.code_exchange import retrieve, user_digest
from graph.accounts.encryption_keys import KeyCheck
from graph.accounts.errors import NotEnabled, NumberInUse, PhoneNotStored, SessionKeyStale, Unauthenticated
from graph.accounts.phone_encryption import phone_indexes, seal_phone
from graph.accounts.session_keys import SessionKeys
from graph.accounts.sessions import Viewer, require_account
from graph.security.encryption import KeyRing
from graph.security.events import Client, SecurityEvent
from graph.security.rate_limit import RateLimit
from graph.security.tokens import digest, session_id
from graph.wechat.client import WeChatClient
from graph.wechat.crypto import EncryptedData
from graph.wechat.errors import (
    DecryptFailed,
    PhoneCodeInvalid,
    PhoneNumberUnusable,
    WatermarkOutOfRange,
    WeChatUnavailable,
)
from graph.wechat.mini_programs import MiniPrograms
from graph.wechat.phone_number import (
    CODE_MAY_BE_SPENT,
    PhoneNumber,
    looks_like_login_code,
    open_phone_number,
    require_code,
)
from graph.wechat.user_info import require_recent
from models.accounts import SealedAccount
from models.audit_log import AuditAction, Audited
from models.database import Database
from models.errors import DatabaseBehind, DatabaseUnavailable
from models.logins import require_tables, try_sign_in
from models.phones import NewPhone, PhoneInUse, PhoneSource, find_phone, remove_phone, store_phone
from models.users import UserRecord, find_user

_log = logging.getLogger(__name__)

# Codes whose outcome is not known, of which the last so many are remembered.
_MOST_UNANSWERED: Final = 1000
# Seconds. What another process has got from WeChat is stored by then.
_LOOK_AGAIN_AFTER: Final = (0.05, 0.2)
_CODE_TTL_SECONDS: Final = 300


@dataclass(kw_only=True, eq=False, repr=False)
class Phones:
    """Keeps one number a user, the newest. `now` gives epoch milliseconds, the ages are seconds.

    With `unique`, no two users have the same one. `takes_encrypted` is for base libraries that give no code.
    """

    wechat: WeChatClient
    database: Database
    key_ring: KeyRing
    key_check: KeyCheck
    session_keys: SessionKeys
    apps: MiniPrograms
    watermark_max_age: float
    watermark_max_ahead: float
    address_rate_limit: RateLimit
    account_rate_limit: RateLimit
    unique: bool
    takes_encrypted: bool
    now: Callable[[], int]
    sleep: Callable[[float], Awaitable[None]]
    _flights: dict[tuple[int, str], asyncio.Task[str]] = field(default_factory=dict, init=False)
    _unanswered: dict[str, None] = field(default_factory=dict, init=False)

    async def submit(self, viewer: Viewer, *, client: Client, code: str) -> UserRecord:
        """The user, with the number that WeChat gives for the code of a tap. The same code again changes nothing.

        A code is worth one call to WeChat: the database is asked first whether it can take the number, and calls with
        the same code that overlap share one. Raises `RateLimited` for the client's address or the account,
        `MalformedSubmission`, `AppUnknown` for a mini-program that is served no more, `WeChatError`, `NumberInUse`,
        `Unauthenticated` when the user is gone, `DatabaseError` and `KeyRingMismatch` before the code is spent,
        `PhoneNotStored` after.
        """
        await self.address_rate_limit.count("address", client.address, client, **viewer.ids)
        require_code(code)
        try:
            user_id = await self._share(viewer, code, client)
        except PhoneCodeInvalid as error:
            SecurityEvent.SUBMISSION_REFUSED.log(client, reason="phone code", **viewer.ids)
            if looks_like_login_code(code):
                hinted = copy.copy(error)  # callers with the same code share it
                hinted.hint = "This looks like a code of wx.login."
                raise hinted from None
            raise
        return await self._user(viewer, user_id)

    async def submit_encrypted(self, viewer: Viewer, *, client: Client, encrypted_data: str, iv: str) -> UserRecord:
        """The user, with the number in the data of an old base library's event. The same data again change nothing.

        Raises `NotEnabled`, `RateLimited` for the client's address or the account, `SubmissionError`,
        `SessionKeyStale`, `NumberInUse`, `Unauthenticated` when the user is gone, `DatabaseError`.
        """
        if not self.takes_encrypted:
            raise NotEnabled(setting="WXGATE_PHONE_ENCRYPTED")
        await self.address_rate_limit.count("address", client.address, client, **viewer.ids)
        encrypted = EncryptedData.parse(encrypted_data=encrypted_data, iv=iv)
        await self._count_user(await require_account(self.database, viewer.account_id), viewer, client)
        try:
            number = await self._open(viewer.account_id, encrypted)
        except (SessionKeyStale, DecryptFailed, WatermarkOutOfRange) as error:
            SecurityEvent.SUBMISSION_REFUSED.log(client, reason=error.reason, **viewer.ids)
            raise
        return await self._user(viewer, await self._store(viewer, number, PhoneSource.ENCRYPTED))

    async def remove(self, viewer: Viewer) -> UserRecord:
        """The user, without a number. Raises `DatabaseError`."""
        await remove_phone(self.database, viewer.account_id, self._entry(AuditAction.PHONE_REMOVED, viewer))
        return viewer.user

    async def _count_user(self, account: SealedAccount, viewer: Viewer, client: Client) -> None:
        user = user_digest(account.app_id, account.openid)
        await self.account_rate_limit.count("account", user, client, **viewer.ids)

    async def _share(self, viewer: Viewer, code: str, client: Client) -> str:
        """As `_exchange`, once for all who wait for it; a client that leaves does not end it."""
        # Not with those of another account: WeChat must see whose the code is said to be.
        key = (viewer.account_id, code)
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(self._exchange(viewer, code, client))
            flight.add_done_callback(retrieve)
            flight.add_done_callback(lambda _: self._flights.pop(key))
        return await asyncio.shield(flight)

    async def _exchange(self, viewer: Viewer, code: str, client: Client) -> str:
        """Stores the number of this code; the id of the user who has it."""
        account = await require_account(self.database, viewer.account_id)
        code_hash = digest(f"{account.app_id}\0{code}".encode())
        if await self._is_stored(viewer, code_hash):
            return viewer.user.id
        app = self.apps.served(account.app_id)
        # What costs nothing is not counted: clients are to repeat it.
        self.wechat.breaker(app, "get_phone_number").check()
        await self._count_user(account, viewer, client)
        await self.key_check.ensure()
        self.database.require_writer()
        await (try_sign_in if self.database.doubtful else require_tables)(self.database)
        try:
            number = await self.wechat.get_phone_number(app, code=code, openid=account.openid)
            self._require_recent(number)
        except PhoneCodeInvalid as error:
            # The client may have sent it to another process as well, which is storing the number just now.
            for pause in _LOOK_AGAIN_AFTER:
                await self.sleep(pause)
                if await self._is_stored(viewer, code_hash):
                    return viewer.user.id
            if code_hash in self._unanswered:
                error.hint = CODE_MAY_BE_SPENT
            raise
        except WeChatUnavailable:
            self._unanswered[code_hash] = None
            if len(self._unanswered) > _MOST_UNANSWERED:
                del self._unanswered[next(iter(self._unanswered))]
            raise
        try:
            return await self._store(viewer, number, PhoneSource.CODE, code_hash)
        except (DatabaseUnavailable, DatabaseBehind) as error:
            _log.warning("a phone number could not be stored", extra={"reason": str(error)})
            raise PhoneNotStored from None

    async def _is_stored(self, viewer: Viewer, code_hash: str) -> bool:
        stored = await find_phone(self.database, viewer.user.id)
        return stored is not None and stored.code_hash == code_hash

    def _require_recent(self, number: PhoneNumber) -> None:
        # However short operators want it: a code lives that long.
        max_age = max(self.watermark_max_age, _CODE_TTL_SECONDS)
        now, max_ahead = self.now() / 1000, self.watermark_max_ahead
        try:
            require_recent(number.watermark_at, now=now, max_age=max_age, max_ahead=max_ahead)
        except WatermarkOutOfRange as error:
            # WeChat's own, just now: one of the two clocks is wrong.
            _log.warning("WeChat gives a phone number of another time", extra={"reason": error.reason})
            reason = f"unusable phone_info: {error.reason}"
            raise PhoneNumberUnusable(reason, http_status=200) from None

    async def _open(self, account_id: int, encrypted: EncryptedData) -> PhoneNumber:
        def read(session_key: SecretStr, account: SealedAccount) -> PhoneNumber | None:
            return open_phone_number(
                encrypted,
                session_key,
                app_id=account.app_id,
                now=self.now() / 1000,
                max_age=self.watermark_max_age,
                max_ahead=self.watermark_max_ahead,
            )

        number = await self.session_keys.open(account_id, read)
        if number is None:
            raise SessionKeyStale
        return number

    async def _store(
        self, viewer: Viewer, number: PhoneNumber, source: PhoneSource, code_hash: str | None = None
    ) -> str:
        """The id of the user whose the account is by then: a merge may have made it another's."""
        phone = NewPhone(
            seal=lambda user_id: seal_phone(self.key_ring, number.text, user_id),
            indexes=phone_indexes(self.key_ring, number.text),
            country_code=number.country_code,
            app_id=number.app_id,
            source=source,
            code_hash=code_hash,
            verified_at=number.watermark_at * 1000,
        )
        entry = self._entry(AuditAction.PHONE_SET, viewer)
        stored = await store_phone(self.database, viewer.account_id, phone, entry, unique=self.unique, now=self.now())
        if stored is None:
            raise Unauthenticated
        if isinstance(stored, PhoneInUse):
            raise NumberInUse
        return stored.user_id

    async def _user(self, viewer: Viewer, user_id: str) -> UserRecord:
        user = viewer.user if user_id == viewer.user.id else await find_user(self.database, user_id)
        if user is None:
            raise Unauthenticated
        return user

    def _entry(self, action: AuditAction, viewer: Viewer) -> Audited:
        return action.entry(now=self.now(), user_id=viewer.user.id, session=session_id(viewer.token_hash))
