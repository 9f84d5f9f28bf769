"""The explorer as HTTP serves it: from this server alone, small, kept by browsers, and as much of it as is wanted."""

import gzip
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from inspect import signature
from pathlib import Path

import httpx
import pytest
from graphql import get_introspection_query
from starlette.applications import Starlette

from graph.http.explorer_page import explorer_routes
from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.server import Clock, TestServer, open_server, settings_for

PHONE_PAGE = "explorer-with-phone.html"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One is enough: this is not about databases."""
    return f"sqlite://{tmp_path / 'wxgate.db'}"


@pytest.fixture
def settings(wechat_simulator: WeChatSimulator, database_url: str) -> Settings:
    return settings_for(wechat_simulator, database_url, graphiql=True)


@asynccontextmanager
async def serving(*, with_phone: bool, built: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=explorer_routes(with_phone=with_phone, schema=None, built=built))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://explorer") as http:
        yield http


def build(directory: Path) -> Path:
    """What the bundler leaves, in small."""
    needed = {
        "explorer.html": ["a-1.js", "b-2.woff2"],
        PHONE_PAGE: ["a-1.js", "b-2.woff2", "phone-3.js"],
        "phone.html": ["a-1.js", "drawn-4.js"],
    }
    for page, names in needed.items():
        (directory / page).write_text(page)
        for name in names:
            (directory / name).write_text(f"raw {name}")
    for suffix in ("br", "gz"):
        (directory / f"a-1.js.{suffix}").write_text(suffix)
    (directory / "pages.json").write_text(json.dumps(needed))
    return directory


async def test_the_page_and_all_that_it_names_come_from_this_server(server: TestServer) -> None:
    page = await server.http.get("/graphiql")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    named = re.findall(r'(?:src|href)="(?!data:)([^"]+)"', page.text)
    assert len(named) > 5
    for address in named:
        assert address.startswith("graphiql/")
        assert (await server.http.get(f"/{address}")).status_code == 200
    for worker in re.findall(r'data-worker-\w+="([^"]+)"', page.text):
        assert (await server.http.get(f"/graphiql/{worker}")).headers["content-type"].startswith("text/javascript")


async def test_the_page_and_its_workers_may_run_and_reach_nothing_but_this_server(server: TestServer) -> None:
    page = await server.http.get("/graphiql")
    [script] = re.findall(r'<script type="module" src="([^"]+)"', page.text)
    for headers in (page.headers, (await server.http.get(f"/{script}")).headers):
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy.pop("style-src") == "'self' 'unsafe-inline'"
        assert policy.pop("img-src") == "'self' data:"
        assert {name for name, value in policy.items() if value == "'self'"} == {
            "script-src",
            "worker-src",
            "connect-src",
            "font-src",
        }
        assert {name for name, value in policy.items() if value == "'none'"} == {
            "default-src",
            "base-uri",
            "form-action",
            "frame-ancestors",
        }
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("with_phone", "frames"), [(True, ["frame-src 'self'"]), (False, [])])
async def test_only_the_page_with_the_phone_may_frame_and_only_this_server(
    tmp_path: Path, with_phone: bool, frames: list[str]
) -> None:
    async with serving(with_phone=with_phone, built=build(tmp_path)) as http:
        policy = (await http.get("/graphiql")).headers["content-security-policy"].split("; ")
    assert [part for part in policy if part.startswith("frame-src")] == frames


@pytest.mark.parametrize(("accepted", "at_most"), [("gzip", 12_000), ("identity", 100_000)])
async def test_the_page_finds_the_schema_compressed(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock, accepted: str, at_most: int
) -> None:
    settings = settings_for(wechat_simulator, database_url, graphiql=True, introspection=True)
    async with open_server(settings, wechat_simulator, clock) as server:
        flags = signature(get_introspection_query).parameters.keys() - {"type_depth"}
        query = get_introspection_query(**dict.fromkeys(flags, True))
        asked = await server.http.post("/graphql", json={"query": query})
        headers = {"Accept-Encoding": accepted}
        async with server.http.stream("GET", "/graphiql/introspection.json", headers=headers) as found:
            raw = b"".join([part async for part in found.aiter_raw()])
    assert found.headers.get("content-encoding", "identity") == accepted
    assert json.loads(gzip.decompress(raw) if accepted == "gzip" else raw) == asked.json()
    assert len(raw) < at_most


async def test_the_page_shows_no_schema_where_introspection_is_off(server: TestServer) -> None:
    assert (await server.http.get("/graphiql/introspection.json")).status_code == 404


async def test_browsers_keep_the_files_for_good_and_ask_for_the_page_again(server: TestServer) -> None:
    page = await server.http.get("/graphiql")
    assert page.headers["cache-control"] == "no-cache"
    for address in re.findall(r'(?:src|href)="(graphiql/[^"]+)"', page.text):
        assert re.search(r"-[A-Z0-9]{8}\.\w+$", address)
        headers = (await server.http.get(f"/{address}")).headers
        assert headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("GZIP", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("br; q=0.000, gzip ;q=1", "gzip"),
        ("br;q=0.001", "br"),
        ("identity", None),
        ("*", None),
        ("", None),
        ("brr, xgzip", None),
        ("br;q=0", None),
    ],
)
async def test_a_file_comes_in_the_smallest_form_that_is_accepted(
    tmp_path: Path, accepted: str, coding: str | None
) -> None:
    form = {"br": "br", "gzip": "gz", None: "raw a-1.js"}[coding]
    async with (
        serving(with_phone=False, built=build(tmp_path)) as http,
        http.stream("GET", "/graphiql/a-1.js", headers={"Accept-Encoding": accepted}) as answer,
    ):
        sent = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert sent == form.encode()
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["content-length"] == str(len(form))
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["vary"] == "Accept-Encoding"


async def test_the_compressed_forms_are_the_file(server: TestServer) -> None:
    [script] = re.findall(r'<script type="module" src="([^"]+)"', (await server.http.get("/graphiql")).text)
    raw = (await server.http.get(f"/{script}", headers={"Accept-Encoding": "identity"})).content
    async with server.http.stream("GET", f"/{script}", headers={"Accept-Encoding": "gzip"}) as answer:
        assert gzip.decompress(b"".join([chunk async for chunk in answer.aiter_raw()])) == raw


async def test_a_file_with_one_form_does_not_vary(tmp_path: Path) -> None:
    async with serving(with_phone=False, built=build(tmp_path)) as http:
        answer = await http.get("/graphiql/b-2.woff2")
    assert answer.text == "raw b-2.woff2"
    assert answer.headers["content-type"] == "font/woff2"
    assert "vary" not in answer.headers


async def test_the_phone_is_served_where_the_server_plays_wechat_and_nowhere_else(
    tmp_path: Path, server: TestServer
) -> None:
    build(tmp_path)
    async with serving(with_phone=True, built=tmp_path) as http:
        assert (await http.get("/graphiql")).text == PHONE_PAGE
        assert (await http.get("/graphiql/phone-3.js")).status_code == 200
        assert (await http.get("/phone")).text == "phone.html"
        assert (await http.get("/graphiql/drawn-4.js")).status_code == 200
    async with serving(with_phone=False, built=tmp_path) as http:
        assert (await http.get("/graphiql")).text == "explorer.html"
        for address in ("/graphiql/phone-3.js", "/phone", "/graphiql/drawn-4.js"):
            assert (await http.get(address)).status_code == 404
    # This server has no simulator of its own, as in production.
    [script] = re.findall(r'<script type="module" src="([^"]+)"', (await server.http.get("/graphiql")).text)
    assert script.startswith("graphiql/explorer-")
    assert "with-phone" not in script


async def test_nothing_else_of_the_directory_is_served(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "built-from.json").write_text("{}")
    async with serving(with_phone=True, built=tmp_path) as http:
        for name in ("pages.json", "built-from.json", "a-1.js.br", "explorer.html", "..%2fgraphiql.py"):
            assert (await http.get(f"/graphiql/{name}")).status_code == 404


async def test_without_node_the_page_says_what_to_run(tmp_path: Path) -> None:
    async with serving(with_phone=True, built=tmp_path / "missing") as http:
        answer = await http.get("/graphiql")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "install Node.js 20 or newer" in answer.text
    assert "`pip install --force-reinstall --no-deps .`" in answer.text


async def test_the_page_is_not_there_unless_it_is_wanted(
    wechat_simulator: WeChatSimulator, database_url: str, clock: Clock
) -> None:
    files = [route.path for route in explorer_routes(with_phone=True, schema=None)]
    assert len(files) > 20
    async with open_server(settings_for(wechat_simulator, database_url), wechat_simulator, clock) as server:
        for address in files:
            assert (await server.http.get(address)).status_code == 404
