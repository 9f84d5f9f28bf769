"""What WeChat thinks of texts and pictures that users provide."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from graph.simulator import picture_checks
from graph.simulator.endpoints.requests import OK, Answer, authorised_post, seen_user
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
    if fields.get("version") not in (2, "2") or not isinstance(content, str):
        raise ErrcodeError(Errcode.MALFORMED_POST)
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
