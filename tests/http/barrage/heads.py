"""Heads of requests that are too large, or that two readers could take for two different things."""

from typing import Final

from tests.http.barrage.shots import CANARY, CODE, JSON, LIVEZ, LOGIN, Shot, document, head, post

MEBIBYTE: Final = 1024 * 1024
_QUERY: Final = document(f"{{ {CANARY}: __typename }}")
_LOGIN: Final = document(LOGIN)
_LENGTH: Final = f"Content-Length: {len(_QUERY)}"


def _malformed(name: str, data: bytes) -> Shot:
    return Shot(name, data + LIVEZ, 400, "BAD_REQUEST", closes=True)


def _twice(header: str, other: str) -> Shot:
    name = header.partition(":")[0]
    headers = [header, other] if name in {"Host", "Content-Type"} else [header, other, JSON]
    data = b"\r\n".join([b"POST /graphql HTTP/1.1", *map(str.encode, headers), _LENGTH.encode(), b"", _QUERY])
    return Shot(f"{name} twice", data, 400, "BAD_REQUEST", closes=True)


_OPEN_HEAD: Final = f"GET /{CANARY} HTTP/1.1\r\nX-Canary: {CANARY}".encode()

HEADS: Final = [
    Shot("8 MB in one header", _OPEN_HEAD, 431, "BAD_REQUEST", closes=True, filling=b"x" * MEBIBYTE, times=8),
    Shot("8 MB of headers", _OPEN_HEAD, 431, "BAD_REQUEST", closes=True, filling=b"\r\nA: b" * 180_000, times=8),
    Shot("headers without end", _OPEN_HEAD + b"\r\nA: b" * 80, 431, "BAD_REQUEST", closes=True),
    Shot("a URL of 9 KB", head(f"GET /graphql?query={CANARY * 1000}"), 414, "BAD_REQUEST", closes=True),
    Shot(
        "a URL of 8 MB", b"GET /" + CANARY.encode(), 414, "BAD_REQUEST", closes=True, filling=b"x" * MEBIBYTE, times=8
    ),
    _malformed(
        "a length and chunks",
        head("POST /graphql", JSON, "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    ),
    _malformed(
        "chunks and a length",
        head("POST /graphql", JSON, "Transfer-Encoding: chunked", "Content-Length: 5") + b"0\r\n\r\n",
    ),
    _malformed(
        "a length and chunks, a login behind them",
        head("POST /graphql", JSON, "Content-Length: 4", "Transfer-Encoding: chunked") + b"0\r\n\r\n" + post(_LOGIN),
    ),
    _malformed("chunks in disguise", head("POST /graphql", JSON, "Transfer-Encoding: xchunked", _LENGTH) + _QUERY),
    _malformed("a blank before the colon", head("POST /graphql", JSON, f"Content-Length : {len(_QUERY)}") + _QUERY),
    _malformed("two lengths", head("POST /graphql", JSON, _LENGTH, "Content-Length: 5") + _QUERY),
    _malformed("one length twice", head("POST /graphql", JSON, _LENGTH, _LENGTH) + _QUERY),
    _malformed("a negative length", head("POST /graphql", JSON, "Content-Length: -5") + _QUERY),
    _malformed("a signed length", head("POST /graphql", JSON, "Content-Length: +5") + _QUERY),
    _malformed("a length of 5,000 digits", head("POST /graphql", JSON, f"Content-Length: {'9' * 5000}") + _QUERY),
    _malformed(
        "a chunk of endless size", head("POST /graphql", JSON, "Transfer-Encoding: chunked") + b"f" * 40 + b"\r\n"
    ),
    _malformed("a chunk of no size", head("POST /graphql", JSON, "Transfer-Encoding: chunked") + b"zz\r\n"),
    _malformed("NUL in the name of a header", head("GET /livez", f"{CANARY}\0: x")),
    _malformed("NUL in a header", head("GET /livez", f"X: {CANARY}\0")),
    _malformed("a header without a name", head("GET /livez", f": {CANARY}")),
    _malformed("a header without a colon", head("GET /livez", CANARY)),
    _malformed("NUL in the URL", head(f"GET /{CANARY}\0")),
    _malformed("a carriage return in a header", head("GET /livez", f"X: {CANARY}\rY: z")),
    _malformed("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + CANARY.encode()),
    _malformed("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + CANARY.encode()),
    _malformed("HTTP/3.0", head("GET /livez").replace(b"HTTP/1.1", b"HTTP/3.0")),
    _malformed("no HTTP at all", f"EHLO {CANARY}\r\n".encode()),
    Shot(
        "a length beyond any memory",
        head("POST /graphql", JSON, "Content-Length: 9999999999999"),
        413,
        "PAYLOAD_TOO_LARGE",
        closes=True,
    ),
    Shot(
        "a body that waits to be asked for",
        head("POST /graphql", JSON, "Expect: 100-continue", "Content-Length: 99999999"),
        413,
        "PAYLOAD_TOO_LARGE",
        closes=True,
    ),
    Shot(
        "another protocol",
        head("GET /graphql?query={__typename}", "Connection: Upgrade", "Upgrade: websocket"),
        200,
        None,
    ),
    _twice(f"Host: {CANARY}", f"Host: {CANARY}.example"),
    _twice(JSON, JSON),
    _twice(f"Authorization: Bearer {CANARY}", f"Authorization: Bearer {CODE}"),
    Shot("an authorization without end", post(_QUERY, f"Authorization: Bearer {CANARY}{'x' * 8000}"), 200, None),
]
