"""The benchmark's people and requests are real: a server takes them, with the benchmark's WeChat behind it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from graph.settings import WeChatSettings
from graph.simulator.serving import WeChatSimulator
from tests.benchmarks.throughput import traffic
from tests.benchmarks.throughput.script import lines, script
from tests.benchmarks.throughput.seed import Seeded, forget_passers_by, seed
from tests.benchmarks.throughput.wechat import Connection, answer, code
from tests.server import APP_ID, APP_SECRET, Clock, TestServer, open_server, settings_for

pytestmark = pytest.mark.anyio

PEOPLE = 30


@asynccontextmanager
async def seeded_gate(
    database_url: str, wechat_simulator: WeChatSimulator, clock: Clock
) -> AsyncIterator[tuple[TestServer, list[Seeded]]]:
    """A server on a seeded database, whose WeChat is the benchmark's."""
    people = await seed(database_url, PEOPLE)
    wechat = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    async with wechat:
        base_url = f"http://127.0.0.1:{wechat.sockets[0].getsockname()[1]}"
        group = WeChatSettings(app_id=APP_ID, app_secret=SecretStr(APP_SECRET), base_url=base_url)
        settings = settings_for(wechat_simulator, database_url).model_copy(update={"wechat": group})
        async with open_server(settings, wechat_simulator, clock) as server:
            yield server, people


async def answers(server: TestServer, requests: list[traffic.Request]) -> list[Any]:
    """The data of each answer; there are no errors."""
    found = []
    for token, body in requests:
        request = json.loads(body)
        answer = await server.post(request["query"], request.get("variables"), token=token or None)
        assert "errors" not in answer, answer
        found.append(answer["data"])
    return found


async def test_everybody_who_was_seeded_is_known(
    database_url: str, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async with seeded_gate(database_url, wechat_simulator, clock) as (server, people):
        assert sorted(person.place for person in people) == list(range(1, PEOPLE + 1))
        found = await answers(server, traffic.me(people))
    assert [data["me"]["nickName"] for data in found] == [person.nick_name for person in people]
    assert {data["me"]["gender"] for data in found} == {"UNKNOWN", "MALE", "FEMALE"}


async def test_each_submission_is_taken_and_written_down(
    database_url: str, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async with seeded_gate(database_url, wechat_simulator, clock) as (server, people):
        [before] = await answers(server, traffic.me(people)[:1])
        requests = traffic.submit_user_info(people, 2 * PEOPLE + 1)
        found = await answers(server, requests)
        [after] = await answers(server, traffic.me(people)[:1])
    assert len(found) == 2 * PEOPLE + 1
    assert len({body for _, body in requests}) == 2 * PEOPLE + 1
    assert before["me"]["avatarUrl"] != after["me"]["avatarUrl"]


async def test_logins_are_new_people_who_are_forgotten_before_the_next_run(
    database_url: str, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    async with seeded_gate(database_url, wechat_simulator, clock) as (server, people):
        found = await answers(server, traffic.login(5, wechat_ms=0) + traffic.login(1, wechat_ms=20))
        tokens = {data["login"]["token"] for data in found}
        assert len(tokens) == 6
        assert all(data["login"]["isNewUser"] for data in found[:1])
        requests = traffic.me(people)
        await answers(server, [(token, requests[0][1]) for token in tokens])
    await forget_passers_by(database_url)
    async with open_server(settings_for(wechat_simulator, database_url), wechat_simulator, clock) as server:
        for token in tokens:
            assert await server.code_of_error(traffic.ME, token=token) == "UNAUTHENTICATED"
        await answers(server, requests)


def test_a_code_tells_wechat_when_to_answer() -> None:
    seconds, text = answer(f"GET /sns/jscode2session?appid=a&js_code={code(50, 7, 1)}&grant_type=b HTTP/1.1".encode())
    head, _, body = text.partition(b"\r\n\r\n")
    assert seconds == 0.05
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body)["openid"].endswith("7")


def test_codes_are_never_used_twice() -> None:
    requests = traffic.login(100, wechat_ms=0) + traffic.login(100, wechat_ms=0)
    assert len({body for _, body in requests}) == 200


def test_wrk_gets_one_line_for_each_request_and_reads_answers_only_when_told(tmp_path: Path) -> None:
    requests = [("", '{"query":"{ me { id } }"}'), ("wxs", '{"query":"人"}')]
    assert [tuple(line.split("\t")) for line in lines(requests).splitlines()] == requests
    path = tmp_path / "requests"
    assert f"[==[{path}]==], [==[/graphql]==], false" in script(path, read_answers=False)
    assert f"[==[{path}]==], [==[/graphql]==], true" in script(path, read_answers=True)
