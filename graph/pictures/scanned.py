"""What is known of a picture's file before it is decoded, and which pictures are taken."""

from dataclasses import dataclass, field
from typing import Final, Literal

from graph.pictures.errors import PictureUnusable

PictureFormat = Literal["JPEG", "PNG", "WEBP"]

# Pixels. What WeChat hands to a mini-program as a portrait is far smaller; photographs of most telephones fit.
LEAST_SIDE: Final = 64
MOST_SIDE: Final = 4096
MOST_PIXELS: Final = 16_000_000


@dataclass(frozen=True, slots=True)
class Scanned:
    """A file for the decoder, made anew of those parts of an upload that an image needs.

    `depth` is its bits a sample, `orientation` as in `orientation_of`, and `memory` the bytes that decoding it takes.
    """

    format: PictureFormat
    data: bytes = field(repr=False)
    width: int
    height: int
    depth: int
    orientation: int
    memory: int


def require_size(width: int, height: int) -> None:
    """Raises `PictureUnusable` for a picture that is too small or too large."""
    if min(width, height) < LEAST_SIDE or max(width, height) > MOST_SIDE or width * height > MOST_PIXELS:
        raise _unfit()


def broken() -> PictureUnusable:
    return PictureUnusable("content", "cannot be read")


def scattered() -> PictureUnusable:
    """For a file of so many parts that no program writes it: to read it would cost more than its size suggests."""
    return PictureUnusable("content", "is made of too many parts")


def strange() -> PictureUnusable:
    return PictureUnusable("kind", "must be a JPEG, PNG or WebP file")


def _unfit() -> PictureUnusable:
    reason = f"must have sides of {LEAST_SIDE} to {MOST_SIDE} pixels, and at most {MOST_PIXELS} of them"
    return PictureUnusable("size", reason)
