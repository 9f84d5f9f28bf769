"""A server under test, as small as it can be: it keeps what WeChat pushes, and opens it as WeChat describes.

Written from WeChat's own description and pycryptodome: nothing of the simulator's is used, nor of the server's.
"""

import base64
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from Crypto.Cipher import AES
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from graph.simulator.serving import listening


@dataclass
class Pushed:
    """One request of WeChat's."""

    method: str
    app_id: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def signed(self, name: str, token: str, *covered: str) -> bool:
        """Whether a signature is that of the token, the query's timestamp and nonce, and what else it covers."""
        parts = sorted([token, self.query["timestamp"], self.query["nonce"], *covered])
        return self.query[name] == hashlib.sha1("".join(parts).encode()).hexdigest()  # noqa: S324 - WeChat's choice

    @property
    def fields(self) -> dict[str, Any]:
        return read(self.body)


def read(body: bytes) -> dict[str, Any]:
    """JSON, or XML without nesting; every text of which is CDATA and every number is not."""
    if body.startswith(b"{"):
        fields: dict[str, Any] = orjson.loads(body)
        return fields
    inside = re.fullmatch(r"<xml>(.*)</xml>", body.decode())
    assert inside
    found = re.findall(r"<(\w+)>(?:<!\[CDATA\[(.*?)\]\]>|(\d+))</\1>", inside[1])
    assert (
        "".join(f"<{name}>{f'<![CDATA[{text}]]>' if text else number}</{name}>" for name, text, number in found)
        == (inside[1])
    )
    return {name: text or int(number) for name, text, number in found}


def opened(encrypted: str, aes_key: str) -> tuple[bytes, str]:
    """The message and the AppID behind it."""
    key = base64.b64decode(aes_key + "=")
    assert len(key) == 32
    plain = AES.new(key, AES.MODE_CBC, key[:16]).decrypt(base64.b64decode(encrypted))
    padding = plain[-1]
    assert 1 <= padding <= 32
    assert plain.endswith(bytes([padding]) * padding)
    assert len(plain) % 32 == 0
    content = plain[16:-padding]
    length = int.from_bytes(content[:4], "big")
    return content[4 : 4 + length], content[4 + length :].decode()


@dataclass
class Receiver:
    """Responds with each of `answers`, the last one for good: a status and a text, or None, for no response."""

    url: str = ""
    answers: list[tuple[int, str] | None] = field(default_factory=lambda: [(200, "success")])
    pushed: list[Pushed] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        query, headers = dict(request.query_params), dict(request.headers)
        pushed = Pushed(request.method, request.path_params["app"], query, headers, await request.body())
        self.pushed.append(pushed)
        if request.method == "GET":
            return PlainTextResponse(request.query_params["echostr"])
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            await request.receive()  # returns when WeChat disconnects
            return Response()
        return PlainTextResponse(answer[1], answer[0])


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    with listening(Starlette(routes=[Route("/events/{app}", receiver.__call__, methods=["GET", "POST"])])) as base_url:
        receiver.url = f"{base_url}/events"
        yield receiver
