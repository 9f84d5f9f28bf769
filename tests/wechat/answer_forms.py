"""HTTP/1.1 as a far side may speak it: answers of every form, and what is none (RFC 9112)."""

from typing import NamedTuple

OK = b"HTTP/1.1 200 OK\r\n"
TWO = OK + b"Content-Length: 2\r\n\r\n{}"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
LENGTH = [(b"content-length", b"2")]


class Form(NamedTuple):
    said: bytes
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    stays: bool = True
    """Whether the connection may take another request."""
    by_its_end: bool = False
    """Whether it is the end of the connection that ends the answer."""


CHUNKS = [(b"transfer-encoding", b"chunked")]
FORMS = {
    "length": Form(TWO, 200, LENGTH, b"{}"),
    "nothing": Form(OK + b"Content-Length: 0\r\n\r\n", 200, [(b"content-length", b"0")], b""),
    "no reason": Form(b"HTTP/1.1 502\r\nContent-Length: 2\r\n\r\n{}", 502, LENGTH, b"{}"),
    "headers": Form(
        OK + b"A:\r\nB: \t b\r\nb: c:\xff\r\nContent-Length: 2\r\n\r\n{}",
        200,
        [(b"a", b""), (b"b", b"b"), (b"b", b"c:\xff"), *LENGTH],
        b"{}",
    ),
    "blank lines first": Form(b"\r\n\r\n" + TWO, 200, LENGTH, b"{}"),
    "chunks": Form(CHUNKED + b"1\r\n{\r\n01;a=b\r\n}\r\n0\r\n\r\n", 200, CHUNKS, b"{}"),
    "trailers": Form(CHUNKED + b"2\r\n{}\r\n0\r\nA: b\r\nC: d\r\n\r\n", 200, CHUNKS, b"{}"),
    "a trailer that closes": Form(
        CHUNKED + b"2\r\n{}\r\n0\r\nConnection: close\r\n\r\n", 200, CHUNKS, b"{}", stays=False
    ),
    "no content": Form(b"HTTP/1.1 204 No Content\r\n\r\n", 204, [], b""),
    "no content of some length": Form(b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", 204, LENGTH, b""),
    "not modified": Form(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", 304, LENGTH, b""),
    "continue": Form(b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" + TWO, 200, LENGTH, b"{}"),
    "hints": Form(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\n" * 3 + TWO, 200, LENGTH, b"{}"),
    "no such status": Form(b"HTTP/1.1 099 ?\r\nContent-Length: 2\r\n\r\n{}", 99, LENGTH, b"{}"),
    "close": Form(
        OK + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}",
        200,
        [(b"connection", b"close"), *LENGTH],
        b"{}",
        stays=False,
    ),
    "an offer": Form(
        OK + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}",
        200,
        [(b"connection", b"upgrade"), (b"upgrade", b"h2c"), *LENGTH],
        b"{}",
    ),
    "HTTP/1.0": Form(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, LENGTH, b"{}", stays=False),
    "HTTP/1.0 that stays": Form(
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        200,
        [(b"connection", b"keep-alive"), *CHUNKS],
        b"{}",
        stays=False,
    ),
    "until the end": Form(OK + b"\r\n{}", 200, [], b"{}", stays=False, by_its_end=True),
    "an end at once": Form(b"HTTP/1.0 502 Bad\r\n\r\n", 502, [], b"", stays=False, by_its_end=True),
    "continue until the end": Form(
        b"HTTP/1.1 100 Continue\r\nContent-Length: 9\r\n\r\n" + OK + b"\r\n{}",
        200,
        [],
        b"{}",
        stays=False,
        by_its_end=True,
    ),
}

REFUSED = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "TLS": b"\x15\x03\x01\x00\x02\x02\x28",
    "a request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/2": b"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\n{}",
    "two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\n{}",
    "no CR": b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    "folded": OK + b"A: b\r\n c\r\nContent-Length: 2\r\n\r\n{}",
    "space before the colon": OK + b"Content-Length : 2\r\n\r\n{}",
    "space before the name": OK + b" Content-Length: 2\r\n\r\n{}",
    "no name": OK + b": b\r\nContent-Length: 2\r\n\r\n{}",
    "NUL": OK + b"A: \0\r\nContent-Length: 2\r\n\r\n{}",
    "CR": OK + b"A: b\rContent-Length: 9\r\nContent-Length: 2\r\n\r\n{}",
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}}",
    "one length twice": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": OK + b"Content-Length: 2, 2\r\n\r\n{}",
    "signed length": OK + b"Content-Length: +2\r\n\r\n{}",
    "negative length": OK + b"Content-Length: -2\r\n\r\n{}",
    "empty length": OK + b"Content-Length: \r\n\r\n{}",
    "boundless length": OK + b"Content-Length: 18446744073709551618\r\n\r\n{}",
    "length and chunks": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks and length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a length in a trailer": CHUNKED + b"2\r\n{}\r\n0\r\nContent-Length: 2\r\n\r\n",
    "negative chunk": CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
    "space behind a size": CHUNKED + b"2 \r\n{}\r\n0\r\n\r\n",
    "size without CR": CHUNKED + b"2\n{}\r\n0\r\n\r\n",
    "chunk longer than told": CHUNKED + b"2\r\n{}}\r\n0\r\n\r\n",
    "boundless chunk": CHUNKED + b"10000000000000002\r\n{}\r\n0\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n" + TWO,
    "another protocol unnamed": b"HTTP/1.1 101 Switching\r\n\r\n" + TWO,
    "continue and close": b"HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\n" + TWO,
}

UNFINISHED = {
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": OK + b"Content-Length: 3\r\n\r\n{}",
    "no body": OK + b"Content-Length: 3\r\n\r\n",
    "half a chunk": CHUNKED + b"3\r\n{}",
    "no last chunk": CHUNKED + b"2\r\n{}\r\n",
    "half a trailer": CHUNKED + b"2\r\n{}\r\n0\r\nA: b",
    "chunks that are not the last coding": OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "no chunks": OK + b"Transfer-Encoding: identity\r\n\r\n{}",
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n",
    "continue and half a head": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
}

SURPLUS = {
    "another answer": TWO,
    "the start of one": b"H",
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n",
    "no HTTP": b"{}",
    "NUL": b"\0",
    "blank lines and another answer": b"\r\n\r\n" + TWO,
}

ENDLESS = {
    "head": (OK, b"A: b\r\n"),
    "header": (OK + b"A: ", b"b" * 1000),
    "body": (OK + b"Content-Length: 99999999\r\n\r\n", b"b" * 1000),
    "body without a length": (OK + b"\r\n", b"b" * 1000),
    "chunks": (CHUNKED, b"1\r\nb\r\n"),
    "extension": (CHUNKED + b"2;a=", b"b" * 1000),
    "trailers": (CHUNKED + b"0\r\n", b"A: b\r\n"),
    "continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "blank lines": (b"", b"\r\n"),
}
