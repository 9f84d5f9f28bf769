"""Has WeChat check the pictures that users save, and does what comes of it when its event arrives."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final, Literal, Self, TypeAlias

from graph.accounts.content_checks import CheckOutcome, Counted, find_openid, outcome_of, record_unseen
from graph.accounts.jobs import Job
from graph.wechat.client import WeChatClient
from graph.wechat.content_check import MediaCheck, Suggest
from graph.wechat.errors import CircuitOpen, UserUnseen, WeChatError, WeChatRateLimited
from graph.wechat.mini_programs import MiniPrograms
from models.audit_log import AuditAction, Audited
from models.clock import shared_now
from models.database import Database, Steps
from models.events import finish_event
from models.picture_verdicts import apply_verdict
from models.pictures import (
    PictureState,
    StoredPicture,
    due_pictures,
    find_checked,
    find_picture,
    make_due,
    note_check,
)
from models.profile_updates import PictureRules

_log = logging.getLogger(__name__)

PicturePolicy: TypeAlias = Literal["after", "before", "off"]

# After these times WeChat is asked again that could not be asked; then an operator decides.
ASK_AGAIN_AFTER_MS: Final = (60_000, 300_000, 1_800_000)
# Where WeChat is not to be asked just now that is no failure: how long to wait at least each time, and how long it is
# none after a picture was saved.
WAIT_AT_LEAST_SECONDS: Final = 60.0
WAIT_FOR_MS: Final = 86_400_000
# WeChat promises a result within half of it.
RESULT_WITHIN_MS: Final = 3_600_000
# How often WeChat takes a picture of which no result comes, or that it cannot download.
MOST_ASKED: Final = 2
# When the job asks about a picture that was saved, if the process that saved it has not.
_UNASKED_AFTER_MS: Final = 60_000
LOOK_EVERY_SECONDS: Final = 15.0
_PAGE: Final = 10
# In `tries`, the tens count how often WeChat took the picture, and the ones how often it could not be asked since.
_TAKEN: Final = 10

_STATES: Final = {
    Suggest.PASS: PictureState.SHOWN,
    Suggest.REVIEW: PictureState.REVIEW,
    Suggest.RISKY: PictureState.REFUSED,
}


@dataclass(kw_only=True, eq=False, repr=False)
class PictureChecks:
    """Whether pictures are shown "after" they are saved or not "before" WeChat passes them, is a matter of `policy`.

    "off" shows them unseen, and so are those of a mini-program without message push: no result would come. An async
    context manager, at whose end nobody waits for WeChat any more. `freed` is called when a file may be deleted.
    `now` gives epoch milliseconds.
    """

    wechat: WeChatClient
    database: Database
    apps: MiniPrograms
    policy: PicturePolicy
    counted: Counted
    freed: Callable[[], None]
    now: Callable[[], int]
    _asking: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        for task in self._asking:
            task.cancel()
        if self._asking:
            await asyncio.wait(self._asking)

    def rules(self, app_id: str, url_of: Callable[[str], str]) -> PictureRules:
        """How a picture that comes by this mini-program is saved; `url_of` gives a file's address."""
        app = self.apps.get(app_id)
        if self.policy == "off" or (app is not None and app.push is None):
            return PictureRules(url_of=url_of, state=PictureState.SHOWN, is_shown=True, due_at=None, app_id=app_id)
        return PictureRules(
            url_of=url_of,
            state=PictureState.CHECKING,
            is_shown=self.policy == "after",
            due_at=self.now() + _UNASKED_AFTER_MS,
            app_id=app_id,
        )

    def ask_soon(self, user_id: str, picture_id: str) -> None:
        """Has WeChat asked in the background about a picture that was saved just now."""
        task = asyncio.get_running_loop().create_task(self._ask_about(user_id, picture_id))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def job(self) -> Job:
        """Asks again what is due, and leaves to operators what has been asked often enough."""
        return Job(
            lease="pictures",
            doing="having pictures checked",
            done="pictures looked at",
            pages=self._ask_due,
            has_work=self._is_any_due,
            every_ms=0,
            look_every_seconds=LOOK_EVERY_SECONDS,
        )

    async def take_result(self, event_id: str, app_id: str, check: MediaCheck, *, now: int) -> bool:
        """Applies the result in an event, once; False while the picture that it is of may not be known yet.

        One that can be of no picture here is finished. Raises `DatabaseError`.
        """
        detail = {"label": check.label}
        entry = AuditAction.PICTURE_REFUSED.entry(now=now, user_id=None, actor="wechat", app_id=app_id, detail=detail)
        applied = await self.database.transaction(lambda: self._apply(event_id, app_id, check, entry, now))
        if applied and check.suggest is not None:  # else the job, which is to look at it, counts that
            self.counted("picture", outcome_of(check.suggest))
            if check.suggest is Suggest.RISKY:
                self.freed()
        return applied is not None

    def _apply(self, event_id: str, app_id: str, check: MediaCheck, entry: Audited, now: int) -> Steps[bool | None]:
        """Whether it is applied now; None where there may be nothing yet to apply it to."""
        picture_id, is_any_asked = yield from find_checked(app_id, check.trace_id, now=now)
        if picture_id is None and is_any_asked:
            return None
        if not (yield from finish_event(event_id, now=now)) or picture_id is None:
            return False
        if check.suggest is None:
            yield from make_due(picture_id, now)
            return True
        state = _STATES[check.suggest]
        yield from apply_verdict(
            picture_id,
            state=state,
            label=check.label,
            shows="before" if self.policy == "before" else "after",
            entry=entry if state is PictureState.REFUSED else None,
            now=now,
        )
        return True

    async def _ask_about(self, user_id: str, picture_id: str) -> None:
        try:
            picture = await find_picture(self.database, user_id)
            if picture is not None and picture.id == picture_id and picture.state is PictureState.CHECKING:
                await self._ask(picture)
        except Exception as error:  # the job will ask
            _log.warning("could not have a picture checked", extra={"reason": type(error).__name__})

    async def _is_any_due(self, now: int) -> bool:
        return bool(await due_pictures(self.database, now=now, after="", limit=1))

    async def _ask_due(self, now: int) -> AsyncIterator[int]:
        after = ""
        while page := await due_pictures(self.database, now=now, after=after, limit=_PAGE):
            await asyncio.gather(*map(self._look_at, page))
            after = page[-1].id
            yield len(page)

    async def _look_at(self, picture: StoredPicture) -> None:
        """Whatever happens, the picture is due later or not at all: it must not keep the others from their turn."""
        taken, failures = divmod(picture.tries, _TAKEN)
        has_no_result = taken > 0 and failures == 0
        is_counted = True
        try:
            if self.policy == "off" or (has_no_result and taken >= MOST_ASKED):
                await self._leave_to_operators(picture)
            else:
                is_counted = await self._ask(picture)
        except Exception as error:
            _log.warning("could not have a picture checked", extra={"reason": type(error).__name__})
            await self._note_failure(picture)
        if has_no_result and is_counted:
            self.counted("picture", CheckOutcome.NO_RESULT)

    async def _ask(self, picture: StoredPicture) -> bool:
        """Whether that is counted in `tries`. Raises `DatabaseError`."""
        app = self.apps.get(picture.app_id)
        openid = await find_openid(self.database, picture.user_id, picture.app_id)
        if app is None or app.push is None or openid is None:
            await self._leave_to_operators(picture)
            return True
        try:
            trace_id = await self.wechat.check_picture(app, openid=openid, url=picture.url)
        except WeChatError as error:
            self.counted("picture", outcome_of(error))
            if isinstance(error, CircuitOpen | WeChatRateLimited) and self.now() < picture.created_at + WAIT_FOR_MS:
                seconds = max(error.retry_after or 0, WAIT_AT_LEAST_SECONDS)
                await self._note(picture, picture.tries, after_ms=math.ceil(1000 * seconds))
                return False
            # Later the user may have left long ago.
            if isinstance(error, UserUnseen) and picture.tries == 0:
                await record_unseen(self.database, picture.user_id, picture.app_id, now=self.now())
            await self._note_failure(picture)
            return True
        self.counted("picture", CheckOutcome.ASKED)
        tries = (picture.tries // _TAKEN + 1) * _TAKEN
        await self._note(picture, tries, after_ms=RESULT_WITHIN_MS, trace_id=trace_id)
        return True

    async def _note_failure(self, picture: StoredPicture) -> None:
        failures = picture.tries % _TAKEN
        if failures < len(ASK_AGAIN_AFTER_MS):
            await self._note(picture, picture.tries + 1, after_ms=ASK_AGAIN_AFTER_MS[failures])
        else:
            await self._leave_to_operators(picture)

    async def _note(self, picture: StoredPicture, tries: int, *, after_ms: int, trace_id: str | None = None) -> None:
        due_at = await shared_now(self.database, self.now) + after_ms
        state = PictureState.CHECKING
        await note_check(self.database, picture, trace_id=trace_id, due_at=due_at, state=state, tries=tries)

    async def _leave_to_operators(self, picture: StoredPicture) -> None:
        state, tries = PictureState.REVIEW, picture.tries + 1
        await note_check(self.database, picture, trace_id=None, due_at=None, state=state, tries=tries)
