"""For whom a server calls WeChat: the user whose code or openid a request brings, for the journal."""

from contextlib import suppress
from typing import Any

import orjson
from starlette.requests import Request

from graph.simulator.endpoints.sign_in import TOURIST, TOURIST_CODE
from graph.simulator.state import SimulatorState


def named_user(state: SimulatorState, app_id: str | None, request: Request, body: bytes) -> str | None:
    """The name of the user, whether the code is still good or not; None where nothing in the request stands for one."""
    app = state.apps.get(app_id or "")
    if app is None:
        return None
    given = {**_fields(body), **request.query_params}
    if given.get("js_code") == TOURIST_CODE:
        return TOURIST
    if login := app.login_codes.holder(str(given.get("js_code"))):
        return login
    if grant := app.phone_codes.holder(str(given.get("code"))):
        return grant[0].account.name
    return app.users.name_of(str(given.get("openid", given.get("touser"))))


def _fields(body: bytes) -> dict[str, Any]:
    value: Any = None
    with suppress(orjson.JSONDecodeError):
        value = orjson.loads(body)
    return value if isinstance(value, dict) else {}
