"""Has WeChat see what users type before it is kept, and again later where it could not."""

import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from graph.accounts.content_checks import Counted, find_openid, outcome_of, record_unseen
from graph.accounts.errors import TextRefused
from graph.accounts.jobs import Job
from graph.wechat.client import WeChatClient
from graph.wechat.content_check import Suggest, TextVerdict
from graph.wechat.errors import UserUnseen, WeChatError, WeChatMisconfigured, WeChatRateLimited, WeChatUnavailable
from graph.wechat.mini_programs import MiniPrograms
from models.accounts import SealedAccount
from models.audit_log import AuditAction
from models.clock import shared_now
from models.database import Database
from models.profile_updates import CheckedText
from models.profiles import adds_text, profile_text
from models.text_checks import StoredTextCheck, TextCheckState, due_text_checks, put_off_text_check
from models.text_verdicts import accept_texts, refuse_texts
from models.users import UserRecord, find_user

_log = logging.getLogger(__name__)

TextPolicy: TypeAlias = Literal["lenient", "strict", "off"]

# After these times texts that could not be checked are checked again; then an operator has to.
CHECK_AGAIN_AFTER_MS: Final = (600_000, 3_600_000)
LOOK_EVERY_SECONDS: Final = 30.0
_PAGE: Final = 10


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TextChecks:
    """What becomes of texts that are doubtful, or that WeChat cannot check just now, is a matter of `policy`.

    "strict" refuses both. "lenient" keeps them, and has operators see the doubtful ones; what could not be checked is
    checked again. "off" keeps everything. `now` gives epoch milliseconds.
    """

    wechat: WeChatClient
    database: Database
    apps: MiniPrograms
    policy: TextPolicy
    counted: Counted
    now: Callable[[], int]

    async def check(self, account: SealedAccount, before: UserRecord, after: UserRecord) -> CheckedText | None:
        """What to note of the texts that a change of the profile makes; None where texts are not checked.

        Those that stay as they are, are not checked again, and to take some back needs no leave of WeChat's.
        Raises `TextRefused`; with "strict" also `WeChatUnavailable`, `CircuitOpen`, `UserUnseen`,
        `WeChatMisconfigured`, `AppUnknown`.
        """
        if self.policy == "off":
            return None
        content, is_strict = profile_text(after), self.policy == "strict"
        if content == profile_text(before) or not adds_text(before, after):
            return CheckedText(content="", is_strict=is_strict)
        if not is_strict and self.apps.get(account.app_id) is None:
            return CheckedText(content=content, state=TextCheckState.REVIEW)
        try:
            verdict = await self._ask(account.app_id, account.openid, after)
        except WeChatError as error:
            if isinstance(error, UserUnseen):
                await record_unseen(self.database, before.id, account.app_id, now=self.now())
            if is_strict:
                raise _strict(error) from None
            _log_misconfigured(error, account.app_id)
            due_at = self.now() + CHECK_AGAIN_AFTER_MS[0]
            return CheckedText(content=content, state=TextCheckState.WAITING, due_at=due_at)
        if verdict.suggest is Suggest.RISKY or (verdict.suggest is Suggest.REVIEW and is_strict):
            raise TextRefused
        state = TextCheckState.REVIEW if verdict.suggest is Suggest.REVIEW else None
        return CheckedText(content=content, state=state, label=verdict.label, is_strict=is_strict)

    def job(self) -> Job:
        """Checks again what is due, and leaves to operators what has been tried often enough."""
        return Job(
            lease="texts",
            doing="checking texts again",
            done="texts checked again",
            pages=self._check_due,
            has_work=self._is_any_due,
            every_ms=0,
            look_every_seconds=LOOK_EVERY_SECONDS,
        )

    async def _ask(self, app_id: str, openid: str, user: UserRecord) -> TextVerdict:
        app = self.apps.served(app_id)
        try:
            verdict = await self.wechat.check_text(
                app, openid=openid, content=profile_text(user), nickname=user.nick_name
            )
        except WeChatError as error:
            self.counted("text", outcome_of(error))
            raise
        self.counted("text", outcome_of(verdict.suggest))
        return verdict

    async def _is_any_due(self, now: int) -> bool:
        return bool(await due_text_checks(self.database, now=now, after="", limit=1))

    async def _check_due(self, now: int) -> AsyncIterator[int]:
        after = ""
        while page := await due_text_checks(self.database, now=now, after=after, limit=_PAGE):
            for check in page:
                await self._check_again(check)
            after = page[-1].user_id
            yield len(page)

    async def _check_again(self, check: StoredTextCheck) -> None:
        """Whatever happens, the row is gone or due later: it must not keep the others from their turn."""
        is_settled = False
        try:
            is_settled = await self._settle(check)
        except WeChatError as error:
            _log_misconfigured(error, check.app_id)
        except Exception as error:
            _log.warning("could not check texts again", extra={"reason": type(error).__name__})
        if is_settled:
            return
        if check.tries + 1 < len(CHECK_AGAIN_AFTER_MS):
            due_at = await shared_now(self.database, self.now) + CHECK_AGAIN_AFTER_MS[check.tries + 1]
            await put_off_text_check(self.database, check, due_at=due_at, state=TextCheckState.WAITING)
        else:
            await self._leave_to_operators(check)

    async def _settle(self, check: StoredTextCheck) -> bool:
        """False where nothing was decided. Raises `WeChatError`, `DatabaseError`."""
        user = await find_user(self.database, check.user_id)
        if user is None:
            return True
        content = profile_text(user)
        openid = await find_openid(self.database, user.id, check.app_id)
        if content and (self.policy == "off" or openid is None or self.apps.get(check.app_id) is None):
            await self._leave_to_operators(check)
            return True
        verdict = await self._ask(check.app_id, openid, user) if content and openid else None
        now = self.now()
        if verdict is None or verdict.suggest is Suggest.PASS:
            return await accept_texts(self.database, user.id, content, entry=None, now=now)
        if verdict.suggest is Suggest.REVIEW:
            await self._leave_to_operators(check, verdict.label)
            return True
        detail = {"label": verdict.label}
        entry = AuditAction.TEXT_REFUSED.entry(
            now=now, user_id=user.id, actor="wechat", app_id=check.app_id, detail=detail
        )
        return await refuse_texts(self.database, user.id, content, entry=entry, now=now)

    async def _leave_to_operators(self, check: StoredTextCheck, label: int | None = None) -> None:
        await put_off_text_check(self.database, check, due_at=None, state=TextCheckState.REVIEW, label=label)


def _strict(error: WeChatError) -> WeChatError:
    """A quota that is used up is not the client's doing: RATE_LIMITED would say so."""
    if not isinstance(error, WeChatRateLimited):
        return error
    return WeChatUnavailable(
        "no more calls for a while", errcode=error.errcode, rid=error.rid, retry_after=error.retry_after
    )


def _log_misconfigured(error: WeChatError, app_id: str) -> None:
    if isinstance(error, WeChatMisconfigured):
        extra = {"app_id": app_id, "errcode": error.errcode}
        _log.warning("texts are kept that WeChat will not check: its console must allow it", extra=extra)
