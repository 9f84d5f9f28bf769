"""Documents that the server has not met: how many an address may send, and who is served meanwhile."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any, Final

import pytest
from graphql.validation import validate

from graph.execution import documents
from graph.settings import Settings, TrustedSettings
from graph.simulator.serving import WeChatSimulator
from tests.server import ME, Clock, TestServer, open_server, settings_behind_proxy

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

# What takes longest to validate of what is allowed.
COSTLY: Final = "{" + "me{id}" * 49 + "}"


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    return settings_behind_proxy(wechat_simulator, database_url, documents="3/minute")


async def send(server: TestServer, query: str, address: str = "203.0.113.9", **members: str) -> dict[str, Any]:
    """The extensions of the one error in the response; none for a success."""
    response = await server.http.post(
        "/graphql", json={"query": query, **members}, headers={"X-Forwarded-For": address}
    )
    assert response.status_code == 200
    [error] = response.json().get("errors", [{"extensions": {}}])
    extensions: dict[str, Any] = error["extensions"]
    assert ("retry-after" in response.headers) == ("retryAfterMs" in extensions)
    return extensions


def new(number: int) -> str:
    return f"{ME} # {number}"


async def test_an_address_sends_so_many_new_documents_and_then_waits_as_long_as_it_is_told(
    server: TestServer, clock: Clock
) -> None:
    for number in range(3):
        assert await send(server, new(number)) == {}
    refused = await send(server, new(3))
    assert (refused["code"], refused["action"], refused["retryable"]) == ("RATE_LIMITED", "WAIT", True)
    assert await send(server, new(0)) == {}, "it is known"
    assert await send(server, new(3), "203.0.113.10") == {}
    assert await send(server, new(3)) == {}, "it is known by now, from elsewhere"
    clock.advance(seconds=refused["retryAfterMs"] / 1000)
    assert await send(server, new(4)) == {}
    assert (await send(server, new(5)))["code"] == "RATE_LIMITED", "more come one by one"


@pytest.mark.parametrize(
    ("query", "code"), [("{ me { nothing } }", "GRAPHQL_VALIDATION_FAILED"), ("{ me ", "GRAPHQL_PARSE_FAILED")]
)
async def test_documents_that_are_refused_count_each_time(server: TestServer, query: str, code: str) -> None:
    assert [(await send(server, query))["code"] for _ in range(5)] == [code] * 3 + ["RATE_LIMITED"] * 2


async def test_trusted_documents_do_not_count(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, tmp_path: Path
) -> None:
    texts = {hashlib.sha256(new(number).encode()).hexdigest(): new(number) for number in range(5)}
    file = tmp_path / "persisted-documents.json"
    file.write_text(json.dumps(texts))
    trusting = settings.model_copy(update={"trusted": TrustedSettings(documents=file)})
    async with open_server(trusting, wechat_simulator, clock) as server:
        for document_id, text in texts.items():
            assert await send(server, text, documentId=document_id) == {}


async def test_known_documents_are_answered_while_new_ones_are_validated(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = (await server.login())["token"]
    await server.me(token)
    validated, answered = 0, []

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal validated
        validated += 1
        return validate(*arguments, **options)

    async def ask_as_long_as_others_send() -> None:
        while validated < 16:
            await server.me(token)
            answered.append(validated)
            await asyncio.sleep(0)

    monkeypatch.setattr(documents, "validate", counted)
    strangers = [send(server, f"{COSTLY} # {number}", f"203.0.113.{number}") for number in range(16)]
    await asyncio.gather(ask_as_long_as_others_send(), *strangers)
    assert {count for count in answered if 0 < count < 16} != set()


async def test_what_too_many_wait_for_is_refused_for_a_second(server: TestServer) -> None:
    strangers = [send(server, new(number), f"203.0.113.{number}") for number in range(200)]
    outcomes = await asyncio.gather(*strangers)
    assert {} in outcomes
    assert {(error["code"], error["retryAfterMs"]) for error in outcomes if error} == {("RATE_LIMITED", 1000)}
    assert await send(server, new(200)) == {}


async def test_a_new_document_that_many_send_at_once_is_validated_for_all_and_counts_once(server: TestServer) -> None:
    await send(server, COSTLY)  # behind which the next has to wait
    answers = await asyncio.gather(*[send(server, new(1)) for _ in range(100)])
    assert answers == [{}] * 100
