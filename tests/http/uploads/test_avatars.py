"""Pictures that the server gives out itself: kept for good by every cache, and nothing but pictures."""

import asyncio
import os
import time
from pathlib import Path
from typing import Final

import httpx
import pytest

from graph.pictures.directory import DirectoryStore
from graph.settings import HttpSettings, Settings
from graph.simulator.serving import WeChatSimulator
from tests.http.answers import refusal
from tests.http.uploading import picture, send, taken, with_store
from tests.secret_patterns import Listener
from tests.server import Clock, TestServer, open_server

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

NAME: Final = "0123456789abcdefABCDEF.jpg"


@pytest.fixture
def directory(directory: Path) -> Path:
    """With a picture in it."""
    directory.mkdir()
    (directory / NAME).write_bytes(picture())
    return directory


async def get(server: TestServer, name: str = NAME, method: str = "GET", **headers: str) -> httpx.Response:
    named = {header.replace("_", "-"): value for header, value in headers.items()}
    return await server.http.request(method, f"/avatars/{name}", headers=named)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_picture_is_there_for_every_client_and_for_good(server: TestServer, method: str) -> None:
    response = await get(server, method=method)
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/jpeg"
    assert response.headers["content-length"] == str(len(picture()))
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in response.headers
    assert method == "HEAD" or response.content == picture()


async def test_a_client_that_has_it_is_sent_nothing(server: TestServer) -> None:
    tag = (await get(server)).headers["etag"]
    for tags in (tag, f"W/{tag}", f'"another", {tag}', "*"):
        response = await get(server, If_None_Match=tags)
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (await get(server, If_None_Match='"another"')).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "0123456789abcdefABCDEf.jpg",
        "0123456789abcdefABCDEF",
        "0123456789abcdefABCDEF.jpeg",
        "0123456789abcdefABCDEF.JPG",
        "0123456789abcdefABCDEF.jpg.txt",
        "0123456789abcdefABCDEF.jpg%0A",
        "0123456789abcdefABCDEF.jpg%00",
        "0123456789abcdefABCDE.jpg",
        "0123456789abcdefABCDE_.jpg",
        "٠123456789abcdefABCDEF.jpg",
        ".0123456789abcdefABCDEF.jpg.part",
        "%2e%2e%2fsecret.txt",
        "..%2fsecret.txt",
        "....%2f%2fsecret.txt",
        "%2e%2e",
        "a/b",
        "",
    ],
)
async def test_what_is_no_name_of_a_picture_is_not_found(server: TestServer, directory: Path, name: str) -> None:
    (directory.parent / "secret.txt").write_bytes(b"secret")
    (directory / f".{NAME}.part").write_bytes(b"secret")
    response = await get(server, name)
    assert refusal(response, 404) == "NOT_FOUND"


async def test_neither_a_link_nor_a_pipe_nor_a_directory_is_a_picture(server: TestServer, directory: Path) -> None:
    (directory.parent / "secret.txt").write_bytes(b"secret")
    names = [f"{number}123456789abcdefABCDEF.jpg" for number in range(1, 4)]
    (directory / names[0]).symlink_to(directory.parent / "secret.txt")
    os.mkfifo(directory / names[1])
    (directory / names[2]).mkdir()
    for name in names:
        async with asyncio.timeout(5):
            assert refusal(await get(server, name), 404) == "NOT_FOUND"


async def test_a_page_of_many_pictures_has_all_of_them(server: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    read = DirectoryStore._read

    def read_slowly(store: DirectoryStore, name: str) -> bytes | None:
        time.sleep(0.01)
        return read(store, name)

    monkeypatch.setattr(DirectoryStore, "_read", read_slowly)
    responses = await asyncio.gather(*[get(server) for _ in range(200)])
    assert {response.status_code for response in responses} == {200}


async def test_a_directory_that_cannot_be_read_is_a_503(server: TestServer, directory: Path) -> None:
    directory.rename(directory.parent / "elsewhere")  # noqa: ASYNC240
    directory.write_bytes(b"no directory")  # noqa: ASYNC240
    response = await get(server)
    assert refusal(response, 503) == "SERVICE_UNAVAILABLE"
    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_another_method_is_refused(server: TestServer, method: str) -> None:
    assert refusal(await get(server, method=method), 405) == "METHOD_NOT_ALLOWED"


async def test_a_store_elsewhere_gives_out_its_pictures_itself(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock, directory: Path
) -> None:
    keys = {"s3_access_key": "access", "s3_secret_key": "made up"}
    bucket = with_store(settings, directory, store="s3://bucket?endpoint=http://localhost:9&style=path", **keys)
    async with open_server(bucket, wechat_simulator, clock) as server:
        assert refusal(await get(server), 404) == "NOT_FOUND"


async def test_only_hosts_of_ours_have_pictures(
    settings: Settings, wechat_simulator: WeChatSimulator, clock: Clock
) -> None:
    ours = settings.model_copy(update={"http": HttpSettings(allowed_hosts=("server",))})
    async with open_server(ours, wechat_simulator, clock) as server:
        assert (await get(server)).status_code == 200
        assert refusal(await get(server, Host="elsewhere"), 400) == "BAD_REQUEST"


async def test_no_log_line_names_a_picture(server: TestServer, no_secret_is_logged: Listener) -> None:
    upload_id = await taken(await send(server, (await server.login("alice"))["token"]))
    await get(server, f"{upload_id}.jpg")
    lines = [line for line in no_secret_is_logged.lines if not line.startswith("httpx")]
    assert any("/avatars/{name}" in line for line in lines)
    assert any("/uploads/avatar" in line for line in lines)
    assert [line for line in lines if upload_id in line] == []
