"""Reads whole requests, within the limits of their routes, out of the bytes of one connection.

The parser inside is httptools (llhttp, Node.js' own); its callbacks are the methods that begin with `on_`.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, Protocol
from urllib.parse import unquote

import httptools
from starlette.types import Scope

from graph.errors import ErrorCode
from graph.server.http_error import HttpError, too_large
from graph.server.limits import ConnectionLimits, RequestLimits, RouteLimits, StreamedLimits

# A proxy and this server could believe different ones.
_UNIQUE: Final = (b"host", b"content-type", b"content-length", b"authorization", b"transfer-encoding")
_UPGRADE: Final = frozenset({b"connection", b"upgrade", b"http2-settings"})


def _bad(message: str, status: int = 400) -> HttpError:
    return HttpError(status, ErrorCode.BAD_REQUEST, message)


def base_scope(transport: asyncio.BaseTransport, root_path: str, state: dict[str, Any]) -> Scope:
    """The scope of a connection, as it is before a request is known."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": _address(transport.get_extra_info("sockname")),
        "client": _address(transport.get_extra_info("peername")),
        "scheme": "http",
        "method": "?",
        "root_path": root_path,
        "path": "",
        "raw_path": b"",
        "query_string": b"",
        "headers": [],
        "state": state,
    }


def _address(name: object) -> tuple[str, int] | None:
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) else None


class Receiver(Protocol):
    """What is called with requests: the connection."""

    def continue_expected(self) -> None: ...
    def stream_begun(self, scope: Scope, *, keep_alive: bool, invites: bool) -> None: ...
    def body_received(self, piece: bytes) -> None: ...
    def request_received(self, scope: Scope, body: bytes, *, keep_alive: bool) -> None: ...


@dataclass(eq=False, repr=False)
class RequestParser:
    """Calls `receiver` for each request; `base` holds the members of a scope that all requests share."""

    receiver: Receiver
    base: Scope
    connection_limits: ConnectionLimits
    default_limits: RequestLimits
    route_limits: RouteLimits
    receiving: bool = field(default=False, init=False)  # a request has begun and has not arrived whole
    in_head: bool = field(default=False, init=False)
    _error: HttpError | None = field(default=None, init=False)
    _upgrade: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._parser: Any = httptools.HttpRequestParser(self)
        # Of the request whose head has arrived last.
        self.scope, self.limits = self.base, self.default_limits

    def feed(self, data: bytes) -> None:
        """Parses. Raises `HttpError`, after which nothing more can be parsed."""
        # One request is answered, and so many wait behind it: no other of this data has a response to come.
        for _ in range(self.connection_limits.pipelined + 2):
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._without_upgrade(data[upgrade.args[0] :])
            except httptools.HttpParserError:
                raise self._error or _bad("This is not an HTTP request.") from None
            else:
                return
        self._refuse(_bad("Too many requests at once."))  # what is left was not parsed

    def give_up(self) -> Scope:
        """The scope of the request that is refused, as far as it is known; its body is not kept until the end."""
        self._body = b""
        return self.scope if self.receiving and not self.in_head else self.base

    def close(self) -> None:
        """Parser, callbacks and receiver refer to each other, and the garbage collector looks seldom."""
        self._parser = self._error = self.receiver = None  # type: ignore[assignment]

    def _without_upgrade(self, rest: bytes) -> bytes:
        """The request for a new parser, without its wish for another protocol: the old one stopped behind the head."""
        if self._parser.get_method() == b"CONNECT":
            raise HttpError(400, ErrorCode.BAD_REQUEST, "This server is no proxy.")
        kept = [header for header in self._headers if header[0] not in _UPGRADE]
        if any(name == b"connection" and b"close" in value.lower() for name, value in self._headers):
            kept.append((b"connection", b"close"))
        line = b"%b %b HTTP/1.1\r\n" % (self._parser.get_method(), self._url)
        self._parser, self._upgrade = httptools.HttpRequestParser(self), False
        return line + b"".join([b"%b: %b\r\n" % header for header in kept]) + b"\r\n" + rest

    def _refuse(self, error: HttpError) -> NoReturn:
        self._error = error
        raise error  # httptools raises an error of its own in its place

    def on_message_begin(self) -> None:
        self.receiving = self.in_head = True
        self._url = self._body = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._url += url
        if len(self._url) > self.connection_limits.url_bytes:
            self._refuse(_bad("The URL is too long.", 414))

    def on_header(self, name: bytes, value: bytes) -> None:
        limits = self.connection_limits
        self._head_bytes += len(name) + len(value)
        if self.in_head:  # a trailer must not pass for a header (RFC 9110, section 6.5.1)
            self._headers.append((name.lower(), value))
        if len(self._headers) > limits.headers or self._head_bytes > limits.head_bytes:
            self._refuse(_bad("The headers are too many or too long.", 431))

    def on_headers_complete(self) -> None:
        parser, headers = self._parser, dict(self._headers)
        self._upgrade = parser.should_upgrade()
        if self._upgrade:
            return
        self.in_head = False
        version = parser.get_http_version()
        path, _, query = (self._url if self._url[:1] == b"/" else self._origin_form()).partition(b"?")
        text = path.decode("ascii", "replace")
        text = unquote(text) if "%" in text else text
        self.scope = {
            **self.base,
            "http_version": version,
            "method": parser.get_method().decode("ascii"),
            "path": text,
            "raw_path": path,
            "query_string": query,
            "headers": self._headers,
            "state": self.base["state"].copy(),
        }
        routes = self.route_limits
        self.limits = limits = routes.get(text) or routes.get(text[: text.rfind("/") + 1], self.default_limits)
        if (
            version != "1.1"
            or len(headers) < len(self._headers)
            or b"transfer-encoding" in headers
            or b"," in headers.get(b"host", b",")
        ):
            self._check(headers, version)
        if int(headers.get(b"content-length", b"0")) > limits.body_bytes:
            self._refuse(too_large(limits.body_bytes))
        invites = version == "1.1" and headers.get(b"expect", b"").lower() == b"100-continue"
        if isinstance(limits, StreamedLimits):
            self.receiver.stream_begun(self.scope, keep_alive=self._keeps_alive(), invites=invites)
        elif invites:
            self.receiver.continue_expected()

    def _check(self, headers: Mapping[bytes, bytes], version: str) -> None:
        """Refuses what a proxy and this server could read differently."""
        if version not in {"1.0", "1.1"}:
            self._refuse(_bad("Use HTTP/1.1."))
        if len(headers) < len(self._headers):
            names = [name for name, _ in self._headers]
            for name in _UNIQUE:
                if names.count(name) > 1:
                    self._refuse(_bad(f"The header {name.decode()} is repeated."))
        host = headers.get(b"host")
        if host is None and version == "1.1":
            self._refuse(_bad("The header host is missing."))
        if host is not None and b"," in host:
            self._refuse(_bad("The header host names several hosts."))
        if headers.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
            self._refuse(_bad("The only transfer coding here is chunked."))

    def _origin_form(self) -> bytes:
        """The path and query of a URL that begins with a scheme (RFC 9112, section 3.2.2)."""
        try:
            parsed = httptools.parse_url(self._url)
        except httptools.HttpParserInvalidURLError:
            parsed = None
        if parsed is None or not parsed.path:
            self._refuse(_bad("The target of the request is not a path."))
        return parsed.path + (b"?" + parsed.query if parsed.query else b"")

    def on_body(self, piece: bytes) -> None:
        if isinstance(self.limits, StreamedLimits):
            try:
                self.receiver.body_received(piece)
            except HttpError as error:
                self._refuse(error)
            return
        self._body = self._body + piece if self._body else piece
        if len(self._body) > self.limits.body_bytes:
            self._refuse(too_large(self.limits.body_bytes))

    def on_message_complete(self) -> None:
        if not self._upgrade:
            self.receiving = False
            self.receiver.request_received(self.scope, self._body, keep_alive=self._keeps_alive())

    def _keeps_alive(self) -> bool:
        # A client of HTTP/1.0 that asks for it waits for a header in the response, or else for the end.
        return self.scope["http_version"] == "1.1" and bool(self._parser.should_keep_alive())
