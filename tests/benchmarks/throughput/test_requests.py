"""The benchmark's users and requests are real: a server takes them, with the benchmark's WeChat behind it."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.types import ASGIApp

from graph.settings import WeChatSettings
from graph.simulator.serving import WeChatSimulator
from tests.benchmarks.throughput import handwritten, requests
from tests.benchmarks.throughput.databases import SeededUser, delete_login_users, seed
from tests.benchmarks.throughput.wechat import Connection, code, respond, taken
from tests.server import APP_ID, APP_SECRET, Clock, TestServer, open_server, settings_for

pytestmark = pytest.mark.anyio

USERS = 30


@asynccontextmanager
async def seeded_server(
    database_url: str, wechat_simulator: WeChatSimulator, clock: Clock
) -> AsyncIterator[tuple[TestServer, list[SeededUser]]]:
    """A server on a seeded database, whose WeChat is the benchmark's."""
    users = await seed(database_url, USERS)
    wechat = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    async with wechat:
        base_url = f"http://127.0.0.1:{wechat.sockets[0].getsockname()[1]}"
        group = WeChatSettings(app_id=APP_ID, app_secret=SecretStr(APP_SECRET), base_url=base_url)
        settings = settings_for(wechat_simulator, database_url).model_copy(update={"wechat": group})
        async with open_server(settings, wechat_simulator, clock) as server:
            yield server, users


async def responses(server: TestServer, sent: Iterable[requests.Request]) -> list[Any]:
    """The data of each response; there are no errors."""
    found = []
    for token, body in sent:
        request = json.loads(body)
        response = await server.post(request["query"], request.get("variables"), token=token or None)
        assert "errors" not in response, response
        found.append(response["data"])
    return found


async def test_every_seeded_user_is_known_to_the_server_and_to_the_reference(
    database_url: str, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async with seeded_server(database_url, wechat_simulator, clock) as (server, users):
        found = await responses(server, requests.me(users))
    assert sorted(user.number for user in users) == list(range(1, USERS + 1))
    assert [data["me"]["nickName"] for data in found] == [user.nick_name for user in users]
    assert {data["me"]["gender"] for data in found} == {"UNKNOWN", "MALE", "FEMALE"}
    assert await handwritten_responses(database_url, users) == found


async def handwritten_responses(database_url: str, users: Iterable[SeededUser]) -> list[Any]:
    """The data that h has for all of them at once, more than it has connections."""
    async with contextlib.AsyncExitStack() as opened:
        if database_url.startswith("sqlite://"):
            find = handwritten.on_sqlite(opened.enter_context(contextlib.closing(handwritten.read_only(database_url))))
        else:
            connections = await handwritten.connect(database_url)
            for connection in connections:
                opened.push_async_callback(connection.close)
            find = await handwritten.on_postgres(connections)
        app = handwritten.application(find)
        return await asyncio.gather(*[_handwritten_response(app, user) for user in users])


async def _handwritten_response(app: ASGIApp, user: SeededUser) -> Any:
    sent: list[Any] = []

    async def receive() -> dict[str, str]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "http", "headers": [(b"authorization", f"Bearer {user.token}".encode())]}, receive, send)
    return json.loads(sent[1]["body"])["data"]


async def test_each_submission_is_stored(database_url: str, wechat_simulator: WeChatSimulator, clock: Clock) -> None:
    async with seeded_server(database_url, wechat_simulator, clock) as (server, users):
        [before] = await responses(server, requests.me(users)[:1])
        submissions = requests.submit_user_info(users, 2 * USERS + 1)
        await responses(server, submissions)
        [after] = await responses(server, requests.me(users)[:1])
    assert len({body for _, body in submissions}) == 2 * USERS + 1
    assert before["me"]["avatarUrl"] != after["me"]["avatarUrl"]


async def test_logins_create_users_that_are_deleted_before_the_next_run(
    database_url: str, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async with seeded_server(database_url, wechat_simulator, clock) as (server, users):
        before = len(taken)
        found = await responses(server, itertools.islice(requests.login(wechat_ms=1), 6))
        tokens = {data["login"]["token"] for data in found}
        assert len(tokens) == len(taken) - before == 6
        assert found[0]["login"]["isNewUser"]
    await delete_login_users(database_url)
    async with open_server(settings_for(wechat_simulator, database_url), wechat_simulator, clock) as server:
        for token in tokens:
            assert await server.code_of_error(requests.ME, token=token) == "UNAUTHENTICATED"
        await responses(server, requests.me(users))


def test_a_code_says_when_wechat_responds_and_counts_once() -> None:
    request = f"GET /sns/jscode2session?appid=a&js_code={code(50, 7, 1)}&grant_type=b HTTP/1.1".encode()
    count: Callable[[], int] = lambda: int(respond(b"GET /taken HTTP/1.1")[1].rpartition(b"\r\n")[2])  # noqa: E731
    before = count()
    (seconds, response), _ = respond(request), respond(request)
    assert seconds == 0.05
    assert json.loads(response.rpartition(b"\r\n")[2])["openid"].endswith("7")
    assert count() == before + 1
