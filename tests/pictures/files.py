"""Files of pictures, as cameras and attackers make them."""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

from PIL import Image

RED: Final = (200, 30, 30)
BLUE: Final = (30, 30, 200)
PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """A file of an image."""
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(kind: str, size: tuple[int, int] = (100, 100), mode: str = "RGB", **options: Any) -> bytes:
    """A file of one colour."""
    return encoded(Image.new(mode, size, RED if mode == "RGB" else None), kind, **options)


def marked(size: tuple[int, int] = (200, 200)) -> Image.Image:
    """Blue, with a red quarter at its top and left: whichever way it is turned, one sees it."""
    image = Image.new("RGB", size, BLUE)
    image.paste(RED, (0, 0, size[0] // 2, size[1] // 2))
    return image


def decoded(jpeg: bytes) -> Image.Image:
    """The image of a file that the server made."""
    image = Image.open(BytesIO(jpeg), formats=["JPEG"])
    image.load()
    return image


def is_like(pixel: object, colour: tuple[int, int, int]) -> bool:
    """Within what JPEG makes of a colour."""
    return isinstance(pixel, tuple) and all(abs(have - want) <= 12 for have, want in zip(pixel, colour, strict=True))


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int, height: int, depth: int, colours: int, rows: bytes, *, before: bytes = b"", after: bytes = b""
) -> bytes:
    """A PNG of these rows, each with its filter; `before` and `after` the image stand other chunks."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0))
    image = png_chunk(b"IDAT", zlib.compress(rows, 1))
    return PNG_SIGNATURE + header + before + image + after + png_chunk(b"IEND", b"")


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body."""
    position = len(PNG_SIGNATURE)
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        yield data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        position += 12 + length


def with_segment(jpeg: bytes, marker: int, body: bytes, times: int = 1) -> bytes:
    """A JPEG with more segments at its start."""
    segment = bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body
    return jpeg[:2] + segment * times + jpeg[2:]


def with_scans(progressive: bytes, times: int) -> bytes:
    """A progressive JPEG whose last scan is there so many times more."""
    start = progressive.rindex(b"\xff\xda")
    return progressive[:-2] + progressive[start:-2] * times + progressive[-2:]


def exif(orientation: int, *, order: str = ">") -> bytes:
    """With a place: 31.2304 N."""
    mark = b"MM\0*" if order == ">" else b"II*\0"
    entry = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    gps = struct.pack(f"{order}HHII", 0x8825, 4, 1, 38)
    place = struct.pack(f"{order}HHHI", 1, 1, 2, 2) + b"N\0\0\0" + bytes(4)
    directory = struct.pack(f"{order}H", 2) + entry + gps + bytes(4)
    return b"Exif\0\0" + mark + struct.pack(f"{order}I", 8) + directory + place


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP file of these chunks."""
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2) for kind, body in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def riff_chunks(data: bytes, position: int = 12) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body."""
    while position < len(data):
        (size,) = struct.unpack_from("<I", data, position + 4)
        yield data[position : position + 4], data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2
