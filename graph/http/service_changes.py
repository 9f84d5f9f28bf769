"""`GET /service/changes`: which users are gone, for services that keep their ids."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope, Send

from graph.errors import ErrorCode
from graph.http.responses import json_response
from graph.http.service_authentication import ServiceAuthentication
from graph.security.service_credentials import ServiceScope
from graph.server.http_error import HttpError, busy
from models.clock import shared_now
from models.database import Database
from models.deleted_users import DeletedRecord, read_changes
from models.errors import DatabaseBehind, DatabaseUnavailable

_MOST: Final = 500
# As many digits as a place in the feed may have.
_CURSOR: Final = re.compile(r"[0-9]{0,18}")
_LIMIT: Final = re.compile(r"[1-9][0-9]{0,2}")


@dataclass(frozen=True, slots=True, eq=False)
class ServiceChanges:
    """An ASGI application. `?after=<cursor>&limit=<1 to 500>` gives a JSON array, oldest first, for the scope `users`.

    A member is `{"cursor", "kind": "deleted" | "merged", "userId", "into" of a merge, "at" in ISO 8601}`. The last
    cursor of one array is `after` of the next; without it, or empty, the feed begins with the oldest that is kept. An
    empty array is its end for now. `now` gives epoch milliseconds.
    """

    authentication: ServiceAuthentication
    database: Database
    now: Callable[[], int]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            raise HttpError(405, ErrorCode.METHOD_NOT_ALLOWED, "Use GET here.", headers={"Allow": "GET"})
        self.authentication.require(scope, ServiceScope.USERS)
        after, limit = _page(QueryParams(scope["query_string"]))
        try:
            # By the clock that is the same for all replicas, whichever wrote a row and whichever reads it.
            now = await shared_now(self.database, self.now)
            changes = await read_changes(self.database, after, limit, now=now)
        except (DatabaseUnavailable, DatabaseBehind):
            msg = "The server cannot work just now."
            raise busy(msg) from None
        await json_response([_member(change) for change in changes])(scope, receive, send)


def _page(parameters: QueryParams) -> tuple[int, int]:
    if len(parameters) < len(parameters.multi_items()) or not parameters.keys() <= {"after", "limit"}:
        raise HttpError(400, ErrorCode.BAD_REQUEST, "The parameters are after and limit, each at most once.")
    after, limit = parameters.get("after", ""), parameters.get("limit", str(_MOST))
    if not _CURSOR.fullmatch(after):
        raise HttpError(400, ErrorCode.BAD_REQUEST, "The parameter after must be a cursor of this feed.")
    if not _LIMIT.fullmatch(limit) or int(limit) > _MOST:
        raise HttpError(400, ErrorCode.BAD_REQUEST, f"The parameter limit must be a number from 1 to {_MOST}.")
    return int(after or 0), int(limit)


def _member(change: DeletedRecord) -> dict[str, Any]:
    merged = change.merged_into is not None
    return {
        "cursor": str(change.seq),
        "kind": "merged" if merged else "deleted",
        "userId": change.user_id,
        **({"into": change.merged_into} if merged else {}),
        "at": datetime.fromtimestamp(change.at / 1000, UTC).isoformat(),
    }
