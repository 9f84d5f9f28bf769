"""A picture that is uploaded waits for its user's profile; what is none, or comes at the wrong time, leaves nothing."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx
import pytest

from graph.app import build_app
from graph.composition import compose
from graph.settings import HttpSettings, RateLimitSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.accounts.profiles import PROFILE
from tests.accounts.stored import run_sql
from tests.databases import give_tables
from tests.http.answers import assert_safe, refusal
from tests.http.uploading import (
    BOUNDARY,
    END,
    MULTIPART,
    PATH,
    PUBLIC_URL,
    SlowBody,
    doomed,
    form,
    large_picture,
    part,
    picture,
    send,
    taken,
    uploads,
    with_store,
)
from tests.pictures.files import decoded, plain
from tests.server import Clock, TestServer, open_server

HOUR: Final = 3_600_000
SECOND: Final = 1_000
ORIGIN: Final = "https://h5.example.com"
SAVE: Final = f"mutation ($avatar: ID) {{ updateProfile(avatar: $avatar) {{ {PROFILE} }} }}"
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "avatars"


@pytest.fixture
def settings(settings: Settings, directory: Path) -> Settings:
    return with_store(settings, directory)


@pytest.fixture
async def token(server: TestServer) -> str:
    return str((await server.login("alice"))["token"])


def names(directory: Path) -> list[str]:
    """The files of the store."""
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


async def unread() -> AsyncIterator[bytes]:
    """A body that a server must not ask for."""
    pytest.fail("the body was read")
    yield b""


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
@pytest.mark.parametrize("body", [form(), form(large_picture())], ids=["small", "large"])
@pytest.mark.parametrize("size", [1, 100, 70_000])
async def test_a_form_may_come_in_pieces_of_any_size(server: TestServer, token: str, body: bytes, size: int) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        head = min(len(body), 1000 * size)
        for start in range(0, head, size):
            yield body[start : start + size]
        yield body[head:]

    await taken(await send(server, token, pieces()))


@on_sqlite
async def test_fields_beside_the_file_mean_nothing(server: TestServer, token: str) -> None:
    fields = part("file", b"a text") + part("user", b"x" * 1024) + part("", b"") + part("file", b"")
    await taken(await send(server, token, fields + form()))


@on_sqlite
async def test_no_part_of_an_upload_meets_a_disk_but_the_picture_that_is_stored(
    server: TestServer, token: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    await taken(await send(server, token, form(large_picture())))


BAD_FORMS: Final = {
    "no file": part("user", b"alice") + END,
    "nothing": END,
    "no byte": b"",
    "a file in another field": part("avatar", picture(), filename="a.jpg") + END,
    "a text in the field": part("file", b"alice") + END,
    "two files": part("file", picture(), filename="a.jpg") + form(),
    "a file beside it": part("other", picture(), filename="a.jpg") + form(),
    "five fields": b"".join(part(f"f{number}", b"x") for number in range(5)) + form(),
    "a long field": part("user", b"x" * 1025) + form(),
    "a part without a name": form().replace(b' name="file";', b""),
    "a part without a head": form().replace(b"Content-Disposition", b"Content-Description"),
    "another boundary": form().replace(BOUNDARY.encode(), b"another"),
    "no end": form()[:-10],
    "no head's end": form()[:90],
    "a header without end": form().replace(b"image/jpeg", b"image/jpeg" + b"x" * 10_000),
    "100 headers": form().replace(b"Content-Type", b"X: y\r\n" * 100 + b"Content-Type"),
    "bytes in place of a header": form().replace(b"Content-Type", b"\x00\xff\r"),
    "no form": picture(),
}


@on_sqlite
@pytest.mark.parametrize("body", BAD_FORMS.values(), ids=BAD_FORMS)
async def test_a_form_that_is_none_is_refused(
    server: TestServer, settings: Settings, token: str, directory: Path, body: bytes
) -> None:
    assert refusal(await send(server, token, body), 400) == "BAD_REQUEST"
    assert (names(directory), await uploads(settings), await doomed(settings)) == ([], [], [])


@on_sqlite
@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'x' * 300}",
        "multipart/form-data; boundary=b\xe4r",
        *(f"{MULTIPART}; charset={name}" for name in ("klingon", "", "utf-8-sig-x", "\xff", '"x y"')),
        f"{MULTIPART}; CHARSET = klingon",
    ],
)
async def test_a_boundary_or_charset_that_is_none_is_refused(server: TestServer, token: str, content_type: str) -> None:
    response = await server.http.post(
        PATH,
        content=form(),
        headers=[(b"content-type", content_type.encode("latin-1")), (b"authorization", f"Bearer {token}".encode())],
    )
    assert refusal(response, 400) == "BAD_REQUEST"


@on_sqlite
@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "gbk", "idna", "punycode", "base64", "undefined"])
async def test_no_charset_makes_a_form_a_defect(server: TestServer, token: str, charset: str) -> None:
    body = part("\u7528\u6237", b"\xff\x80 \xe4\xb8\xad") + form()
    response = await send(server, token, body, f"{MULTIPART}; charset={charset}")
    assert response.status_code == 201 or refusal(response, 400) == "BAD_REQUEST"


@on_sqlite
@pytest.mark.parametrize(
    ("content_type", "more"),
    [
        (None, {}),
        ("text/plain", {}),
        ("application/json", {}),
        ("image/gif", {}),
        ("image/svg+xml", {}),
        ("application/x-www-form-urlencoded", {}),
        ("multipart/mixed; boundary=x", {}),
        ("image/jpeg", {"Content-Encoding": "gzip"}),
        (MULTIPART, {"Content-Encoding": "br"}),
    ],
)
async def test_another_type_is_refused_before_the_body_is_read(
    server: TestServer, token: str, content_type: str | None, more: dict[str, str]
) -> None:
    response = await send(server, token, unread(), content_type, **more)
    assert refusal(response, 415) == "UNSUPPORTED_MEDIA_TYPE"


@on_sqlite
@pytest.mark.parametrize("data", [b"", b"<html>", b"GIF89a", picture()[:500], plain("PNG", (63, 63))])
@pytest.mark.parametrize("bare", [True, False])
async def test_what_is_no_picture_is_refused_and_leaves_nothing(
    server: TestServer, settings: Settings, token: str, directory: Path, data: bytes, bare: bool
) -> None:
    response = await send(server, token, data if bare else form(data), "image/png" if bare else MULTIPART)
    assert refusal(response, 422) == "PICTURE_UNUSABLE"
    assert response.json()["errors"][0]["extensions"]["action"] == "ASK_AGAIN"
    assert (names(directory), await uploads(settings), await doomed(settings)) == ([], [], [])


@on_sqlite
@pytest.mark.parametrize("content_type", [MULTIPART, "image/jpeg"])
async def test_a_length_that_is_too_large_is_refused_before_the_body_is_read(
    server: TestServer, token: str, content_type: str
) -> None:
    length = str(5_242_880 + 16 * 1024 + 1)
    response = await send(server, token, unread(), content_type, **{"Content-Length": length})
    assert refusal(response, 413) == "PAYLOAD_TOO_LARGE"


@on_sqlite
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("image/jpeg", b"x" * 65_537),
        (MULTIPART, form(b"x" * 65_537)),
        (MULTIPART, form(b"x" * 65_536) + b"x" * 20_000),
    ],
)
async def test_a_body_of_unknown_length_is_read_up_to_the_limit(
    settings: Settings,
    wechat_simulator: WeChatSimulator,
    clock: Clock,
    directory: Path,
    content_type: str,
    body: bytes,
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]
        for _ in range(1000):
            yield b"x" * 1000
        pytest.fail("all of the body was read")

    small = with_store(settings, directory, max_bytes=65_536)
    async with open_server(small, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        assert refusal(await send(server, token, pieces(), content_type), 413) == "PAYLOAD_TOO_LARGE"
        await taken(await send(server, token))


@on_sqlite
@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer x", "Basic eDp5", "wxs_x", "Bearer Bearer x"])
async def test_without_a_session_the_body_is_not_read(server: TestServer, authorization: str | None) -> None:
    more = {} if authorization is None else {"Authorization": authorization}
    response = await send(server, None, unread(), **more)
    assert refusal(response, 401) == "UNAUTHENTICATED"
    assert response.headers["www-authenticate"] == "Bearer"


@on_sqlite
async def test_a_session_that_ended_uploads_nothing(server: TestServer, token: str) -> None:
    await server.post("mutation { logout }", token=token)
    assert refusal(await send(server, token, unread()), 401) == "UNAUTHENTICATED"


@on_sqlite
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_another_method_is_refused(server: TestServer, method: str) -> None:
    response = await server.http.request(method, PATH)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_an_account_may_upload_so_often_and_an_address_ten_times_as_often(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    limited = settings.model_copy(update={"rate_limit": RateLimitSettings(upload="1/hour")})
    async with open_server(limited, wechat_simulator, clock) as server:
        tokens = [(await server.login(f"user {number}"))["token"] for number in range(11)]
        for number, token in enumerate(tokens[:9]):
            await taken(await send(server, token))
            if not number:
                refused = await send(server, token, unread())
                assert refusal(refused, 429) == "RATE_LIMITED"
                assert 3590 < int(refused.headers["retry-after"]) <= 3600
                assert refused.json()["errors"][0]["extensions"]["action"] == "WAIT"
        assert refusal(await send(server, tokens[9], unread()), 429) == "RATE_LIMITED"
        clock.advance(hours=1)
        await taken(await send(server, tokens[10]))


@on_sqlite
async def test_what_finds_no_place_is_not_counted(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    limited = settings.model_copy(update={"rate_limit": RateLimitSettings(upload="3/hour")})
    async with open_server(limited, wechat_simulator, clock) as server:
        token = (await server.login("alice"))["token"]
        slow = [SlowBody(), SlowBody()]
        sent = [asyncio.create_task(send(server, token, each.pieces())) for each in slow]
        for each in slow:
            await each.is_read()
        for _ in range(5):
            assert refusal(await send(server, token, unread()), 503) == "SERVICE_UNAVAILABLE"
        for each in slow:
            each.go_on.set()
        for response in await asyncio.gather(*sent):
            await taken(response)
        await taken(await send(server, token))


async def test_an_account_has_two_places_and_all_have_sixteen(server: TestServer, settings: Settings) -> None:
    tokens = [(await server.login(f"user {number}"))["token"] for number in range(9)]
    slow = [SlowBody() for _ in range(16)]
    sent = [asyncio.create_task(send(server, tokens[number // 2], each.pieces())) for number, each in enumerate(slow)]
    for each in slow:
        await each.is_read()
    refused = await send(server, tokens[8], unread())
    assert refusal(refused, 503) == "SERVICE_UNAVAILABLE"
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["errors"][0]["extensions"] | {"requestId": ""} == {
        "code": "SERVICE_UNAVAILABLE",
        "action": "WAIT",
        "retryable": True,
        "requestId": "",
        "retryAfterMs": 1000,
    }
    slow[0].go_on.set()
    await taken(await sent[0])
    await taken(await send(server, tokens[8]))
    assert refusal(await send(server, tokens[1], unread()), 503) == "SERVICE_UNAVAILABLE", "it has two already"
    for each in slow:
        each.go_on.set()
    for response in await asyncio.gather(*sent):
        await taken(response)
    assert len(await uploads(settings)) == 17


@on_sqlite
async def test_a_place_is_free_again_whatever_becomes_of_its_upload(server: TestServer, token: str) -> None:
    for body in (form(b"no picture"), b"no form", form()[:-9], form(b"x" * 6_000_000)) * 5:
        assert (await send(server, token, body)).status_code in {400, 413, 422}
    for _ in range(5):
        slow = SlowBody()
        left = asyncio.create_task(send(server, token, slow.pieces()))
        await slow.is_read()
        left.cancel()
        await asyncio.wait([left])
    await taken(await send(server, token))


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
