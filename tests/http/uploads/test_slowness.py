"""Uploads on a socket, as slow as phones can be: they keep each other waiting, and no other request."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest
import uvicorn

from graph.app import create_app, route_limits
from graph.server.connections import Connections
from graph.server.limits import ConnectionLimits, RequestLimits
from graph.server.server import protocol_class
from graph.server.sockets import listen
from graph.settings import LimitSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.databases import give_tables
from tests.http.uploading import MULTIPART, PATH, form, large_picture, picture
from tests.protocols.serving import SOON, Response, read_response, until
from tests.server import LOGIN, ME

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

CONCURRENCY: Final = 2


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"limit": LimitSettings(concurrency=CONCURRENCY)})


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


class Phones:
    """Clients of one server."""

    def __init__(self, port: int, wechat: WeChatSimulator) -> None:
        self.port, self._wechat = port, wechat

    async def ask(self, query: str, token: str | None = None, **variables: str) -> httpx.Response:
        """A GraphQL request on a connection of its own."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
            body = {"query": query, "variables": variables}
            return await http.post(f"http://127.0.0.1:{self.port}/graphql", json=body, headers=headers)

    async def sign_in(self, user: str) -> str:
        answer = await self.ask(LOGIN, code=self._wechat.login(user))
        return str(answer.json()["data"]["login"]["token"])

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


@asynccontextmanager
async def phones_of(
    settings: Settings, wechat: WeChatSimulator, *, body_seconds: float | None = None
) -> AsyncIterator[Phones]:
    """Clients of a server of its own, which waits so long for a body."""
    await give_tables(settings.database.url.get_secret_value())
    app = create_app(settings)
    routes: dict[str, RequestLimits] = {**route_limits(settings)}
    if body_seconds is not None:
        routes[PATH] = routes[PATH].model_copy(update={"body_seconds": body_seconds})
    shared = Connections(ConnectionLimits())
    protocol = protocol_class(app, shared, settings.limit, routes)
    running = uvicorn.Server(uvicorn.Config(app, http=protocol, ws="none", log_config=None, server_header=False))
    with listen("127.0.0.1", 0) as listener:
        task = asyncio.create_task(running.serve(sockets=[listener]))
        await until(lambda: running.started)
        yield Phones(listener.getsockname()[1], wechat)
        await until(lambda: not running.server_state.connections)
        assert shared._pending == 0
        running.should_exit = True
        await task


def upload(token: str, body: bytes, *more: str, content_type: str = MULTIPART, length: bool = True) -> bytes:
    """A request in full."""
    lines = [
        f"POST {PATH} HTTP/1.1",
        "Host: server",
        f"Authorization: Bearer {token}",
        f"Content-Type: {content_type}",
        *([f"Content-Length: {len(body)}"] if length else []),
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def code(response: Response) -> str:
    return str(response.json["errors"][0]["extensions"]["code"])


async def test_sixteen_slow_uploads_leave_every_other_request_its_place(
    settings: Settings, wechat_simulator: WeChatSimulator
) -> None:
    async with phones_of(settings, wechat_simulator) as phones:
        tokens = [await phones.sign_in(f"user {number}") for number in range(9)]
        slow = [await phones.connect() for _ in range(16)]
        for number, (_, writer) in enumerate(slow):
            writer.write(upload(tokens[number // 2], form())[:-10])
        reader, writer = await phones.connect()
        while True:  # until all of the others have a place
            writer.write(upload(tokens[8], form()))
            response = await read_response(reader)
            if response.status != 201:
                break
        assert (response.status, code(response)) == (503, "SERVICE_UNAVAILABLE")
        assert response.headers["retry-after"] == "1"
        writer.close()
        for _ in range(5):
            assert (await phones.ask(ME, tokens[0])).json()["data"]["me"]["id"]
        for each, its_writer in slow:
            its_writer.write(form()[-10:])
            assert (await read_response(each)).status == 201
            its_writer.close()


async def test_a_connection_takes_one_picture_after_another(
    settings: Settings, wechat_simulator: WeChatSimulator
) -> None:
    async with phones_of(settings, wechat_simulator) as phones:
        token = await phones.sign_in("alice")
        reader, writer = await phones.connect()
        for body, content_type in (
            (form(), MULTIPART),
            (form(picture() + b"x" * 100_000), MULTIPART),
            (form(picture() + b"x" * 200_000), MULTIPART),
            (large_picture(), "image/png"),
            (form(), MULTIPART),
        ):
            writer.write(upload(token, body, content_type=content_type))
            response = await read_response(reader)
            assert response.status in {201, 422}, response.body
            assert "connection" not in response.headers
        writer.close()


async def test_a_body_that_takes_too_long_is_a_408_and_frees_its_place(
    settings: Settings, wechat_simulator: WeChatSimulator
) -> None:
    async with phones_of(settings, wechat_simulator, body_seconds=SOON) as phones:
        token = await phones.sign_in("alice")
        for _ in range(3):
            clients = [await phones.connect() for _ in range(2)]
            for _, writer in clients:
                writer.write(upload(token, form())[:-10])
            for reader, writer in clients:
                response = await read_response(reader)
                assert (response.status, code(response)) == (408, "REQUEST_TIMEOUT")
                assert response.headers["connection"] == "close"
                writer.close()


async def test_a_client_that_leaves_in_the_middle_frees_its_place(
    settings: Settings, wechat_simulator: WeChatSimulator
) -> None:
    async with phones_of(settings, wechat_simulator) as phones:
        token = await phones.sign_in("alice")
        for _ in range(10):
            reader, writer = await phones.connect()
            writer.write(upload(token, form(), "Expect: 100-continue")[: -len(form())])
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")  # it has its place
            writer.transport.abort()
        reader, writer = await phones.connect()
        for _ in range(50):
            writer.write(upload(token, form()))
            response = await read_response(reader)
            if response.status == 201:
                break
        assert response.status == 201
        writer.close()


async def test_who_may_not_upload_is_not_asked_for_the_body(
    settings: Settings, wechat_simulator: WeChatSimulator
) -> None:
    async with phones_of(settings, wechat_simulator) as phones:
        reader, writer = await phones.connect()
        writer.write(upload("nothing", form(), "Expect: 100-continue")[: -len(form())])
        response = await read_response(reader)
        assert (response.status, code(response)) == (401, "UNAUTHENTICATED")
        assert response.headers["connection"] == "close"
        writer.close()


async def test_a_picture_that_is_too_large_is_refused_by_its_length_or_while_it_comes(
    settings: Settings, wechat_simulator: WeChatSimulator
) -> None:
    async with phones_of(settings, wechat_simulator) as phones:
        token = await phones.sign_in("alice")
        for length in (True, False):
            reader, writer = await phones.connect()
            body = form(b"x" * 6_000_000)
            chunked = [] if length else ["Transfer-Encoding: chunked"]
            writer.write(upload(token, body if length else b"%x\r\n" % len(body) + body, *chunked, length=length))
            response = await read_response(reader)
            assert (response.status, code(response)) == (413, "PAYLOAD_TOO_LARGE")
            writer.close()


async def test_a_picture_in_chunks_of_one_byte_arrives(settings: Settings, wechat_simulator: WeChatSimulator) -> None:
    async with phones_of(settings, wechat_simulator) as phones:
        token = await phones.sign_in("alice")
        reader, writer = await phones.connect()
        chunks = re.sub(rb"(?s)(.)", rb"1\r\n\1\r\n", form()) + b"0\r\n\r\n"
        writer.write(upload(token, chunks, "Transfer-Encoding: chunked", length=False))
        assert (await read_response(reader)).status == 201
        writer.close()


async def test_curl_sends_a_form(settings: Settings, wechat_simulator: WeChatSimulator, tmp_path: Path) -> None:
    file = tmp_path / "me.png"
    file.write_bytes(large_picture())
    async with phones_of(settings, wechat_simulator) as phones:
        token = await phones.sign_in("alice")
        url = f"http://127.0.0.1:{phones.port}{PATH}"
        command = ["curl", "-s", "-w", "%{http_code}", "-H", f"Authorization: Bearer {token}"]
        forms = (["-F", f"file=@{file}"], ["-F", "user=1", "-F", f"file=@{file};type=image/png"])
        bare = ["-H", "Content-Type: image/png", "--data-binary", f"@{file}"]
        for arguments in (*forms, bare):
            curl = await asyncio.create_subprocess_exec(
                *command, "--noproxy", "*", *arguments, url, stdout=asyncio.subprocess.PIPE
            )
            output, _ = await curl.communicate()
            assert output.endswith(b"201"), output
