"""The page at the simulator's root, and the OpenAPI document: all that there is, in words."""

import re
from typing import Any

import httpx
import pytest
import schemathesis
from starlette.applications import Starlette
from starlette.routing import Mount

from graph.simulator import SimulatorState, create_simulator
from graph.simulator.app import ACTIONS
from graph.simulator.descriptions import OF_DEVICE, OF_WECHAT
from graph.simulator.endpoints import ENDPOINTS
from tests.secret_patterns import secrets_in
from tests.simulator.conftest import APP_ID, Simulator


async def page(simulator: Simulator, query: str = "", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = await simulator.http.get(f"/{query}", headers=named)
    assert response.status_code == 200
    assert secrets_in(response.text) == []
    return response


async def document(simulator: Simulator) -> dict[str, Any]:
    return await simulator.get("/device/openapi.json")


def test_every_endpoint_is_described() -> None:
    assert set(OF_DEVICE) == set(ACTIONS)
    assert set(ENDPOINTS) <= set(OF_WECHAT)


async def test_the_page_lists_every_endpoint(simulator: Simulator) -> None:
    text = (await page(simulator)).text
    for method, path in OF_DEVICE:
        assert f"{method} {path}" in text
    for path in ENDPOINTS:
        assert f"{OF_WECHAT[path].method} {path}" in text


async def test_the_page_shows_users_faults_and_what_happened_last(simulator: Simulator) -> None:
    await simulator.sign_in("Li Lei")
    await simulator.phone("faults", kind="bad-gateway", path="/cgi-bin/token", times=2)
    await simulator.http.get("/cgi-bin/token")

    text = (await page(simulator)).text
    assert f"<td>{APP_ID}</td>" in text
    assert "<td>Li Lei</td>" in text
    assert "bad-gateway /cgi-bin/token × 1" in text
    summaries = re.findall("<summary>(.*?)</summary>", text)
    assert summaries == ["getAccessToken (bad-gateway)", "code2Session"]


async def test_what_others_wrote_is_text_on_the_page(simulator: Simulator) -> None:
    await simulator.login("<b>alice</b>")
    await simulator.http.get("/<script>alert(1)</script>?<i>=<img>")

    text = (await page(simulator)).text
    assert "&lt;b&gt;alice&lt;/b&gt;" in text
    assert [tag for tag in ("<b>", "<script", "<i>", "<img") if tag in text] == []


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ("", "en-GB,zh;q=0.5", "en"),
        ("", "zh-CN,zh;q=0.9", "zh-CN"),
        ("?lang=zh", "en", "zh-CN"),
        ("?lang=en", "zh-CN", "en"),
    ],
)
async def test_the_page_speaks_english_and_chinese(
    simulator: Simulator, query: str, accepted: str, language: str
) -> None:
    text = (await page(simulator, query, accept_language=accepted)).text
    assert f'<html lang="{language}">' in text
    assert ("模拟微信" in text, "WeChat, simulated" in text) == (language == "zh-CN", language == "en")


async def test_the_page_runs_no_script_and_loads_nothing(simulator: Simulator) -> None:
    response = await page(simulator)
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "<script" not in response.text
    assert not re.search(r'(?:src|href)="(?:https?:)?//', response.text)


async def test_a_look_at_the_page_is_no_call_of_wechat(simulator: Simulator) -> None:
    await page(simulator)
    assert (await simulator.http.get("/favicon.ico")).status_code == 204
    assert (await simulator.get("/device/calls"))["last"] == 0


async def test_the_page_and_the_document_know_their_prefix(state: SimulatorState) -> None:
    app = Starlette(routes=[Mount("/simulator", create_simulator(state))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://here") as http:
        assert "curl -s -X POST http://here/simulator/device/login\n" in (await http.get("/simulator/")).text
        found = (await http.get("/simulator/device/openapi.json")).json()
    assert found["servers"] == [{"url": "http://here/simulator"}]


async def test_the_document_is_valid_and_names_every_action(simulator: Simulator) -> None:
    found = await document(simulator)
    schemathesis.openapi.from_dict(found).validate()
    described = {(method.upper(), path) for path, methods in found["paths"].items() for method in methods}
    assert described == set(OF_DEVICE) | {("GET", "/device/faces/{name}.png")}


async def test_the_document_names_what_is_required_and_every_refusal(simulator: Simulator) -> None:
    posts = {path: each["post"] for path, each in (await document(simulator))["paths"].items() if "post" in each}
    required = {path for path, each in posts.items() if each["requestBody"]["required"]}
    assert required == {"/device/faults", "/device/risk-rank", "/device/quota"}
    assert {tuple(each["responses"]) for each in posts.values()} == {("200", "400", "415")}


async def test_the_document_names_the_fields_of_a_body(simulator: Simulator) -> None:
    found = await document(simulator)
    body = found["paths"]["/device/block"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    fields = found["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    assert fields["properties"]["user"]["default"] == "Li Lei"
    assert set(fields["properties"]) == {"app", "user", "blocked"}
    assert fields["additionalProperties"] is False
