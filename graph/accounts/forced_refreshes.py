"""Which replica may force WeChat to give a mini-program a new access token."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from models.clock import shared_now
from models.database import Database
from models.leases import take_lease

# WeChat allows 20 a day, 30 seconds apart; and one is enough, unless something else is wrong.
APART_MS: Final = 60_000


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ForcedRefreshes:
    """One at a time for all replicas, by a lease that is never given back. `now` gives epoch milliseconds.

    `allowed` is called with the AppID.
    """

    database: Database
    now: Callable[[], int]
    allowed: Callable[[str], None]

    async def may_force(self, app_id: str) -> bool:
        """Whether it is this process's turn. Raises `DatabaseError`."""
        now = await shared_now(self.database, self.now)
        name = f"tk:{hashlib.sha256(app_id.encode()).hexdigest()[:12]}"
        mine = await take_lease(self.database, name, until=now + APART_MS, now=now, unless_done_after=now)
        if mine:
            self.allowed(app_id)
        return mine
