"""The probes: is the process alive, and should it be sent requests."""

import asyncio
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from graph.accounts.encryption_keys import KeyCheck
from graph.accounts.errors import KeyRingMismatch
from graph.http.responses import json_response
from graph.server.shutdown import Shutdown
from models.clock import clock_ahead
from models.database import Database
from models.errors import DatabaseAhead, DatabaseBehind, DatabaseError
from models.logins import require_tables, try_sign_in

# An orchestrator that waits longer than this for a probe takes the silence for the answer.
PATIENCE_SECONDS: Final = 1.5


async def livez(_request: Request) -> Response:
    """200 as long as the event loop turns."""
    return json_response({"status": "ok"})


@dataclass(slots=True, eq=False)
class Readiness:
    """200 when requests can be served; 503 with one reason, fit for strangers, when they cannot."""

    database: Database
    key_check: KeyCheck
    shutdown: Shutdown

    async def answer(self, _request: Request) -> Response:
        """The endpoint; it responds within `PATIENCE_SECONDS`."""
        if reason := await self._reason():
            return json_response({"status": "unavailable", "reason": reason}, 503)
        return json_response({"status": "ok"})

    async def _reason(self) -> str | None:
        if self.shutdown.announced:
            return "shutting down"
        reason = "the database does not answer"
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await require_tables(self.database)
                await self.key_check.ensure()
                await clock_ahead(self.database)
                if self.database.doubtful:
                    reason = "the database takes no writes"
                    await try_sign_in(self.database)
        except DatabaseAhead:
            return "the database is newer than this version"
        except DatabaseBehind:
            return "migrations are missing"
        except (DatabaseError, TimeoutError):
            return reason
        except KeyRingMismatch:
            return "the encryption keys are not those of the database"
        return "the clock differs from the database's" if self.database.clock_differs else None
