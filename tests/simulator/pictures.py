"""A server that has pictures, and pictures for it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from graph.simulator.serving import listening


def encoded(colour: str | tuple[int, int, int], style: str = "JPEG", size: int = 64) -> bytes:
    file = BytesIO()
    Image.new("RGB", (size, size), colour).save(file, style)
    return file.getvalue()


def as_a_server_keeps_it(picture: bytes) -> bytes:
    """The picture as a JPEG of another size."""
    file = BytesIO()
    with Image.open(BytesIO(picture)) as opened:
        opened.convert("RGB").resize((640, 640)).save(file, "JPEG", quality=80)
    return file.getvalue()


@dataclass
class Pictures:
    """Each of `files` at its path; what streams has no end, and what hangs does not come."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        name = request.path_params["name"]
        self.asked.append(name)
        if name == "endless":
            return StreamingResponse(_endless())
        if name == "hangs":
            await request.receive()
        if name == "moved":
            return RedirectResponse("red")
        return Response(self.files.get(name, self.files["red"]), 200 if name in self.files else 404)


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 65536
        await asyncio.sleep(0)


@contextmanager
def offering() -> Iterator[Pictures]:
    red = encoded("red")
    files = {
        "red": red,
        "yellow": encoded("yellow"),
        "blue": encoded("blue"),
        "nearly-red": encoded((235, 30, 40)),
        "orange": encoded((255, 140, 0)),
        "red-png": encoded("red", "PNG"),
        "red-webp": encoded("red", "WEBP"),
        "page": b"<html>",
        "cut": encoded("red", size=640)[:700],
        "nothing": b"",
        "large": red.ljust(10 * 1024 * 1024),
        "too-large": red.ljust(10 * 1024 * 1024 + 1),
    }
    pictures = Pictures(files=files)
    with listening(Starlette(routes=[Route("/{name}", pictures.__call__)])) as base_url:
        pictures.url = base_url
        yield pictures
