"""How far this process's clock is from the database's, which all processes share."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from models.database import Database

_log = logging.getLogger(__name__)

# A server whose clock differs by more is not ready: as far ahead WeChat's may be.
TOLERANCE_MS: Final = 300_000
# What a second's precision and the round trip may make of equal clocks.
_IMPRECISION_MS: Final = 3_000


async def clock_ahead(database: Database) -> int:
    """Milliseconds by which this process's clock is ahead, negative if behind; 0 when they are as good as equal.

    Logs once that they differ by more than is tolerated, and once that they agree again. SQLite's is the machine's own.
    Raises `DatabaseError`.
    """
    [row] = await database.fetch("SELECT CURRENT_TIMESTAMP AS now")
    now = row["now"]
    if isinstance(now, str):  # SQLite's, which is in UTC
        now = datetime.strptime(now, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    ahead = time.time_ns() // 1_000_000 - int(now.timestamp() * 1000)
    differs = abs(ahead) > TOLERANCE_MS
    if differs and not database.clock_differs:
        _log.warning("this machine's clock differs from the database's", extra={"seconds": ahead // 1000})
    if database.clock_differs and not differs:
        _log.info("this machine's clock agrees with the database's again")
    database.clock_differs = differs
    return ahead if abs(ahead) > _IMPRECISION_MS else 0


async def shared_now(database: Database, now: Callable[[], int]) -> int:
    """Now by the database's clock, which all processes share, where `now` gives this one's. Raises `DatabaseError`."""
    return now() - await clock_ahead(database)
