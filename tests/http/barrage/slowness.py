"""Clients that take their time: for a head, for a body, for nothing at all."""

import select
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from tests.http.barrage.shots import CANARY, JSON, LIVEZ, PATIENCE, connect, document, head, post, read_answer
from tests.http.barrage.target import Target

PAUSE_SECONDS: Final = 0.1
OK: Final = (200, set[str]())
LATE: Final = (408, {"REQUEST_TIMEOUT"})


@dataclass(frozen=True)
class Drip:
    """Bytes, then a piece of one after every pause until the server ends the connection; and all answers until then."""

    name: str
    data: bytes
    piece: bytes
    answers: tuple[tuple[int, set[str]], ...]


_OPEN_BODY: Final = head("POST /graphql", JSON, "Content-Length: 1000")
_IN_CHUNKS: Final = head("POST /graphql", JSON, "Transfer-Encoding: chunked")

DRIPS: Final = [
    Drip("no byte", b"", b"", (LATE,)),
    Drip("a URL", b"GET /", CANARY.encode(), (LATE,)),
    Drip("a name", b"GET / HTTP/1.1\r\n", b"x", (LATE,)),
    Drip("a header", b"GET / HTTP/1.1\r\nX: " + CANARY.encode(), b"x", (LATE,)),
    Drip("headers", b"GET / HTTP/1.1\r\n", b"X: y\r\n", (LATE,)),
    Drip("an open head", head("GET /livez")[:-2], b"", (LATE,)),
    Drip("blank lines", b"", b"\r\n", (LATE,)),
    Drip("a body", _OPEN_BODY + b'{"query":"' + CANARY.encode(), b"x", (LATE,)),
    Drip("no body", _OPEN_BODY, b"", (LATE,)),
    Drip(
        "a body that waits to be asked for",
        head("POST /graphql", JSON, "Content-Length: 9", "Expect: 100-continue"),
        b"",
        (LATE,),
    ),
    Drip("chunks", _IN_CHUNKS, b"1\r\nx\r\n", (LATE,)),
    Drip("the size of a chunk", _IN_CHUNKS, b"0", (LATE,)),
    Drip("the end of the chunks", _IN_CHUNKS + b"2\r\n{}\r\n0\r\n", b"X: y\r\n", (LATE,)),
    Drip("silence behind an answer", LIVEZ, b"", (OK,)),
    Drip("blank lines behind a response", LIVEZ, b"\r\n", (OK,)),
    Drip("a second head", LIVEZ + LIVEZ[:-2], b"", (OK, LATE)),
    Drip("a second body", post(document("{__typename}")) + _OPEN_BODY, b" ", (OK, LATE)),
    Drip("a body to no path", head(f"POST /{CANARY}", "Content-Length: 1000"), b"x", (LATE,)),
    Drip(
        "chunks to no path",
        head(f"POST /{CANARY}", "Transfer-Encoding: chunked"),
        b"1\r\nx\r\n",
        (LATE,),
    ),
    Drip("a body of a wrong type", post(b"x" * 9, "Content-Type: a/b")[:-9], b"", (LATE,)),
    Drip(
        "a body that is too large",
        head("POST /graphql", JSON, "Content-Length: 99999"),
        b"x",
        ((413, {"PAYLOAD_TOO_LARGE"}),),
    ),
    Drip(
        "an upload without a token",
        head("POST /uploads/avatar", "Content-Type: image/jpeg", "Content-Length: 1000"),
        b"x",
        ((401, {"UNAUTHENTICATED"}),),
    ),
    Drip("what comes behind nonsense", b"\x16\x03\x01", b"\x16", ((400, {"BAD_REQUEST"}),)),
]


def answers_to(target: Target, drip: Drip) -> tuple[tuple[int, set[str]], ...]:
    """Status and codes of everything that came back before the connection ended, which it must."""
    received, ended = b"", False
    with connect(target) as connection:
        connection.sendall(drip.data)
        for _ in range(int(PATIENCE / PAUSE_SECONDS)):
            try:
                if select.select([] if ended else [connection], [], [], PAUSE_SECONDS)[0]:
                    answer = connection.recv(65536)
                    received, ended = received + answer, not answer
                elif ended and not drip.piece:
                    break
                else:
                    connection.sendall(drip.piece)
            except ConnectionError:
                break
        else:
            message = f"the server still waits for {drip.name}"
            raise AssertionError(message)
    reader, found = BytesIO(received), []
    while reader.tell() < len(received):
        read = read_answer(reader)
        found.append((read.status, read.codes()))
    return tuple(found)
