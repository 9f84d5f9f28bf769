"""PNG files, walked by their chunks (W3C PNG, third edition, section 5)."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Final

from graph.pictures.exif import orientation_of
from graph.pictures.scanned import Scanned, broken, require_size, scattered

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"

# Encoders write 4 to 64 KiB of an image a chunk.
_MOST_CHUNKS: Final = 10_000

# Of the others none is looked at: neither texts and profiles, which would have to be inflated, nor more frames.
_NEEDED: Final = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")
# Bytes that a decoded pixel takes, by the type of colour; with 16 bits a sample, grey takes two.
_PIXEL_BYTES: Final = {0: 1, 2: 4, 3: 1, 4: 4, 6: 4}
_GREY: Final = 0
_DEEP: Final = 16


def scan_png(data: bytes) -> Scanned:
    """Raises `PictureUnusable`."""
    found: dict[bytes, list[memoryview]] = {kind: [] for kind in _NEEDED}
    orientation, position = 1, len(SIGNATURE)
    view = memoryview(data)
    for _ in range(_MOST_CHUNKS):
        if position == len(data):
            break  # cut off, where the image may be whole
        if position + 12 > len(data):
            raise broken()
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data) or (position == len(SIGNATURE)) != (kind == b"IHDR"):
            raise broken()
        body = view[position + 8 : end]
        if kind == b"IEND":
            break
        if kind == b"eXIf":
            orientation = orientation_of(bytes(body))
        elif kind in found:
            if zlib.crc32(view[position + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
                raise broken()
            found[kind].append(body)
        position = end + 4
    else:
        raise scattered()
    width, height, depth, colours = _header(found[b"IHDR"])
    pixel_bytes = 2 if (colours, depth) == (_GREY, _DEEP) else _PIXEL_BYTES[colours]
    # A file has one palette and one key; of several the first counts.
    parts = [SIGNATURE, *_chunk(b"IHDR", found[b"IHDR"]), *_chunk(b"PLTE", found[b"PLTE"][:1])]
    parts += [*_chunk(b"tRNS", found[b"tRNS"][:1]), *_chunk(b"IDAT", found[b"IDAT"])]
    written = b"".join([*parts, struct.pack(">I", 0), b"IEND", struct.pack(">I", zlib.crc32(b"IEND"))])
    return Scanned("PNG", written, width, height, depth, orientation, width * height * pixel_bytes)


def _header(chunks: list[memoryview]) -> tuple[int, int, int, int]:
    """Width, height, bits a sample and type of colour."""
    if len(chunks) != 1 or len(chunks[0]) != 13:
        raise broken()
    width, height, depth, colours = struct.unpack_from(">IIBB", chunks[0])
    require_size(width, height)
    if colours not in _PIXEL_BYTES:
        raise broken()
    return width, height, depth, colours


def _chunk(kind: bytes, bodies: Sequence[memoryview]) -> Iterator[bytes | memoryview]:
    """One chunk of the content of several; nothing of none."""
    if bodies:
        yield struct.pack(">I", sum(map(len, bodies))) + kind
        yield from bodies
        yield struct.pack(">I", reduce(lambda crc, body: zlib.crc32(body, crc), bodies, zlib.crc32(kind)))
