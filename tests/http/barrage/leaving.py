"""Clients that leave, in every phase of a request, politely or not."""

import socket
import struct
from typing import Final

from tests.http.barrage.shots import CANARY, JSON, LIVEZ, connect, document, head, post
from tests.http.barrage.target import Target

# How SO_LINGER makes close() send a reset.
_RESET: Final = struct.pack("ii", 1, 0)
_QUERY: Final = post(document(f"{{ {CANARY}: __typename me {{ id }} }}"))
_MANY: Final = 200

PHASES: Final = {
    "before the head": b"",
    "in the URL": b"GET /" + CANARY.encode(),
    "in a header": head("GET /livez")[:-6],
    "behind the head": head("POST /graphql", JSON, "Content-Length: 1000"),
    "in the body": _QUERY[:-5],
    "in a chunk": head("POST /graphql", JSON, "Transfer-Encoding: chunked") + b"ff\r\n" + CANARY.encode(),
    "in a body that nobody reads": head(f"POST /{CANARY}", "Content-Length: 1000") + b"x",
    "in a body that is too large": head("POST /graphql", JSON, "Content-Length: 9999999") + b"x" * 500_000,
    "in an upload": head("POST /uploads/avatar", "Content-Type: image/jpeg", "Content-Length: 999999") + b"x" * 500_000,
    "before the answer": _QUERY,
    "before many answers": LIVEZ * _MANY,
    "behind nonsense": b"\x16\x03\x01" + CANARY.encode(),
}


def leave(target: Target, phase: str, *, reset: bool) -> None:
    """Sends what belongs to the phase, and is gone."""
    with connect(target) as connection:
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        connection.sendall(PHASES[phase])
