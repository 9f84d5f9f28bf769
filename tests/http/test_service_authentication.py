"""How other services are let in, and how one that is not is refused."""

import base64
import math
from typing import Any

import httpx
import pytest

from graph.settings import HttpSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.http.answers import refusal
from tests.http.service import PATH, bearer, credential, with_services
from tests.server import ME, Clock, TestServer, open_server

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ORDERS, BILLING, IDLE = credential(1), credential(2, "billing"), credential(3, "idle", scopes="")
UNKNOWN = credential(4)
FAILURES = 600


@pytest.fixture
def settings(settings: Settings) -> Settings:
    proxied = settings.model_copy(update={"http": HttpSettings(trusted_proxies=("127.0.0.1",))})
    return with_services(proxied, ORDERS[1], BILLING[1], IDLE[1])


def basic(name: str, secret: str, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"


async def ask(server: TestServer, authorization: str | None, address: str = "203.0.113.9") -> httpx.Response:
    headers = {"X-Forwarded-For": address, "X-Request-Id": "request-of-service"}
    return await server.http.get(PATH, headers=headers | ({"Authorization": authorization} if authorization else {}))


def events(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The security events, by the fields that they have of their own."""
    fields = ("event", "reason", "service", "address", "request_id", "limit", "kind")
    lines = [vars(record) for record in caplog.records if record.name == "wxgate.security"]
    return [{name: line[name] for name in fields if name in line} for line in lines]


@pytest.mark.parametrize(
    "authorization",
    [
        *(basic("orders", ORDERS[0], scheme) for scheme in ("Basic", "basic", "BASIC")),
        *(f"{scheme} {ORDERS[0]}" for scheme in ("Bearer", "bearer")),
        basic("billing", BILLING[0]),
    ],
)
async def test_a_service_is_let_in_by_basic_and_by_bearer(
    server: TestServer, authorization: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = await ask(server, authorization)
    assert (response.status_code, response.json()) == (200, [])
    assert events(caplog) == []


@pytest.mark.parametrize(
    ("authorization", "known"),
    [
        (basic("orders", BILLING[0]), "orders"),
        (basic("billing", ORDERS[0]), "billing"),
        (basic("orders", ""), "orders"),
        (basic("orders", ORDERS[1].split(":")[1]), "orders"),
        (basic("orders", ORDERS[0].swapcase().replace("WXK", "wxk")), "orders"),
        (basic("unknown", ORDERS[0]), None),
        (basic(ORDERS[0], "orders"), None),
        (basic("", ORDERS[0]), None),
        (basic("orders", UNKNOWN[0]), "orders"),
        (f"Basic {ORDERS[0]}", None),
        (f"{basic('orders', ORDERS[0])[:20]}*{basic('orders', ORDERS[0])[20:]}", None),
        ("Basic", None),
        ("Basic orders:" + ORDERS[0], None),
        ("Basic /////w==", None),
        (f"Bearer {UNKNOWN[0]}", None),
        (f"Bearer {ORDERS[0]} {ORDERS[0]}", None),
        (f'Bearer "{ORDERS[0]}"', None),
        (f"Bearer {ORDERS[1]}", None),
        ("Bearer", None),
        (ORDERS[0], None),
        (f"Digest {ORDERS[0]}", None),
    ],
)
async def test_a_wrong_credential_is_a_401_and_an_event_without_the_secret(
    server: TestServer, authorization: str, known: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    response = await ask(server, authorization)
    assert refusal(response, 401) == "UNAUTHENTICATED"
    assert response.headers["www-authenticate"] == 'Basic realm="wxgate"'
    assert response.json()["errors"][0]["extensions"]["action"] == "FIX_REQUEST"
    event = {"event": "service_refused", "reason": "secret", "address": "203.0.113.0/24"}
    assert events(caplog) == [
        event | {"request_id": "request-of-service"} | ({"service": known} if known else {}),
    ]


async def test_without_a_credential_it_is_asked_for_and_nothing_is_counted(
    server: TestServer, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(FAILURES + 1):
        response = await ask(server, None)
        assert refusal(response, 401) == "UNAUTHENTICATED"
    assert response.headers["www-authenticate"] == 'Basic realm="wxgate"'
    assert events(caplog) == []
    assert (await ask(server, basic("orders", ORDERS[0]))).status_code == 200


async def test_a_service_without_the_scope_is_a_403(server: TestServer, caplog: pytest.LogCaptureFixture) -> None:
    response = await ask(server, f"Bearer {IDLE[0]}")
    assert refusal(response, 403) == "FORBIDDEN"
    assert "users" in response.json()["errors"][0]["message"]
    [event] = events(caplog)
    assert (event["event"], event["reason"], event["service"]) == ("service_refused", "scope", "idle")


async def test_an_address_fails_so_often_and_no_other_address_pays_for_it(
    server: TestServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    right, wrong = basic("orders", ORDERS[0]), basic("orders", BILLING[0])
    for _ in range(FAILURES):
        assert (await ask(server, wrong)).status_code == 401
        assert (await ask(server, right, "203.0.113.10")).status_code == 200
    refused = await ask(server, wrong)
    assert refusal(refused, 429) == "RATE_LIMITED"
    extensions = refused.json()["errors"][0]["extensions"]
    assert (extensions["action"], extensions["retryable"]) == ("WAIT", True)
    assert 0 < extensions["retryAfterMs"] <= 100
    assert refused.headers["retry-after"] == str(math.ceil(extensions["retryAfterMs"] / 1000))
    for address in ("203.0.113.9", "203.0.113.10"):  # a service may share its address with who guesses
        assert (await ask(server, right, address)).status_code == 200
    clock.advance(seconds=0.1)
    assert (await ask(server, right)).status_code == 200
    assert (await ask(server, wrong)).status_code == 401
    assert (await ask(server, wrong)).status_code == 429
    seen = [event["event"] for event in events(caplog)]
    assert seen == ["service_refused"] * FAILURES + ["rate_limit_reached", "service_refused"]
    [reached] = [event for event in events(caplog) if event["event"] == "rate_limit_reached"]
    assert (reached["limit"], reached["kind"]) == ("services", "address")


async def test_no_service_is_a_user_and_no_user_a_service(server: TestServer) -> None:
    assert await server.code_of_error(ME, token=ORDERS[0]) == "UNAUTHENTICATED"
    token = (await server.login("alice"))["token"]
    assert (await ask(server, f"Bearer {token}")).status_code == 401
    assert (await ask(server, basic("orders", token))).status_code == 401


async def test_a_secret_is_replaced_by_a_second_entry_of_the_name(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    secret, entry = UNKNOWN
    async with open_server(with_services(settings, ORDERS[1], entry), wechat_simulator, clock) as server:
        for each in (ORDERS[0], secret):
            assert (await ask(server, basic("orders", each))).status_code == 200
    async with open_server(with_services(settings, entry), wechat_simulator, clock) as server:
        assert (await ask(server, basic("orders", ORDERS[0]))).status_code == 401
        assert (await server.http.get(PATH, headers=bearer(secret))).status_code == 200
