"""WebP files, walked by their chunks (RFC 9649)."""

import struct
from collections.abc import Iterator
from typing import Final

from graph.pictures.exif import orientation_of
from graph.pictures.scanned import Scanned, broken, require_size, scattered

SIGNATURE: Final = b"RIFF"
KIND: Final = b"WEBP"

# An animation has one for each frame.
_MOST_CHUNKS: Final = 5000

_IMAGES: Final = {b"VP8 ", b"VP8L"}
# Of the flags of an extended file: there is an alpha channel, there is an animation.
_KEPT_FLAGS: Final = 0x12
_FRAME_HEADER: Final = 16
_LOSSY_START: Final = b"\x9d\x01\x2a"
_LOSSLESS_START: Final = b"\x2f"
_DEPTH: Final = 8
# Two canvases of the decoder's, one that it gives away, and Pillow's.
_PIXEL_BYTES: Final = 16


def scan_webp(data: bytes) -> Scanned:
    """Of an animation, the first frame is kept. Raises `PictureUnusable`."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise broken()
    found: dict[bytes, bytes] = {}
    for kind, body in _chunks(data, len(SIGNATURE) + 8, end):
        found.setdefault(kind, body)
    if b"VP8X" not in found:
        image = _image(found)
        width, height = _size(image, found[image])
        require_size(width, height)
        written = _chunk(image, found[image])
    else:
        width, height, written = _extended(found)
    orientation = orientation_of(found.get(b"EXIF", b""))
    file = _chunk(SIGNATURE, KIND + written)
    return Scanned("WEBP", file, width, height, _DEPTH, orientation, width * height * _PIXEL_BYTES)


def _extended(found: dict[bytes, bytes]) -> tuple[int, int, bytes]:
    """Width and height of the canvas, and the chunks that are needed."""
    header = found[b"VP8X"]
    if len(header) < 10:
        raise broken()
    width, height = _number(header, 4) + 1, _number(header, 7) + 1
    require_size(width, height)
    written = _chunk(b"VP8X", bytes([header[0] & _KEPT_FLAGS]) + header[1:10])
    frame = found.get(b"ANMF")
    if frame is None:
        return width, height, written + _frame(found, width, height)
    if len(frame) < _FRAME_HEADER or b"ANIM" not in found:
        raise broken()
    left, top = 2 * _number(frame, 0), 2 * _number(frame, 3)
    frame_width, frame_height = _number(frame, 6) + 1, _number(frame, 9) + 1
    if left + frame_width > width or top + frame_height > height:
        raise broken()
    inside: dict[bytes, bytes] = {}
    for kind, body in _chunks(frame, _FRAME_HEADER, len(frame)):
        inside.setdefault(kind, body)
    first = frame[:_FRAME_HEADER] + _frame(inside, frame_width, frame_height)
    return width, height, written + _chunk(b"ANIM", found[b"ANIM"]) + _chunk(b"ANMF", first)


def _frame(found: dict[bytes, bytes], width: int, height: int) -> bytes:
    """The chunks of an image, which must have this size: the decoder would make room for another."""
    image = _image(found)
    if _size(image, found[image]) != (width, height):
        raise broken()
    alpha = _chunk(b"ALPH", found[b"ALPH"]) if b"ALPH" in found and image == b"VP8 " else b""
    return alpha + _chunk(image, found[image])


def _image(found: dict[bytes, bytes]) -> bytes:
    for kind in found:
        if kind in _IMAGES:
            return kind
    raise broken()


def _size(kind: bytes, image: bytes) -> tuple[int, int]:
    """Width and height, as the image itself has them."""
    if kind == b"VP8 " and image[3:6] == _LOSSY_START and len(image) >= 10:
        width, height = struct.unpack_from("<HH", image, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and image[:1] == _LOSSLESS_START and len(image) >= 5:
        bits = int.from_bytes(image[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise broken()


def _chunks(data: bytes, position: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    for _ in range(_MOST_CHUNKS):
        if position >= end:
            return
        kind, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        if position + 8 + size > end:
            raise broken()
        yield kind, data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2
    raise scattered()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return b"".join([kind, struct.pack("<I", len(body)), body, bytes(len(body) % 2)])


def _number(data: bytes, position: int) -> int:
    return int.from_bytes(data[position : position + 3], "little")
