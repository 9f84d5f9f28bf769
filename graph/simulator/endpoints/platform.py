"""What an operator asks WeChat: from where it calls, and how many calls are left."""

from collections.abc import Collection
from typing import Final

from starlette.requests import Request

from graph.simulator.endpoints.requests import OK, Answer, authorised_get, authorised_post
from graph.simulator.protocol import Errcode, ErrcodeError, require
from graph.simulator.state import SimulatorState

# From where events come: the simulator's own machine, and addresses of no machine, some as a network.
ADDRESSES: Final = ("127.0.0.1", "::1", "203.0.113.7", "198.51.100.0/25")


def getcallbackip(state: SimulatorState, request: Request, _body: bytes) -> Answer:
    authorised_get(state, request)
    # Without an errcode, as with the other old ones.
    return {"ip_list": [*ADDRESSES]}


def clear_quota(state: SimulatorState, request: Request, body: bytes) -> Answer:
    app, fields = authorised_post(state, request, body, Errcode.REQUIRE_POST)
    require(fields.get("appid") == app.app_id, Errcode.INVALID_APPID)
    app.quotas.clear()
    return {**OK}


def quota_get(state: SimulatorState, request: Request, body: bytes, paths: Collection[str]) -> Answer:
    app, fields = authorised_post(state, request, body, Errcode.REQUIRE_POST)
    path = fields.get("cgi_path")
    if not isinstance(path, str) or not path.startswith("/"):
        raise ErrcodeError(Errcode.MALFORMED_CGI_PATH)
    require(not path.startswith("/sns/"), Errcode.FORBIDDEN_CGI_PATH)
    require(path in paths, Errcode.UNKNOWN_CGI_PATH)
    used, limit = app.quotas.used(path), app.quotas.limit(path)
    return {**OK, "quota": {"daily_limit": limit, "used": used, "remain": max(0, limit - used)}}
