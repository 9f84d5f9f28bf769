"""Uploads, as mini-programs and browsers send them."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from PIL import Image

from graph.settings import AvatarsSettings, CheckSettings, Settings
from tests.accounts.stored import run_sql
from tests.pictures.files import encoded, marked
from tests.server import TestServer

PATH: Final = "/uploads/avatar"
PUBLIC_URL: Final = "https://api.example.com/avatars"
BOUNDARY: Final = "------WebKitFormBoundaryy7PPK2T0g"
MULTIPART: Final = f"multipart/form-data; boundary={BOUNDARY}"
PATIENCE: Final = 20


@cache
def picture(kind: str = "JPEG") -> bytes:
    """A picture that no test of this suite finds fault with."""
    return encoded(marked((300, 200)), kind)


@cache
def large_picture() -> bytes:
    """One of more than 1 MiB."""
    data = encoded(Image.effect_noise((1100, 1100), 100).convert("RGB"), "PNG")
    assert 1_100_000 < len(data) < 5_000_000
    return data


def with_store(settings: Settings, directory: Path, **avatars: Any) -> Settings:
    """The same server, which keeps pictures in a directory, and has WeChat check none."""
    values = {"store": f"file://{directory}", "public_url": PUBLIC_URL, **avatars}
    return settings.model_copy(update={"avatars": AvatarsSettings(**values), "check": CheckSettings(picture="off")})


def part(name: str, data: bytes, *, filename: str | None = None) -> bytes:
    """One part of a form."""
    named = f'name="{name}"' + (f'; filename="{filename}"\r\nContent-Type: image/jpeg' if filename else "")
    return f"--{BOUNDARY}\r\nContent-Disposition: form-data; {named}\r\n\r\n".encode() + data + b"\r\n"


END: Final = f"--{BOUNDARY}--\r\n".encode()


def form(data: bytes | None = None) -> bytes:
    """A form with one file, as wx.uploadFile sends it."""
    return part("file", picture() if data is None else data, filename="tmp_1.jpg") + END


def headers(token: str | None, content_type: str | None = MULTIPART, **more: str) -> dict[str, str]:
    """What a client sends in front of the body."""
    named = {} if content_type is None else {"Content-Type": content_type}
    return named | ({} if token is None else {"Authorization": f"Bearer {token}"}) | more


async def send(
    server: TestServer,
    token: str | None,
    body: bytes | AsyncIterator[bytes] | None = None,
    content_type: str | None = MULTIPART,
    **more: str,
) -> httpx.Response:
    """What an upload is answered; by default one that nothing is wrong with. `more` are other headers."""
    content = form() if body is None else body
    return await server.http.post(PATH, content=content, headers=headers(token, content_type, **more))


async def taken(response: httpx.Response) -> str:
    """The id of an upload that was taken."""
    assert response.status_code == 201, response.text
    answer = response.json()
    assert answer.keys() == {"avatar", "width", "height", "expiresAt"}
    assert re.fullmatch("[0-9A-Za-z]{22}", answer["avatar"])
    return str(answer["avatar"])


def names(directory: Path) -> list[str]:
    """The files of the store."""
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


async def unread() -> AsyncIterator[bytes]:
    """A body that a server must not ask for."""
    pytest.fail("the body was read")
    yield b""


async def uploads(settings: Settings) -> list[dict[str, Any]]:
    """The rows of uploads that wait for `updateProfile`."""
    return await run_sql(settings, "SELECT * FROM uploads ORDER BY expires_at, id")


async def doomed(settings: Settings) -> list[dict[str, Any]]:
    """The files that will be deleted."""
    return await run_sql(settings, "SELECT * FROM files_to_delete ORDER BY name")


@dataclass
class SlowBody:
    """A form whose rest is sent when the test lets it go on; `begun` is whether the server has read of it."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    before_end: Callable[[], Any] | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        """The form."""
        body = form()
        yield body[:100]
        self.begun.set()
        await self.go_on.wait()
        if self.before_end is not None:
            await self.before_end()
        yield body[100:]

    async def is_read(self) -> None:
        """Returns when the server reads it."""
        async with asyncio.timeout(PATIENCE):
            await self.begun.wait()
