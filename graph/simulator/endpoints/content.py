"""What WeChat thinks of texts and pictures that users provide."""

from asyncio import to_thread
from collections.abc import Mapping
from contextlib import suppress
from email.parser import BytesParser
from email.policy import HTTP
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from graph.simulator import picture_checks
from graph.simulator.endpoints.requests import OK, Answer, authorised_app, authorised_post, seen_user
from graph.simulator.pictures import fits, judge
from graph.simulator.protocol import Errcode, ErrcodeError, require
from graph.simulator.state import SimulatorState

CONTENT_LIMIT = 2500
_PICTURE: Final = 2
# The verdict on a text, by the word that it holds. Of several words, the first one here decides: the worst.
RISKY_WORDS: Final[Mapping[str, dict[str, object]]] = {
    "risky": {"suggest": "risky", "label": 21000},
    "违禁": {"suggest": "risky", "label": 20006},
    "广告": {"suggest": "risky", "label": 10001},
    "review": {"suggest": "review", "label": 21000},
}


def msg_sec_check(state: SimulatorState, request: Request, body: bytes) -> Answer:
    app, fields = authorised_post(state, request, body, Errcode.WRONG_METHOD)
    content = fields.get("content")
    require(content, Errcode.EMPTY_POST)
    if fields.get("version", 2) not in (2, "2") or not isinstance(content, str):
        raise ErrcodeError(Errcode.MALFORMED_POST)
    if "version" not in fields:
        # The first version, which no longer changes but which older libraries still call: it knows no user.
        word = _found(body, content)
        require(word is None or RISKY_WORDS[word]["suggest"] != "risky", Errcode.RISKY_CONTENT)
        return {**OK}
    require(len(content) <= CONTENT_LIMIT, Errcode.CONTENT_TOO_LONG)
    require(fields.get("scene") in (1, 2, 3, 4), Errcode.INVALID_SCENE)
    seen_user(state, app, fields)
    word = _found(body, content, *(str(fields.get(name, "")) for name in ("nickname", "title", "signature")))
    result = {"suggest": "pass", "label": 100} if word is None else RISKY_WORDS[word]
    detail: list[dict[str, object]] = [{"strategy": "content_model", "errcode": 0, **result, "prob": 90}]
    # Of what does not find anything there is no suggestion.
    found_by_word = {} if word is None else {**result, "level": 90, "keyword": word}
    detail.append({"strategy": "keyword", "errcode": 0, **found_by_word})
    return {**OK, "result": result, "detail": detail, "trace_id": state.fakes.rid(state.clock())}


async def img_sec_check(state: SimulatorState, request: Request, body: bytes) -> Answer:
    """By what the picture's centre shows, as `pictures.judge` sees it; there is no review here, which passes."""
    require(request.method == "POST", Errcode.WRONG_METHOD)
    authorised_app(state, request)
    media = _media(request.headers.get("content-type", ""), body)
    try:
        small = fits(media)
        # In a thread, for it takes long to decode.
        suggestion = await to_thread(judge, media) if small else "pass"
    except Exception:
        # Whatever Pillow raises for what is no picture.
        raise ErrcodeError(Errcode.INVALID_FILE_TYPE) from None
    require(small, Errcode.INVALID_MEDIA_SIZE)
    require(suggestion != "risky", Errcode.RISKY_CONTENT)
    return {**OK}


def getuserriskrank(state: SimulatorState, request: Request, body: bytes) -> Answer:
    app, fields = authorised_post(state, request, body, Errcode.WRONG_METHOD)
    openid, address = fields.get("openid"), fields.get("client_ip")
    if not isinstance(openid, str) or not isinstance(address, str) or not address:
        raise ErrcodeError(Errcode.MALFORMED_POST)
    require(fields.get("scene") in (0, 1, 2), Errcode.INVALID_SCENE)
    of_another = any(openid in other.users for other in state.apps.values() if other is not app)
    require(fields.get("appid") == app.app_id and not of_another, Errcode.OPENID_OF_ANOTHER_APP)
    rank = seen_user(state, app, fields).account.risk_rank
    # Both so spelt.
    return {"errcode": 0, "errmsg": "getuserriskrank succ", "risk_rank": rank, "unoin_id": int(state.fakes.nonce())}


def media_check_async(state: SimulatorState, request: Request, body: bytes) -> Answer:
    app, fields = authorised_post(state, request, body, Errcode.WRONG_METHOD)
    url = fields.get("media_url")
    require(url, Errcode.EMPTY_POST)
    if fields.get("version") not in (2, "2") or not isinstance(url, str) or fields.get("media_type") != _PICTURE:
        raise ErrcodeError(Errcode.MALFORMED_POST)
    require(fields.get("scene") in (1, 2, 3, 4), Errcode.INVALID_SCENE)
    require(_is_web_address(url), Errcode.INVALID_URL)
    user = seen_user(state, app, fields)
    return {**OK, "trace_id": picture_checks.start(state, app, user, url).trace_id}


def _found(body: bytes, *texts: str) -> str | None:
    """The listed word that one of the texts holds."""
    # A word counts only where the body spells it in real UTF-8: WeChat overlooks Chinese written as \uXXXX, and so
    # must this, or a client with that mistake would pass every test and check nothing in production.
    found = (word for word in RISKY_WORDS if word.encode() in body and any(word in text for text in texts))
    return next(found, None)


def _is_web_address(url: str) -> bool:
    with suppress(ValueError):
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    return False


def _media(content_type: str, body: bytes) -> bytes:
    """The file "media" of a form. Raises ErrcodeError with 41005."""
    # WeChat fails on a boundary in quotation marks, which some libraries write.
    require(content_type.startswith("multipart/form-data") and '"' not in content_type, Errcode.MEDIA_MISSING)
    form = BytesParser(policy=HTTP).parsebytes(b"content-type: %b\r\n\r\n%b" % (content_type.encode("latin-1"), body))
    for part in form.iter_parts() if form.is_multipart() else ():
        media = part.get_payload(decode=True)
        if part.get_param("name", header="content-disposition") == "media" and isinstance(media, bytes):
            return media
    raise ErrcodeError(Errcode.MEDIA_MISSING)
