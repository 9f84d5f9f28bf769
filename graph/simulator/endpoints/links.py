"""Ways into a mini-program from elsewhere: a code to scan, and links."""

import re
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from graph.simulator.apps import SimulatedApp
from graph.simulator.endpoints.requests import OK, Answer, authorised_post
from graph.simulator.pictures import BLANK, load_images
from graph.simulator.protocol import Errcode, ErrcodeError, require
from graph.simulator.state import SimulatorState

SCENE: Final = re.compile(r"[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]{1,32}")
QUERY: Final = re.compile(r"[0-9A-Za-z!#$&'()*+,/:;=?@\-._~%]{0,1024}")
VERSIONS: Final = ("release", "trial", "develop")
# In pixels.
NARROWEST, WIDEST, USUAL_WIDTH = 280, 1280, 430
# In characters: room for any path, and for the comment of a picture.
LONGEST_PAGE: Final = 1024
# In seconds, and in days.
SHORTEST_LIFE: Final = 60
LONGEST_LIFE: Final = 30
_DAY: Final = 86400
# How a link ends: at a time, or after days.
_AT_TIME, _AFTER_DAYS = 0, 1


def getwxacodeunlimit(state: SimulatorState, request: Request, body: bytes) -> Answer:
    """A JPEG, or a transparent PNG. No phone can scan it: what it stands for is its comment (`scene=..&page=..`)."""
    app, fields = authorised_post(state, request, body, Errcode.WRONG_METHOD)
    scene, page, width = fields.get("scene"), fields.get("page", ""), fields.get("width", USUAL_WIDTH)
    if not isinstance(scene, str) or not SCENE.fullmatch(scene):
        raise ErrcodeError(Errcode.INVALID_CODE_SCENE)
    require(fields.get("env_version", "release") in VERSIONS, Errcode.INVALID_ARGUMENTS)
    if not isinstance(width, int) or not isinstance(page, str):
        raise ErrcodeError(Errcode.INVALID_ARGUMENTS)
    require(len(page) <= LONGEST_PAGE, Errcode.INVALID_PAGE)
    # Without the check WeChat still wants a path that could be one.
    known = app.has_page(page) if fields.get("check_path", True) else page[:1] != "/"
    require(not page or known, Errcode.INVALID_PAGE)
    images = load_images()
    if images is None:
        return Response(BLANK, media_type="image/png")
    transparent = bool(fields.get("is_hyaline", False))
    picture = images.draw_code(
        f"scene={scene}&page={page}", min(max(width, NARROWEST), WIDEST), transparent=transparent
    )
    return Response(picture, media_type="image/png" if transparent else "image/jpeg")


def generatescheme(state: SimulatorState, request: Request, body: bytes) -> Answer:
    app, fields = authorised_post(state, request, body, Errcode.WRONG_METHOD)
    target = fields.get("jump_wxa", {})
    if not isinstance(target, dict):
        raise ErrcodeError(Errcode.MALFORMED_POST)
    _check(state, app, target, fields)
    return {**OK, "openlink": f"weixin://dl/business/?t={state.fakes.ticket()}"}


def generate_urllink(state: SimulatorState, request: Request, body: bytes) -> Answer:
    app, fields = authorised_post(state, request, body, Errcode.WRONG_METHOD)
    _check(state, app, fields, fields)
    return {**OK, "url_link": f"https://wxaurl.cn/{state.fakes.ticket()}"}


def _check(
    state: SimulatorState, app: SimulatedApp, target: Mapping[str, object], fields: Mapping[str, object]
) -> None:
    """Raises ErrcodeError with 40165, 40212, 85402, 85401 or 40097."""
    path, query = target.get("path", ""), target.get("query", "")
    if not isinstance(path, str) or not isinstance(query, str):
        raise ErrcodeError(Errcode.MALFORMED_POST)
    # WeChat takes this path with a slash in front too, as its examples have it.
    require(not path or app.has_page(path.removeprefix("/")), Errcode.INVALID_PAGE_PATH)
    require(QUERY.fullmatch(query), Errcode.INVALID_QUERY)
    require(target.get("env_version", "release") in VERSIONS, Errcode.INVALID_VERSION)
    kind = fields.get("expire_type", _AT_TIME)
    if kind == _AFTER_DAYS:
        days = fields.get("expire_interval")
        require(isinstance(days, int) and 1 <= days <= LONGEST_LIFE, Errcode.INVALID_EXPIRY)
    elif kind == _AT_TIME and (fields.get("is_expire") or fields.get("expire_time")):
        ends = fields.get("expire_time")
        life = ends - state.clock() if isinstance(ends, int) else 0
        require(SHORTEST_LIFE < life <= LONGEST_LIFE * _DAY, Errcode.INVALID_EXPIRY)
    else:
        # Without an end: what WeChat once took for a link for ever lives as long as it may today.
        require(kind == _AT_TIME, Errcode.INVALID_ARGUMENTS)
