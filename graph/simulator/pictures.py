"""How WeChat checks a picture: it downloads it, and judges what it sees."""

import asyncio
import base64
import importlib
import logging
from dataclasses import KW_ONLY, dataclass, field
from types import ModuleType
from typing import Final, Literal

import httpx

Suggestion = Literal["pass", "review", "risky"]

_log = logging.getLogger(__name__)

# Of the event; the words of the second one are not recorded.
DOWNLOADED: Final = 0
UNDOWNLOADABLE: Final = -1008
DOWNLOAD_SECONDS: Final = 20.0
MAX_BYTES: Final = 10 * 1024 * 1024
# Of a picture that is checked at once; in pixels.
MAX_BYTES_AT_ONCE: Final = 1024 * 1024
MAX_WIDTH, MAX_HEIGHT = 750, 1334
# What WeChat labels each suggestion with, of the many labels that it has.
LABELS: Final[dict[Suggestion, int]] = {"pass": 100, "review": 21000, "risky": 20002}
# A transparent pixel: what is shown where Pillow is not installed, which spoils nothing but the view.
BLANK: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVR42mNgAAIAAAUAAen63NgAAAAASUVORK5CYII="
)
# How much of a colour the centre of a JPEG must have, or lack: no encoder keeps a colour quite pure.
_MUCH, _LITTLE = 225, 50


@dataclass(frozen=True, slots=True)
class PictureVerdict:
    """What the event reports: a suggestion and its label, or an errcode beside which neither is valid."""

    suggest: Suggestion | None
    label: int | None
    errcode: int = DOWNLOADED


@dataclass(eq=False, slots=True)
class PictureCheck:
    """One that was asked for, by the name of its user. It has no verdict before its event is sent."""

    trace_id: str
    user: str
    url: str = field(repr=False)
    _: KW_ONLY
    verdict: PictureVerdict | None = None
    task: "asyncio.Task[None] | None" = None


def suggested(suggest: Suggestion) -> PictureVerdict:
    return PictureVerdict(suggest, LABELS[suggest])


def failed(errcode: int) -> PictureVerdict:
    return PictureVerdict(None, None, errcode)


async def judged(url: str) -> PictureVerdict:
    """What WeChat finds at the address. Whatever goes wrong is, to it, a picture that cannot be downloaded."""
    try:
        async with asyncio.timeout(DOWNLOAD_SECONDS):
            data = await _downloaded(url)
        # In a thread, for a large picture takes long to decode.
        return failed(UNDOWNLOADABLE) if data is None else suggested(await asyncio.to_thread(judge, data))
    except Exception as error:
        # Not its text, which may hold the address.
        _log.warning("could not judge a picture", extra={"reason": type(error).__name__})
        return failed(UNDOWNLOADABLE)


def judge(data: bytes) -> Suggestion:
    """By the centre of a JPEG: red is risky, yellow is for review. All else passes, and without Pillow everything.

    Raises various exceptions for what WeChat does not take for a picture.
    """
    images = load_images()
    centre = None if images is None else images.centre_of_jpeg(data)
    if centre is None:
        return "pass"
    red, green, blue = centre
    if red < _MUCH or blue > _LITTLE:
        return "pass"
    return "risky" if green <= _LITTLE else "review" if green >= _MUCH else "pass"


def fits(data: bytes) -> bool:
    """Whether it is as small as what is checked at once must be: without Pillow, in bytes. Raises as `judge`."""
    if len(data) > MAX_BYTES_AT_ONCE:
        return False
    images = load_images()
    width, height = (0, 0) if images is None else images.size_of(data)
    return bool(width <= MAX_WIDTH and height <= MAX_HEIGHT)


def load_images() -> ModuleType | None:
    """`graph.simulator.images`, or None without Pillow."""
    try:
        return importlib.import_module("graph.simulator.images")
    except ImportError:
        return None


async def _downloaded(url: str) -> bytes | None:
    """None where the response is not 200, or too large. Raises `httpx.HTTPError`. No redirect is followed."""
    # A proxy of the environment is not the way to a server under test. The time is bounded as a whole.
    async with (
        httpx.AsyncClient(trust_env=False, timeout=None) as client,  # noqa: S113
        client.stream("GET", url, headers={"accept-encoding": "identity"}) as response,
    ):
        data = bytearray()
        # Not unpacked, which would make many bytes of few.
        async for part in response.aiter_raw():
            data += part
            if len(data) > MAX_BYTES:
                return None
        return bytes(data) if response.status_code == httpx.codes.OK else None
