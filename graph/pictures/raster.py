"""Redraws a picture: decoded, upright, square, small, and without anything that its file held beside it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NormalPicture:
    """A JPEG of ours, in RGB and without metadata; its sides are equal, and at most 640."""

    jpeg: bytes = field(repr=False)
    width: int
    height: int


def redraw(data: bytes) -> NormalPicture:
    """The picture in an upload. Raises `PictureUnusable`."""
    raise NotImplementedError
