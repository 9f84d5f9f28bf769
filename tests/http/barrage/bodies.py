"""Bodies that are too large, no JSON, or no GraphQL request."""

import gzip
from typing import Final

from tests.http.barrage.shots import CANARY, CODE, JSON, LOGIN, Shot, document, head, post

_QUERY: Final = document(f"{{ {CANARY}: __typename }}")
_SIZE: Final = 16 * 1024 * 1024
_PIECE: Final = CANARY.encode() + b" " * (64 * 1024 - len(CANARY))
_CHUNKS: Final = [b"%x\r\n%s\r\n" % (len(_PIECE), _PIECE), b"0\r\n\r\n"]
_DIGITS: Final = "9" * 5000


def _bad(name: str, body: bytes) -> Shot:
    return Shot(name, post(body), 400, "BAD_REQUEST")


def _unsupported(name: str, body: bytes, *headers: str) -> Shot:
    return Shot(name, post(body, *headers), 415, "UNSUPPORTED_MEDIA_TYPE")


def _huge(name: str, start: str, status: int, code: str, *headers: str, closes: bool = False) -> Shot:
    data = head(start, *headers, f"Content-Length: {_SIZE}")
    return Shot(name, data, status, code, closes=closes, filling=_PIECE, times=_SIZE // len(_PIECE))


def _with_variables(text: str) -> bytes:
    return f'{{"query":"{{ {CANARY}: __typename }}","variables":{{"a":{text}}}}}'.encode()


BODIES: Final = [
    _huge("16 MiB", "POST /graphql", 413, "PAYLOAD_TOO_LARGE", JSON, closes=True),
    _huge("16 MiB of text", "POST /graphql", 413, "PAYLOAD_TOO_LARGE", "Content-Type: text/plain", closes=True),
    _huge("16 MiB to no path", f"POST /{CANARY}", 413, "PAYLOAD_TOO_LARGE", JSON, closes=True),
    _huge("16 MiB behind a GET", "GET /graphql", 413, "PAYLOAD_TOO_LARGE", closes=True),
    Shot(
        "16 MiB in chunks",
        head("POST /graphql", JSON, "Transfer-Encoding: chunked"),
        413,
        "PAYLOAD_TOO_LARGE",
        closes=True,
        filling=_CHUNKS[0],
        times=_SIZE // len(_PIECE),
    ),
    Shot(
        "64 KiB in chunks of one byte",
        head("POST /graphql", JSON, "Transfer-Encoding: chunked"),
        413,
        "PAYLOAD_TOO_LARGE",
        closes=True,
        filling=b"1\r\n \r\n" * 1024,
        times=65,
    ),
    _unsupported("a gzip bomb", gzip.compress(CANARY.encode() + b"0" * 20_000_000), "Content-Encoding: gzip"),
    _unsupported("a gzip bomb that is no JSON", gzip.compress(b"0" * 20_000_000), "Content-Type: application/gzip"),
    _unsupported("brotli", document(LOGIN), "Content-Encoding: br"),
    _unsupported("a form", b"query=" + LOGIN.encode(), "Content-Type: application/x-www-form-urlencoded"),
    _unsupported("plain text", document(LOGIN), "Content-Type: text/plain"),
    _unsupported("plain text that names JSON", document(LOGIN), "Content-Type: text/plain; x=application/json"),
    _unsupported(
        "an upload",
        b'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n' + document(LOGIN) + b"\r\n--x--\r\n",
        "Content-Type: multipart/form-data; boundary=x",
    ),
    _unsupported("GraphQL itself", LOGIN.encode(), "Content-Type: application/graphql"),
    _unsupported("JSON in UTF-16", document(LOGIN), "Content-Type: application/json; charset=utf-16"),
    _bad("null", b"null"),
    _bad("a number", b"1"),
    _bad("a list", b"[]"),
    _bad("a text", b'"x"'),
    _bad("nothing", b""),
    _bad("a batch", b"[" + document(LOGIN) + b"," + document(LOGIN) + b"]"),
    _bad("an object without a query", f'{{"{CANARY}":1}}'.encode()),
    _bad("bad UTF-8", b'{"query":"{ __typename }","a":"\xff\xfe"}'),
    _bad("bad UTF-8 in the document", b'{"query":"{ __typename \xc3\x28}"}'),
    _bad("UTF-16", _QUERY.decode().encode("utf-16")),
    _bad("NUL", b"\0"),
    _bad("NUL in the document", b'{"query":"{ __typename \0}"}'),
    _bad("half a pair in the document", b'{"query":"{ __typename # \\ud800\\n}"}'),
    _bad("half a pair in a variable", _with_variables('"\\udc00"')),
    _bad("half a pair in a name", _with_variables('{"\\ud800":1}')),
    _bad("half a pair in UTF-8", b'{"query":"\xed\xa0\x80"}'),
    _bad("JSON of 1,000 levels", _with_variables("[" * 1000 + "]" * 1000)),
    _bad("JSON of 30,000 levels", _with_variables("[" * 30_000 + "]" * 30_000)),
    _bad("open JSON of 60,000 levels", b'{"a":' * 10_000),
    Shot("JSON of 100,000 levels", post(b"[" * 100_000 + b"]" * 100_000), 413, "PAYLOAD_TOO_LARGE", closes=True),
    _bad("a number of 5,000 digits", _DIGITS.encode()),
    _bad("5,000 digits in a variable", _with_variables(_DIGITS)),
    _bad("5,000 digits behind the point and NaN", _with_variables(f"[0.{_DIGITS}, NaN]")),
    _bad("an exponent of 5,000 digits", _with_variables(f"1e{_DIGITS}")),
    _bad("a document that is a list", document(CODE).replace(b'"query": ', b'"query": [').replace(b', "v', b'], "v')),
    _bad("variables that are a text", document(LOGIN, CANARY)),
    _bad("a name that is an object", document(LOGIN, operationName={CANARY: 1})),
]
