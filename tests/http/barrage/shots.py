"""One hostile request, the answer that it must get, and the client that sends everything before it reads anything."""

import json
import socket
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from tests.http.barrage.target import Target

# In every shot, and so in every line that repeats what was sent.
CANARY: Final = "Qx7canary"
# Stands for a fresh login code of the same length, which nothing that is fired may spend.
CODE: Final = "@" * 32
LIVEZ: Final = f"GET /livez HTTP/1.1\r\nHost: {CANARY}\r\n\r\n".encode()
LOGIN: Final = f'mutation {{ login(code: "{CODE}") {{ token }} }}'
JSON: Final = "Content-Type: application/json"
# Seconds. Nothing is measured with it: an answer that never comes must end the test some time.
PATIENCE: Final = 60


@dataclass(frozen=True)
class Shot:
    """Bytes, and then `filling` so many `times`; and what they are answered.

    `code` is that of every error in the answer, None for an answer without errors. The connection `closes` behind it,
    or takes another request.
    """

    name: str
    data: bytes
    status: int
    code: str | None
    closes: bool = False
    allow: str = ""
    filling: bytes = b""
    times: int = 0

    def __str__(self) -> str:
        return self.name

    def codes(self) -> set[str]:
        """Those of all errors in the answer."""
        return set() if self.code is None else {self.code}


def head(start: str, *headers: str) -> bytes:
    """A request without a body."""
    return "\r\n".join([f"{start} HTTP/1.1", f"Host: {CANARY}", f"X-Canary: {CANARY}", *headers, "\r\n"]).encode()


def post(body: bytes, *headers: str, path: str = "/graphql") -> bytes:
    """A POST of these bytes, as JSON if no header says anything else."""
    declared = [] if any(header.lower().startswith("content-type") for header in headers) else [JSON]
    return head(f"POST {path}", *declared, *headers, f"Content-Length: {len(body)}") + body


def document(query: str, variables: object = None, **members: object) -> bytes:
    """A well-formed request."""
    return json.dumps({"query": query, "variables": variables, **members}).encode()


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def codes(self) -> set[str]:
        """Those of its errors; the answer must look as all of them do."""
        assert self.headers["content-type"].endswith("json; charset=utf-8")
        assert self.headers["cache-control"] == "no-store"
        assert self.headers["x-content-type-options"] == "nosniff"
        assert "server" not in self.headers
        if not self.body:
            return set()
        errors: list[dict[str, Any]] = json.loads(self.body).get("errors", [])
        assert all(error["extensions"]["requestId"] == self.headers["x-request-id"] for error in errors)
        return {error["extensions"]["code"] for error in errors}


def read_answer(reader: BinaryIO, *, to_head: bool = False) -> Answer:
    """The next answer on a connection; one to HEAD has no body whatever its length says."""
    status = reader.readline().split()
    assert status, "closed without an answer"
    if status[1] == b"100":  # an invitation to send the body, not yet the answer
        reader.readline()
        return read_answer(reader, to_head=to_head)
    lines = iter(reader.readline, b"\r\n")
    fields = [line.decode("ascii").partition(":") for line in lines]
    headers = {name.lower(): value.strip() for name, _, value in fields}
    assert len(headers) == len(fields), "a header came twice"
    return Answer(int(status[1]), headers, b"" if to_head else reader.read(int(headers["content-length"])))


def connect(target: Target) -> socket.socket:
    """A new connection."""
    return socket.create_connection(("127.0.0.1", target.process.port), timeout=PATIENCE)


def fire(target: Target, shot: Shot) -> None:
    """Fires, and looks at the answer, at the connection behind it, and whether a login code was spent."""
    code = target.wechat.login("alice")
    with connect(target) as connection, connection.makefile("rb") as reader:
        connection.sendall(shot.data.replace(CODE.encode(), code.encode()))
        for _ in range(shot.times):
            connection.sendall(shot.filling)
        answer = read_answer(reader, to_head=shot.data.startswith(b"HEAD "))
        assert (answer.status, answer.codes()) == (shot.status, shot.codes() if answer.body else set())
        assert set(answer.headers.get("allow", "").split(", ")) == set(shot.allow.split(", "))
        assert answer.headers.get("connection") == ("close" if shot.closes else None)
        if shot.closes:
            assert reader.read() == b""
        else:
            connection.sendall(LIVEZ)
            assert read_answer(reader).body == b'{"status":"ok"}'
    assert target.wechat.state.login_codes.look_up(code), "raises when WeChat has seen the code"
