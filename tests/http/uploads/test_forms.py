"""What is uploaded may be a form or bare bytes; what is neither, too large or no picture leaves nothing."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from graph.settings import Settings
from graph.simulator.serving import WeChatSimulator
from tests.http.answers import refusal
from tests.http.uploading import (
    BOUNDARY,
    END,
    MULTIPART,
    PATH,
    doomed,
    form,
    large_picture,
    names,
    part,
    picture,
    send,
    taken,
    unread,
    uploads,
    with_store,
)
from tests.pictures.files import plain
from tests.server import Clock, TestServer, open_server

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


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
