"""What a request says: its headers, the device that it comes from, the `GraphQLRequest` in its body or query string."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import orjson
from pydantic import BaseModel, Field
from starlette.datastructures import QueryParams
from starlette.types import Receive

from graph.errors import ErrorCode
from graph.execution.documents import GraphQLRequest
from graph.execution.trusted_documents import is_same_id
from graph.http.responses import JSON, UTF_8, named_media_type
from graph.server.http_error import HttpError
from graph.wechat.mini_programs import named_by_referer
from models.devices import Device, Platform

_MOST_CACHED: Final = 256
_LONGEST_CACHED: Final = 4096
_MEMBERS: Final = (
    ("extensions", dict, "an object"),
    ("documentId", str, "text"),
    ("query", str, "a GraphQL document as text"),
    ("variables", dict, "an object"),
    ("operationName", str, "text"),
)
# What a refusal calls a value of a wrong type, unless it is a number.
_KINDS: Final = {dict: "an object", list: "an array", str: "text", bool: "a boolean", type(None): "null"}
# As `encodeURIComponent` writes it, and blanks. No comma, which stands between the values of a header that is repeated.
_LABEL: Final = re.compile(r"(?:[!-$&-+\--~ ]|%[0-9A-Fa-f]{2})*")
_LONGEST_LABEL: Final = 64
# The first that is found. The developer tools put on an iPhone, HarmonyOS an Android, and an iPhone is "like Mac OS X".
_PLATFORMS: Final = (
    ("wechatdevtools", Platform.DEVTOOLS),
    ("OpenHarmony|HarmonyOS", Platform.HARMONY),
    ("iPhone|iPad|iPod", Platform.IOS),
    ("Android", Platform.ANDROID),
    ("Windows", Platform.WINDOWS),
    ("Macintosh|MiniProgramEnv/Mac", Platform.MAC),
)
_PLATFORM: Final = tuple((re.compile(pattern, re.IGNORECASE), platform) for pattern, platform in _PLATFORMS)
_WECHAT_VERSION: Final = re.compile(r"MicroMessenger/([0-9]{1,4}(?:\.[0-9]{1,4}){2})(?![0-9])")

Headers = Mapping[bytes, str]
"""By lower-case name, each byte of a value a character; `RequestMiddleware` puts it into the state of the scope."""


class JsonLimits(BaseModel, frozen=True):
    """What a JSON body may be, beside its size."""

    json_depth: int = Field(32, ge=4, description="Levels of objects and arrays in a body.")


def joined(lines: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers of which some are repeated: those are lists, each in one value (RFC 9110, section 5.3)."""
    values: dict[bytes, list[str]] = {}
    for name, value in lines:
        values.setdefault(name, []).append(value.decode("latin-1"))
    return {name: ", ".join(several) for name, several in values.items()}


async def read_body(headers: Headers, receive: Receive) -> bytes:
    """The body of a POST, whose size the protocol has bounded. Raises `HttpError` when it is not plain JSON."""
    if wrong := _wrong_type(headers.get(b"content-type") or ""):
        msg = f"The body is declared as {wrong}: send it as Content-Type: application/json in UTF-8."
        raise HttpError(415, ErrorCode.UNSUPPORTED_MEDIA_TYPE, msg)
    if headers.get(b"content-encoding", "identity").strip().lower() != "identity":
        raise HttpError(415, ErrorCode.UNSUPPORTED_MEDIA_TYPE, "Send the body uncompressed.")
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):  # not from this server's own protocol
        message = await receive()
        body += message.get("body", b"")
    return body


# Clients of one kind all send the same.
@lru_cache(maxsize=128)
def _wrong_type(content_type: str) -> str | None:
    """What to call a type that is not JSON in UTF-8. Parameters other than `charset` mean nothing to it (RFC 8259)."""
    media_type, *parameters = (piece.strip().lower() for piece in content_type.split(";"))
    if media_type != JSON:
        return named_media_type(content_type)
    pairs = (parameter.partition("=") for parameter in parameters)
    charsets = {value.strip(" \t\"'") for name, _, value in pairs if name.strip() == "charset"}
    return None if charsets <= UTF_8 else f"{JSON} in another charset"


def refuse_foreign_get(headers: Headers) -> None:
    """Raises `HttpError` for a GET that another web site may have made its visitor's browser send.

    A browser declares it in `Sec-Fetch-Site`; where it is too old for that, a form or image cannot ask with a body
    type of its own, and there is no cookie here that would travel with it.
    """
    if headers.get(b"sec-fetch-site") not in {None, "none", "same-origin"}:
        msg = "A GET from another site is answered only if WXGATE_HTTP_CORS_ORIGINS lists its origin."
        raise HttpError(403, ErrorCode.FORBIDDEN, msg)
    if (headers.get(b"content-type") or JSON).partition(";")[0].strip().lower() != JSON:
        raise HttpError(415, ErrorCode.UNSUPPORTED_MEDIA_TYPE, "A GET has no body to be of another type.")


def app_named_by(headers: Headers) -> tuple[str | None, str | None]:
    """What names the mini-program: the client's own header, and WeChat's Referer."""
    return headers.get(b"x-wxgate-app"), headers.get(b"referer")


def device_of(headers: Headers) -> Device:
    """What the headers make of the device; what is wrong in them is as if it was not there."""
    agent, named = headers.get(b"user-agent", ""), named_by_referer(headers.get(b"referer"))
    version = named[1] if named and (named[1].isdecimal() or named[1] == "devtools") else ""
    platform = next((platform for pattern, platform in _PLATFORM if pattern.search(agent)), Platform.OTHER)
    wechat = _WECHAT_VERSION.search(agent)
    label = _label(headers.get(b"x-wxgate-device", ""))
    return Device(label, platform, wechat[1] if wechat else "", version)


def _label(header: str) -> str:
    if _LABEL.fullmatch(header) is None:
        return ""
    try:
        text = unquote_to_bytes(header).decode("utf-8")
    except UnicodeDecodeError:
        return ""
    # Nor what would hide or turn around what stands beside it.
    return "".join(filter(str.isprintable, text)).strip() if len(text) <= _LONGEST_LABEL else ""


class RequestDecoder:
    """Turns JSON into requests; bodies without variables, which clients send again and again, only once.

    `depth` is how many levels of objects and arrays JSON may have. Every method raises `HttpError`.
    """

    def __init__(self, *, depth: int) -> None:
        self._depth = depth
        self._cache: dict[bytes, GraphQLRequest] = {}

    def decode_body(self, body: bytes) -> GraphQLRequest:
        """The request in the body of a POST."""
        cached = self._cache.get(body)
        if cached is not None:
            return cached
        request = _request(_json_object(body, "The body", self._depth))
        # Variables hold what is not to be kept, and are seldom the same twice.
        if not request.variables and len(body) <= _LONGEST_CACHED:
            if len(self._cache) >= _MOST_CACHED:
                self._cache.clear()
            self._cache[body] = request
        return request

    def decode_query_string(self, parameters: QueryParams) -> GraphQLRequest:
        """The request in the query string of a GET."""
        if len(parameters.multi_items()) != len(parameters):
            raise HttpError(400, ErrorCode.BAD_REQUEST, "A parameter of the query string is repeated.")
        members: dict[str, Any] = dict(parameters)
        for name in ("variables", "extensions"):
            if text := members.pop(name, ""):
                encoded = text.encode("utf-8", "surrogatepass")
                members[name] = _json_object(encoded, f"The parameter {name}", self._depth)
        return _request(members)


def _request(members: Mapping[str, Any]) -> GraphQLRequest:
    for name, kind, what in _MEMBERS:
        if members.get(name) is not None and not isinstance(members[name], kind):
            msg = f"The member {name} must be {what}, not {_KINDS.get(type(members[name]), 'a number')}."
            raise HttpError(400, ErrorCode.BAD_REQUEST, msg)
    document_id = _document_id(members.get("documentId"), members.get("extensions") or {})
    query = members.get("query")
    if query is None and document_id is None:
        raise HttpError(400, ErrorCode.BAD_REQUEST, "The member query must be a GraphQL document as text.")
    return GraphQLRequest(query, members.get("variables") or {}, members.get("operationName") or None, document_id)


def _document_id(named: str | None, extensions: Mapping[str, Any]) -> str | None:
    """The id of a trusted document, as GraphQL over HTTP names it (appendix A) or as Apollo's and urql's clients do."""
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        return named
    hashed = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    if not isinstance(hashed, str):
        msg = "The extension persistedQuery must be an object with a sha256Hash as text."
        raise HttpError(400, ErrorCode.BAD_REQUEST, msg)
    if persisted.get("version") != 1 or persisted["version"] is True:
        raise HttpError(400, ErrorCode.BAD_REQUEST, "The extension persistedQuery must be of version 1.")
    if named is None or is_same_id(named, hashed):
        return named or hashed
    msg = "The member documentId and the extension persistedQuery name different documents."
    raise HttpError(400, ErrorCode.BAD_REQUEST, msg)


def _json_object(text: bytes, what: str, depth: int) -> dict[str, Any]:
    text = text.removeprefix(b"\xef\xbb\xbf")
    if not text.strip():
        raise HttpError(400, ErrorCode.BAD_REQUEST, f"{what} is empty.")
    try:
        # orjson refuses what is not UTF-8, NaN, and halves of surrogate pairs.
        decoded = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise HttpError(400, ErrorCode.BAD_REQUEST, f"{what} is not JSON in UTF-8.") from None
    if not isinstance(decoded, dict):
        msg = f"{what} must be a JSON object, not {_KINDS.get(type(decoded), 'a number')}."
        raise HttpError(400, ErrorCode.BAD_REQUEST, msg)
    # A text with few brackets cannot be deep, and counting them is cheaper than looking.
    if text.count(b"{") + text.count(b"[") > depth and not _is_shallow(decoded, depth):
        raise HttpError(400, ErrorCode.BAD_REQUEST, f"{what} is nested more than {depth} deep.")
    # orjson keeps the last of two members of one name. A text with as many colons as members has no such two, and the
    # others (colons in a document, variables) are read again by what sees all members.
    if text.count(b":") != len(decoded):
        try:
            _DECODER.decode(text.decode())
        except RecursionError:  # in a member that was repeated, for the others are shallow
            raise HttpError(400, ErrorCode.BAD_REQUEST, f"{what} is nested more than {depth} deep.") from None
    return decoded


def _refuse_repeated(pairs: list[tuple[str, object]]) -> None:
    if len(dict(pairs)) < len(pairs):
        raise HttpError(400, ErrorCode.BAD_REQUEST, "A member of a JSON object is repeated.")


# Integers of any length, as for orjson.
_DECODER: Final = json.JSONDecoder(object_pairs_hook=_refuse_repeated, parse_int=float)


def _is_shallow(value: object, depth: int) -> bool:
    level = [value]
    while depth and level:
        containers = [outer for outer in level if isinstance(outer, (dict, list))]
        level = [inner for outer in containers for inner in (outer.values() if isinstance(outer, dict) else outer)]
        depth -= 1
    return not any(isinstance(inner, (dict, list)) for inner in level)
