"""How much memory pictures take, the worst ones too, two at once."""

import json
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from PIL import Image

from graph.pictures.normalizer import MEMORY_BYTES
from tests.pictures.files import encoded, exif, plain, png, png_chunk, with_scans, with_segment

ROOT: Final = Path(__file__).parents[2]
MEBIBYTE: Final = 1024 * 1024

GROWTH: Final = MEMORY_BYTES + 96 * MEBIBYTE
"""Bytes by which the server may grow. Beside decoded pictures there are, for each of two at once: its upload of 10 MiB
at the most and what is written of it anew, strips that are converted, and what the allocator keeps of the thread's last
picture, up to 32 MiB.
"""

# Reads the files that are named, two at once, each twice; prints outcomes, and how much the process has grown.
MEASURE: Final = """
import asyncio, json, sys
from pathlib import Path
from graph.pictures.normalizer import Normalizer
from graph.pictures.errors import PictureUnusable

def peak():
    # Not by getrusage: it knows of the process that started this one.
    [line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024

async def outcome(normalizer, path):
    try:
        await normalizer.normalize(path.read_bytes())
    except PictureUnusable as error:
        return error.fault
    return "taken"

async def main(first, *paths):
    async with Normalizer(at_once=2) as normalizer:
        await outcome(normalizer, first)
        before = peak()
        outcomes = await asyncio.gather(*(outcome(normalizer, path) for path in paths * 2))
        print(json.dumps([sorted({*outcomes}), peak() - before]))

asyncio.run(main(*map(Path, sys.argv[1:])))
"""

LARGE: Final = (4000, 4000)


def colourful(mode: str) -> Image.Image:
    return Image.effect_noise((40, 40), 100).convert(mode).resize(LARGE, Image.Resampling.BICUBIC)


def still(**options: object) -> bytes:
    return plain("WEBP", LARGE, "RGBA", lossless=True, method=0, **options)


def deep() -> bytes:
    return png(*LARGE, 16, 6, bytes(LARGE[1] * (1 + 8 * LARGE[0])))


def deep_grey() -> bytes:
    return png(*LARGE, 16, 0, bytes(LARGE[1] * (1 + 2 * LARGE[0])), before=png_chunk(b"tRNS", b"\0\0"))


TAKEN: Final[dict[str, Callable[[], bytes]]] = {
    "webp": still,
    "webp with losses": lambda: encoded(colourful("RGBA"), "WEBP", method=0),
    "animated webp": lambda: plain(
        "WEBP",
        LARGE,
        "RGBA",
        save_all=True,
        append_images=[Image.new("RGBA", LARGE, "red")] * 3,
        lossless=True,
        method=0,
    ),
    "png": lambda: plain("PNG", LARGE, "RGBA"),
    "deep png": deep,
    "deep grey png": deep_grey,
    "progressive jpeg": lambda: encoded(colourful("RGB"), "JPEG", progressive=True, subsampling=0, exif=exif(6)),
    "progressive jpeg of four inks": lambda: encoded(colourful("CMYK"), "JPEG", progressive=True, quality=60),
}
REFUSED: Final[dict[str, Callable[[], bytes]]] = {
    "cut off webp": lambda: encoded(colourful("RGBA"), "WEBP", method=0)[:-1000],
    "cut off png": lambda: plain("PNG", LARGE, "RGBA")[:-1000],
    "cut off jpeg": lambda: encoded(colourful("CMYK"), "JPEG", progressive=True)[:-30_000],
    "scans": lambda: with_scans(plain("JPEG", LARGE, progressive=True), 90_000),
    "segments": lambda: with_segment(plain("JPEG", LARGE), 0xFE, b"", 1_000_000),
    "texts": lambda: png(
        *LARGE, 8, 9, b"", before=png_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(500 * MEBIBYTE), 9)) * 8
    ),
    "chunks": lambda: png(*LARGE, 8, 0, b"", before=png_chunk(b"IDAT", b"") * 400_000),
}


@pytest.mark.parametrize(("files", "outcome"), [(TAKEN, "taken"), (REFUSED, "content")], ids=["taken", "refused"])
def test_the_worst_pictures_stay_within_the_bound(
    tmp_path: Path,
    files: dict[str, Callable[[], bytes]],
    outcome: str,
    record_property: Callable[[str, object], None],
) -> None:
    (tmp_path / "small").write_bytes(plain("PNG"))
    for name, make in files.items():
        (tmp_path / "file").write_bytes(make())
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, tmp_path / "small", tmp_path / "file", tmp_path / "file"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        outcomes, grown = json.loads(done.stdout)
        assert (name, outcomes) == (name, [outcome])
        assert grown < GROWTH, name
        record_property(f"{name}, MiB", grown // MEBIBYTE)
