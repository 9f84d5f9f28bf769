"""A picture that is uploaded waits for its user's profile; what is none, or comes at the wrong time, leaves nothing."""

import asyncio
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx
import pytest

from graph.app import build_app
from graph.composition import compose
from graph.settings import HttpSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.profiles import PROFILE
from tests.accounts.stored import run_sql
from tests.databases import give_tables
from tests.http.answers import assert_safe, refusal
from tests.http.uploading import (
    PATH,
    PUBLIC_URL,
    SlowBody,
    doomed,
    form,
    large_picture,
    names,
    picture,
    send,
    taken,
    unread,
    uploads,
    with_store,
)
from tests.pictures.files import decoded
from tests.server import Clock, TestServer, open_server

HOUR: Final = 3_600_000


SECOND: Final = 1_000


ORIGIN: Final = "https://h5.example.com"


SAVE: Final = f"mutation ($avatar: ID) {{ updateProfile(avatar: $avatar) {{ {PROFILE} }} }}"


on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_a_picture_in_a_form_is_redrawn_stored_and_waits_for_an_hour(
    server: TestServer, settings: Settings, token: str, directory: Path, clock: Clock
) -> None:
    response = await send(server, token)
    upload_id = await taken(response)
    assert_safe(response)
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    answer = response.json()
    assert (answer["width"], answer["height"]) == (200, 200)
    expires_at = datetime.fromisoformat(answer["expiresAt"])
    assert expires_at.tzinfo == UTC
    assert expires_at.timestamp() * 1000 == pytest.approx(clock() + HOUR, abs=5 * SECOND)
    assert names(directory) == [f"{upload_id}.jpg"]
    assert decoded((directory / f"{upload_id}.jpg").read_bytes()).size == (200, 200)
    [row] = await uploads(settings)
    assert (row["id"], row["name"], row["width"], row["height"]) == (upload_id, f"{upload_id}.jpg", 200, 200)
    assert row["expires_at"] == round(expires_at.timestamp() * 1000)
    assert await doomed(settings) == []


async def test_a_picture_is_saved_shown_and_found_under_its_address(
    server: TestServer, settings: Settings, token: str
) -> None:
    upload_id = await taken(await send(server, token))
    answer = await server.post(SAVE, {"avatar": upload_id}, token=token)
    user = answer["data"]["updateProfile"]
    assert user["avatarUrl"] == user["picture"]["url"] == f"{PUBLIC_URL}/{upload_id}.jpg"
    response = await server.http.get(f"/avatars/{upload_id}.jpg")
    assert decoded(response.content).size == (200, 200)
    assert await uploads(settings) == []
    bob = (await server.login("bob"))["token"]
    code = await server.code_of_error(SAVE, {"avatar": await taken(await send(server, token))}, token=bob)
    assert code == "UPLOAD_NOT_FOUND"


@on_sqlite
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_bare_bytes_are_taken_as_well(server: TestServer, token: str, kind: str) -> None:
    await taken(await send(server, token, picture(kind), f"image/{kind.lower()}"))


@on_sqlite
async def test_no_part_of_an_upload_meets_a_disk_but_the_picture_that_is_stored(
    server: TestServer, token: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    await taken(await send(server, token, form(large_picture())))


@on_sqlite
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_another_method_is_refused(server: TestServer, method: str) -> None:
    response = await server.http.request(method, PATH)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_a_user_who_is_gone_meanwhile_leaves_a_file_that_is_deleted_at_once(
    server: TestServer, settings: Settings, token: str, directory: Path, clock: Clock
) -> None:
    async def delete() -> None:
        await run_sql(settings, "DELETE FROM users")

    slow = SlowBody(before_end=delete)
    slow.go_on.set()
    assert refusal(await send(server, token, slow.pieces()), 401) == "UNAUTHENTICATED"
    assert await uploads(settings) == []
    async with asyncio.timeout(20):
        while names(directory) or await doomed(settings):  # noqa: ASYNC110 - the job has no event
            await asyncio.sleep(0.05)


async def test_a_store_that_fails_is_a_503_and_its_file_is_deleted_later(
    server: TestServer, settings: Settings, token: str, directory: Path, clock: Clock
) -> None:
    directory.write_bytes(b"no directory")  # noqa: ASYNC240
    response = await send(server, token)
    assert refusal(response, 503) == "SERVICE_UNAVAILABLE"
    assert response.headers["retry-after"] == "1"
    assert await uploads(settings) == []
    [row] = await doomed(settings)
    assert row["due_at"] == pytest.approx(clock() + 2 * HOUR, abs=5 * SECOND)
    directory.unlink()  # noqa: ASYNC240
    await taken(await send(server, token))


async def test_an_upload_that_cannot_be_noted_leaves_a_file_that_is_deleted_later(
    server: TestServer, settings: Settings, token: str, directory: Path
) -> None:
    await run_sql(settings, "ALTER TABLE uploads RENAME TO elsewhere")
    assert refusal(await send(server, token), 503) == "SERVICE_UNAVAILABLE"
    assert [row["name"] for row in await doomed(settings)] == names(directory) != []
    await run_sql(settings, "ALTER TABLE elsewhere RENAME TO uploads")
    await taken(await send(server, token))


async def test_no_file_is_written_that_the_database_cannot_know_of(
    server: TestServer, settings: Settings, token: str, directory: Path
) -> None:
    await run_sql(settings, "ALTER TABLE files_to_delete RENAME TO elsewhere")
    assert refusal(await send(server, token), 503) == "SERVICE_UNAVAILABLE"
    assert names(directory) == []
    await run_sql(settings, "ALTER TABLE elsewhere RENAME TO files_to_delete")


async def test_without_its_database_the_server_does_not_read_the_body(
    server: TestServer, settings: Settings, token: str
) -> None:
    await run_sql(settings, "ALTER TABLE sessions RENAME TO elsewhere")
    assert refusal(await send(server, token, unread()), 503) == "SERVICE_UNAVAILABLE"
    await run_sql(settings, "ALTER TABLE elsewhere RENAME TO sessions")


@on_sqlite
async def test_without_a_store_uploads_are_not_enabled(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, directory: Path
) -> None:
    async with open_server(with_store(settings, directory, store=None), wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        response = await send(server, token, unread())
        assert refusal(response, 404) == "NOT_ENABLED"
        assert response.json()["errors"][0]["extensions"]["action"] == "GIVE_UP"
        assert await server.code_of_error(SAVE, {"avatar": "0" * 22}, token=token) == "NOT_ENABLED"
        assert refusal(await server.http.get(f"/avatars/{'0' * 22}.jpg"), 404) == "NOT_FOUND"


@on_sqlite
@pytest.mark.parametrize("package", ["PIL", "python_multipart"])
async def test_without_its_packages_uploads_are_not_enabled(
    settings: Settings,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    directory: Path,
    package: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    for name in [name for name in sys.modules if name.startswith("graph.pictures.")]:
        if name.endswith((".normalizer", ".raster")):
            monkeypatch.delitem(sys.modules, name)
    async with open_server(settings, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        assert refusal(await send(server, token, unread()), 404) == "NOT_ENABLED"
        assert await server.code_of_error(SAVE, {"avatar": "0" * 22}, token=token) == "NOT_ENABLED"


@on_sqlite
async def test_a_page_of_a_listed_origin_uploads_and_reads_why_it_may_not(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    listed = settings.model_copy(update={"http": HttpSettings(cors_origins=(ORIGIN,))})
    async with open_server(listed, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        preflight = await server.http.options(PATH, headers={"Origin": ORIGIN, **asked})
        assert preflight.status_code == 204
        for response in (await send(server, token, Origin=ORIGIN), await send(server, None, Origin=ORIGIN)):
            assert response.headers["access-control-allow-origin"] == ORIGIN


@on_sqlite
async def test_uploads_are_counted_by_what_became_of_them(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    await give_tables(settings.database.url.get_secret_value())
    parts = compose(settings, now=clock, monotonic=clock.seconds, sleep=clock.sleep)
    count = parts.metrics.registry.get_sample_value

    app = build_app(parts)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://server") as http,
    ):
        server = TestServer(http, wechat_simulator, clock)
        token = (await server.login("alice"))["token"]
        await send(server, token)
        await send(server, token, form(b"no picture"))
        await send(server, None)
    outcomes = {code: count("wxgate_uploads_total", {"outcome": code}) for code in ("stored", "PICTURE_UNUSABLE")}
    assert outcomes == {"stored": 1, "PICTURE_UNUSABLE": 1}
    assert count("wxgate_uploads_total", {"outcome": "UNAUTHENTICATED"}) == 1
