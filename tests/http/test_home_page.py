"""The page at the root of `wxgate dev`: what leads from it, and how it looks in Chromium."""

import html
import re
import secrets
import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest
from starlette.applications import Starlette

from graph.http.home_page import HomePage
from tests.cli.processes import PATIENCE, Process, environment, serving
from tests.http.browsing import ROOT, visit


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with serving("dev", cwd=tmp_path_factory.mktemp("home")) as process:
        yield process


@pytest.fixture(scope="module")
def seen(server: Process) -> Any:
    """What `browser/home.mjs` saw, once for all tests."""
    return visit("home", server.url, "home")


def page(server: Process, *, query: str = "", **headers: str) -> httpx.Response:
    answer = httpx.get(f"{server.url}/{query}", headers=headers, trust_env=False)
    assert answer.status_code == 200
    return answer


def test_every_link_of_the_page_leads_somewhere(server: Process) -> None:
    links = set(re.findall(r'(?:href|src)="([^"]+)"', page(server).text))
    assert {"graphiql", "simulator/", "schema.graphql", "favicon.svg"} < links
    for link in links:
        assert server.get(f"/{link}").status_code == 200, link


def test_its_lines_for_curl_sign_in_a_user(server: Process) -> None:
    [lines, _] = re.findall(r"<pre tabindex=0>(.*?)</pre>", page(server).text, re.DOTALL)
    pasted = subprocess.run(
        ["bash", "-c", html.unescape(lines)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert orjson.loads(pasted.stdout)["data"]["login"]["user"]["id"]


@pytest.mark.parametrize("host", ["$(id)", "a'b", "a`id`", "a<b>", "a b"])
async def test_its_lines_hold_nothing_that_a_shell_would_run(host: str) -> None:
    """Where others may connect no host is refused."""
    app = Starlette(routes=HomePage({"/graphql", "/simulator"}, []).routes())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://server") as http:
        text = html.unescape((await http.get("/", headers={"Host": host})).text)
    assert "/graphql" in text
    assert host not in text


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ("", "zh-CN,zh;q=0.9", "zh-CN"),
        ("", "en-GB,zh;q=0.9", "en"),
        ("?lang=en", "zh", "en"),
        ("?lang=zh", "", "zh-CN"),
    ],
)
def test_it_speaks_the_language_that_is_asked_for(server: Process, query: str, accepted: str, language: str) -> None:
    answer = page(server, query=query, **{"Accept-Language": accepted})
    assert f'<html lang="{language}">' in answer.text
    assert "Accept-Language" in answer.headers["vary"]


def test_it_runs_no_script_and_asks_this_server_alone(server: Process) -> None:
    policy = page(server).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script" not in policy


def test_the_icon_is_the_same_everywhere(server: Process) -> None:
    icon = server.get("/favicon.svg")
    assert icon.headers["content-type"] == "image/svg+xml"
    assert server.get("/favicon.ico").content == icon.content
    explorer = (ROOT / "graph/http/explorer/src/page.html").read_text("utf-8")
    assert f'href="data:image/svg+xml,{quote(icon.text.strip())}"' in explorer


def test_neither_its_icon_nor_pages_of_the_simulator_leave_a_line_in_the_log(server: Process) -> None:
    for path in ("/favicon.svg", "/simulator/device/users", "/graphiql/missing.js"):
        server.get(path)
    server.wait_for(r"path=\?  status=404")
    assert "path=/favicon" not in server.output
    assert "path=/simulator/*" not in server.output


def test_with_the_real_wechat_it_says_where_codes_come_from(tmp_path_factory: pytest.TempPathFactory) -> None:
    variables = {"WXGATE_WECHAT_APP_ID": "wx" + "0" * 16, "WXGATE_WECHAT_APP_SECRET": secrets.token_hex(16)}
    with serving("dev", cwd=tmp_path_factory.mktemp("real"), WXGATE_GRAPHIQL="false", **variables) as real:
        text = page(real).text
        assert "WeChat is the real one here: codes come from wx.login" in text
        assert "simulator" not in text
        assert 'href="graphiql"' not in text
        off = real.get("/graphiql")
    assert f"WeChat    the real one, as {variables['WXGATE_WECHAT_APP_ID']}\n" in real.output
    assert "explorer  off: WXGATE_GRAPHIQL\n" in real.output
    assert "sign in as anyone" not in real.output
    assert off.status_code == 404
    assert off.json()["errors"][0]["message"] == "There is nothing here; WXGATE_GRAPHIQL=true serves this page."


def test_axe_finds_nothing_and_no_width_is_too_narrow(seen: Any) -> None:
    assert seen["violations"] == []
    assert seen["wider"] == []


def test_the_console_is_clean_and_nothing_is_asked_elsewhere(seen: Any) -> None:
    assert seen["complaints"] == seen["elsewhere"] == []
    assert seen["icon"] > 0


def test_one_click_leads_to_the_explorer(seen: Any) -> None:
    assert seen["explorer"] == "/graphiql"
