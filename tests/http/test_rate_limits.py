"""How often somebody may do what costs something, as a client meets it."""

import json
import logging
import math
from collections.abc import AsyncIterator

import httpx
import pytest

from graph.settings import HttpSettings, RateLimitSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.server import LOGIN, ME, SUBMIT, Clock, TestServer, open_server, settings_behind_proxy

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    return settings_behind_proxy(wechat_simulator, database_url, login="3/minute", submit="2/minute;3/hour")


@pytest.fixture
async def server(settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock) -> AsyncIterator[TestServer]:
    async with open_server(settings, wechat_simulator, clock) as server:
        yield server


async def log_in(server: TestServer, address: str, person: str = "alice") -> httpx.Response:
    """A login from an address."""
    request = {"query": LOGIN, "variables": {"code": server.wechat.login(person)}}
    return await server.http.post("/graphql", json=request, headers={"X-Forwarded-For": address})


async def submit(server: TestServer, token: str, address: str, person: str = "alice") -> httpx.Response:
    """A submission from an address."""
    request = {"query": SUBMIT, "variables": server.wechat.user_info(person)}
    headers = {"X-Forwarded-For": address, "Authorization": f"Bearer {token}"}
    return await server.http.post("/graphql", json=request, headers=headers)


def refused(response: httpx.Response, action: str, *, within: int) -> int:
    """The milliseconds that a refusal tells to wait, which must be consistent in itself."""
    [error] = response.json()["errors"]
    assert response.status_code == 200
    extensions = error["extensions"]
    assert (extensions["code"], extensions["action"], extensions["retryable"]) == ("RATE_LIMITED", action, True)
    wait = int(extensions["retryAfterMs"])
    assert 0 < wait <= within
    assert response.headers["retry-after"] == str(math.ceil(wait / 1000))
    return wait


def fine(response: httpx.Response) -> bool:
    return "errors" not in response.json()


async def test_an_address_logs_in_so_often_and_then_waits_as_long_as_it_is_told(
    server: TestServer, clock: Clock
) -> None:
    for person in ("alice", "bob", "carol"):
        assert fine(await log_in(server, "203.0.113.9", person))
    clock.advance(seconds=20)
    wait = refused(await log_in(server, "203.0.113.9", "dave"), "WAIT", within=40_000)
    assert fine(await log_in(server, "203.0.113.10", "dave"))
    clock.advance(seconds=(wait - 1) / 1000)
    refused(await log_in(server, "203.0.113.9", "dave"), "WAIT", within=1)
    clock.advance(seconds=0.001)
    assert fine(await log_in(server, "203.0.113.9", "dave"))


async def test_a_login_that_is_refused_for_its_address_does_not_spend_the_code(
    server: TestServer, clock: Clock
) -> None:
    for _ in range(3):
        await log_in(server, "203.0.113.9")
    code = server.wechat.login("bob")
    request = {"query": LOGIN, "variables": {"code": code}}
    again = {"X-Forwarded-For": "203.0.113.9"}
    refused(await server.http.post("/graphql", json=request, headers=again), "WAIT", within=60_000)
    clock.advance(minutes=1)
    assert fine(await server.http.post("/graphql", json=request, headers=again))


async def test_a_household_counts_as_one(server: TestServer) -> None:
    for network in range(3):
        assert fine(await log_in(server, f"2001:db8:1:{network}::{network}", f"person-{network}"))
    refused(await log_in(server, "2001:db8:1:ff:ffff::1"), "WAIT", within=60_000)
    assert fine(await log_in(server, "2001:db8:1:100::1", "dave"))


async def test_a_network_of_6to4_counts_as_its_ipv4_address(server: TestServer) -> None:
    for address in ("198.51.100.7", "2002:c633:6407::1", "2002:c633:6407:1::1"):
        assert fine(await log_in(server, address, address))
    refused(await log_in(server, "2002:c633:6407:ff00::1"), "WAIT", within=60_000)
    assert fine(await log_in(server, "2002:c633:6408::1", "dave"))


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Real-IP", "{}"),
        ("CF-Connecting-IP", "{}"),
        ("Ali-CDN-Real-IP", "{}"),
        ("Forwarded", 'for=192.0.2.1, for="{}";proto=https'),
    ],
)
async def test_the_header_that_names_clients_can_be_chosen(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, header: str, value: str
) -> None:
    http = HttpSettings(trusted_proxies=("127.0.0.1",), client_address_header=header)
    chosen = settings.model_copy(update={"http": http})

    async def log_in_from(server: TestServer, address: str, person: str) -> httpx.Response:
        request = {"query": LOGIN, "variables": {"code": wechat_simulator.login(person)}}
        # What the proxy lets through of the client's own counts for nothing.
        headers = {"X-Forwarded-For": person, header: value.format(address)}
        return await server.http.post("/graphql", json=request, headers=headers)

    async with open_server(chosen, wechat_simulator, clock) as server:
        for host in range(1, 4):
            assert fine(await log_in_from(server, "203.0.113.9", f"203.0.113.{host}"))
        refused(await log_in_from(server, "203.0.113.9", "203.0.113.4"), "WAIT", within=60_000)
        assert fine(await log_in_from(server, "203.0.113.10", "203.0.113.4"))


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP"])
async def test_a_proxy_whose_clients_count_as_one_is_warned_of_once(
    settings: Settings,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    header: str,
) -> None:
    untrusted, unnamed = HttpSettings(), HttpSettings(trusted_proxies=("127.0.0.1",), client_address_header="X-Other")
    for http, setting in (
        (untrusted, "WXGATE_HTTP_TRUSTED_PROXIES"),
        (unnamed, "WXGATE_HTTP_CLIENT_ADDRESS_HEADER"),
    ):
        caplog.clear()
        given = settings.model_copy(update={"http": http})
        async with open_server(given, wechat_simulator, clock) as server:
            await server.login()
            assert warnings(caplog) == []
            for host in range(2):
                request = {"query": LOGIN, "variables": {"code": wechat_simulator.login()}}
                await server.http.post("/graphql", json=request, headers={header: f"203.0.113.{host}"})
            [warning] = warnings(caplog)
            assert warning.levelno == logging.WARNING
            assert setting in warning.getMessage()
            assert vars(warning)["header"] == header.lower()
            assert "203.0.113" not in str(vars(warning))


def warnings(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """The warnings of how clients are told apart."""
    return [record for record in caplog.records if record.name == "graph.http.client_address"]


async def test_a_proxy_that_is_set_up_well_is_not_warned_of(
    server: TestServer, caplog: pytest.LogCaptureFixture
) -> None:
    await server.login()
    assert fine(await log_in(server, "203.0.113.9"))
    assert warnings(caplog) == []


async def test_what_does_not_come_from_a_trusted_proxy_counts_for_the_peer(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    distrustful = settings.model_copy(update={"http": HttpSettings()})
    async with open_server(distrustful, wechat_simulator, clock) as server:
        for host in range(3):
            assert fine(await log_in(server, f"203.0.113.{host}", f"person-{host}"))
        refused(await log_in(server, "203.0.113.9"), "WAIT", within=60_000)


async def test_a_person_logs_in_so_often_from_wherever_and_then_with_a_new_code(
    server: TestServer, clock: Clock
) -> None:
    for host in range(3):
        assert fine(await log_in(server, f"203.0.113.{host}"))
    wait = refused(await log_in(server, "203.0.113.9"), "LOG_IN", within=60_000)
    clock.advance(seconds=wait / 1000)
    assert fine(await log_in(server, "203.0.113.9"))


async def test_of_several_rates_the_one_that_takes_longest_counts(server: TestServer, clock: Clock) -> None:
    token = (await server.login())["token"]
    assert fine(await submit(server, token, "203.0.113.1"))
    assert fine(await submit(server, token, "203.0.113.2"))
    wait = refused(await submit(server, token, "203.0.113.3"), "WAIT", within=60_000)
    clock.advance(seconds=wait / 1000)
    refused(await submit(server, token, "203.0.113.4"), "WAIT", within=3_600_000)
    clock.advance(hours=1)
    assert fine(await submit(server, token, "203.0.113.5"))


async def test_submissions_of_several_people_count_for_their_common_address(server: TestServer) -> None:
    tokens = {person: (await log_in(server, "192.0.2.1", person)).json()["data"]["login"]["token"] for person in "abc"}
    for person in "ab":
        assert fine(await submit(server, tokens[person], "203.0.113.9", person))
    refused(await submit(server, tokens["c"], "203.0.113.9", "c"), "WAIT", within=60_000)


async def test_asking_who_is_signed_in_is_never_limited(server: TestServer) -> None:
    token = (await server.login())["token"]
    for _ in range(20):
        assert await server.me(token) is not None


async def test_nothing_in_the_notation_of_rates_means_no_limit(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    off = settings.model_copy(update={"rate_limit": RateLimitSettings(login="", submit="")})
    async with open_server(off, wechat_simulator, clock) as server:
        for _ in range(10):
            token = (await server.login())["token"]
            assert fine(await submit(server, token, "203.0.113.9"))


async def test_one_request_buys_one_login_at_most(server: TestServer) -> None:
    codes = [server.wechat.login("alice") for _ in range(2)]
    fields = " ".join(f"l{place}: login(code: {json.dumps(code)}) {{ token }}" for place, code in enumerate(codes))
    assert await server.code_of_error(f"mutation {{ {fields} }}") == "DOCUMENT_TOO_LARGE"
    batch = await server.http.post("/graphql", json=[{"query": ME}, {"query": ME}])
    assert batch.status_code == 400
    for code in codes:  # neither is spent
        assert "errors" not in await server.post(LOGIN, {"code": code})
