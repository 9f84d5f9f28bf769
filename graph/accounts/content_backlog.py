"""How much waits for WeChat's checks, for operators, or to be deleted: looked at now and then, for metrics."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from models.clock import clock_ahead
from models.database import Database
from models.errors import DatabaseError
from models.files_to_delete import count_due_files
from models.pictures import PictureState, count_pictures
from models.text_checks import TextCheckState, count_text_checks

_log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS: Final = 60.0
KINDS: Final = ("pictures_checking", "pictures_review", "texts_waiting", "texts_review", "files_due")


@dataclass(kw_only=True, eq=False, repr=False)
class ContentBacklog:
    """An async context manager, within which it looks if `is_used`. `now` gives epoch milliseconds."""

    database: Database
    now: Callable[[], int]
    is_used: bool
    _found: Mapping[str, tuple[int, int | None]] = field(default_factory=dict, init=False)
    _ahead: int = field(default=0, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)

    async def __aenter__(self) -> Self:
        if self.is_used:
            self._task = asyncio.create_task(self._now_and_then())
        return self

    async def __aexit__(self, *_exception: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def numbers_and_ages(self) -> Mapping[str, tuple[int, float]]:
        """Of each of `KINDS`, how many there are and how many seconds the oldest waits; from any thread."""
        found, now = self._found, self.now() - self._ahead
        counted = {kind: found.get(kind, (0, None)) for kind in KINDS}
        return {
            kind: (number, 0.0 if oldest is None else max(0.0, (now - oldest) / 1000))
            for kind, (number, oldest) in counted.items()
        }

    async def look(self) -> None:
        """Counts anew. Raises `DatabaseError`."""
        self._ahead = await clock_ahead(self.database)
        pictures = await count_pictures(self.database)
        texts = await count_text_checks(self.database)
        self._found = {
            "pictures_checking": pictures[PictureState.CHECKING],
            "pictures_review": pictures[PictureState.REVIEW],
            "texts_waiting": texts[TextCheckState.WAITING],
            "texts_review": texts[TextCheckState.REVIEW],
            "files_due": await count_due_files(self.database, now=self.now() - self._ahead),
        }

    async def _now_and_then(self) -> None:
        while True:
            try:
                await self.look()
            except DatabaseError as error:
                _log.warning("could not count what waits for a check", extra={"reason": str(error)})
            # Replicas that started together should not all look together.
            await asyncio.sleep(LOOK_EVERY_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - nothing secret
