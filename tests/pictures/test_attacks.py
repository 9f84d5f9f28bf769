"""Files that are made to harm a server that opens them: refused, or read without what would harm."""

import struct
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from typing import Final

import pytest
from PIL import Image

from graph.pictures import load_normalizer
from graph.pictures.errors import PictureFault, PictureUnusable
from graph.pictures.normalizer import Normalizer
from graph.pictures.scan import scan
from tests.pictures.files import (
    PNG_SIGNATURE,
    RED,
    decoded,
    encoded,
    exif,
    is_like,
    marked,
    plain,
    png,
    png_chunk,
    png_chunks,
    riff,
    riff_chunks,
    with_scans,
    with_segment,
)

ROWS: Final = (b"\0" + bytes(RED) * 100) * 100


@pytest.fixture
async def normalizer() -> AsyncIterator[Normalizer]:
    async with load_normalizer() as opened:
        yield opened


async def fault(normalizer: Normalizer, file: bytes) -> PictureFault:
    with pytest.raises(PictureUnusable) as raised:
        await normalizer.normalize(file)
    return raised.value.fault


async def is_red(normalizer: Normalizer, file: bytes) -> bool:
    return is_like(decoded((await normalizer.normalize(file)).jpeg).getpixel((20, 20)), RED)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"\xff\xd8",
        b"%PDF-1.7",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='100' height='100'/>",
        b"<!doctype html><script>alert(1)</script>",
        b"PK\x03\x04" + bytes(100),
        b"BM" + bytes(100),
        b"GIF89a" + bytes(100),
        b"RIFF\x24\0\0\0WAVEfmt " + bytes(100),
        b"\0\0\0\x1cftypheic" + bytes(100),
        b"II*\0" + bytes(100),
        b"GIF89a" + plain("JPEG"),
        b" " + plain("PNG"),
    ],
    ids=lambda file: repr(file[:12]),
)
async def test_what_is_no_picture_of_ours_is_refused(normalizer: Normalizer, file: bytes) -> None:
    assert await fault(normalizer, file) == "kind"


@pytest.mark.parametrize("size", [(1, 1), (63, 100), (100, 63), (4097, 64), (64, 4097), (4096, 4096), (4001, 4000)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_a_picture_of_another_size_is_refused(normalizer: Normalizer, kind: str, size: tuple[int, int]) -> None:
    assert await fault(normalizer, plain(kind, size)) == "size"


async def test_a_huge_header_is_refused_before_room_is_made(normalizer: Normalizer) -> None:
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 6, 0, 0, 0)
    file = PNG_SIGNATURE + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")
    tracemalloc.start()
    try:
        assert await fault(normalizer, file) == "size"
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_a_picture_that_was_cut_off_is_refused(normalizer: Normalizer, kind: str) -> None:
    file = encoded(Image.effect_noise((300, 300), 100).convert("RGB"), kind, quality=90)
    for length in (*range(12, 60, 5), *range(60, len(file) - 600, len(file) // 20)):
        await fault(normalizer, file[:length])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_changed_bytes_end_in_a_picture_or_a_refusal(normalizer: Normalizer, kind: str) -> None:
    file = encoded(marked((128, 128)), kind, exif=exif(6))
    for position in range(0, len(file), max(1, len(file) // 150)):
        changed = bytearray(file)
        changed[position] ^= 0xFF
        try:
            normal = await normalizer.normalize(bytes(changed))
        except PictureUnusable:
            continue
        assert decoded(normal.jpeg).size == (normal.width, normal.height)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_what_is_appended_is_gone(normalizer: Normalizer, kind: str) -> None:
    for appended in (b"PK\x05\x06" + bytes(18), b"<script>alert(1)</script>", plain("PNG")):
        normal = await normalizer.normalize(plain(kind) + appended)
        assert normal.jpeg == (await normalizer.normalize(plain(kind))).jpeg


async def test_a_jpeg_of_thousands_of_scans_is_refused(normalizer: Normalizer) -> None:
    progressive = plain("JPEG", progressive=True)
    scans = progressive.count(b"\xff\xda")
    assert await is_red(normalizer, with_scans(progressive, 100 - scans))
    assert await fault(normalizer, with_scans(progressive, 101 - scans)) == "content"
    started = time.thread_time()
    large = plain("JPEG", (4000, 4000), progressive=True)
    assert await fault(normalizer, with_scans(large, 26 - large.count(b"\xff\xda"))) == "content"
    assert await fault(normalizer, with_scans(plain("JPEG", (4000, 4000), progressive=True), 50_000)) == "content"
    assert time.thread_time() - started < 5


async def test_a_jpeg_of_thousands_of_segments_is_refused(normalizer: Normalizer) -> None:
    assert await is_red(normalizer, with_segment(plain("JPEG"), 0xFE, b"", 1000))
    assert await fault(normalizer, with_segment(plain("JPEG"), 0xFE, b"", 5000)) == "content"


async def test_what_scans_make_a_decoder_keep_is_known_before() -> None:
    once = scan(plain("JPEG", (1600, 1600), subsampling=0)).memory
    # Two bytes for each of three components.
    assert scan(plain("JPEG", (1600, 1600), subsampling=0, progressive=True)).memory == once + 1600 * 1600 * 3 * 2
    apart = plain("JPEG", (1600, 1600), subsampling=0).replace(b"\xff\xda\0\x0c\3\1", b"\xff\xda\0\x0c\1\1")
    assert scan(apart).memory == once + 1600 * 1600 * 3 * 2


async def test_a_marker_is_found_wherever_it_stands() -> None:
    start, end = plain("JPEG")[:-2], plain("JPEG")[-2:]
    for length in range(65_000, 66_000):
        file = start + bytes(length) + end
        assert scan(file + b"more").data == file


@pytest.mark.parametrize("frame", [0xC3, 0xC5, 0xC9, 0xCA, 0xCF])
async def test_a_jpeg_that_no_browser_shows_is_refused(normalizer: Normalizer, frame: int) -> None:
    assert await fault(normalizer, plain("JPEG").replace(b"\xff\xc0", bytes([0xFF, frame]))) == "kind"


async def test_a_jpeg_has_one_frame_of_one_size(normalizer: Normalizer) -> None:
    file = plain("JPEG")
    start = file.index(b"\xff\xc0")
    frame = file[start : start + 19]
    large = frame[:5] + struct.pack(">HH", 60_000, 60_000) + frame[9:]
    assert await fault(normalizer, file.replace(frame, frame + frame)) == "content"
    assert await fault(normalizer, file.replace(frame, frame + large)) == "content"
    assert await fault(normalizer, file.replace(frame, large)) == "size"
    assert await fault(normalizer, file.replace(frame, frame[:4] + b"\x0c" + frame[5:])) == "content"
    assert await fault(normalizer, file.replace(frame, frame[:11] + b"\0" + frame[12:])) == "content"
    grey = plain("JPEG", mode="L")
    assert await fault(normalizer, grey.replace(b"\x01\x01\x11\0\xff", b"\x01\x01\0\0\xff")) == "content"
    assert await fault(normalizer, file.replace(frame, b"")) == "content"


async def test_a_decoder_of_jpeg_sees_nothing_but_the_image() -> None:
    file = plain("JPEG", exif=exif(1), icc_profile=bytes(70_000), comment=b"hello", xmp=b"<x/>")
    for marker, body in (
        (0xE0, b"JFXX\0\x10" + plain("JPEG")),
        (0xE2, b"MPF\0" + bytes(40)),
        (0xED, b"Photoshop 3.0\0"),
    ):
        file = with_segment(file, marker, body)
    assert scan(file + b"more").data == plain("JPEG")


@pytest.mark.parametrize("kind", [b"iTXt", b"zTXt", b"iCCP", b"tEXt"])
async def test_a_text_or_profile_that_would_fill_memory_is_dropped(normalizer: Normalizer, kind: bytes) -> None:
    packed = zlib.compress(bytes(60_000_000), 9)
    start = {b"iTXt": b"k\0\1\0\0\0", b"zTXt": b"k\0\0", b"iCCP": b"k\0\0", b"tEXt": b"k\0"}[kind]
    chunk = png_chunk(kind, start + packed)
    tracemalloc.start()
    try:
        assert await is_red(normalizer, png(100, 100, 8, 2, ROWS, before=chunk * 8, after=chunk * 8))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


async def test_a_decoder_of_png_sees_nothing_but_the_image() -> None:
    other = b"".join(
        png_chunk(kind, bytes(8)) for kind in (b"acTL", b"tEXt", b"iCCP", b"gAMA", b"pHYs", b"eXIf", b"xxXx")
    )
    scanned = scan(png(100, 100, 8, 2, ROWS, before=other, after=other))
    assert [kind for kind, _ in png_chunks(scanned.data)] == [b"IHDR", b"IDAT", b"IEND"]


async def test_a_png_of_thousands_of_chunks_is_refused(normalizer: Normalizer) -> None:
    empty = png_chunk(b"IDAT", b"")
    assert await is_red(normalizer, png(100, 100, 8, 2, ROWS, after=empty * 9000))
    assert await fault(normalizer, png(100, 100, 8, 2, ROWS, after=empty * 10_000)) == "content"
    assert await fault(normalizer, png(100, 100, 8, 2, ROWS, before=png_chunk(b"tEXt", b"") * 10_000)) == "content"


async def test_image_data_that_inflate_beyond_the_image_are_not_kept(normalizer: Normalizer) -> None:
    bomb = png(100, 100, 8, 2, ROWS + bytes(300_000_000))
    tracemalloc.start()
    try:
        assert await is_red(normalizer, bomb)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


async def test_a_png_must_be_whole_and_in_order(normalizer: Normalizer) -> None:
    file = png(100, 100, 8, 2, ROWS)
    header, image, end = (png_chunk(kind, body) for kind, body in png_chunks(file))
    assert await is_red(normalizer, PNG_SIGNATURE + header + image)
    for parts in (
        [image, header, end],
        [],
        [header, header, image, end],
        [header, end],
        [header, image[:-1] + b"\0", end],
        [header[:-1] + b"\0", image, end],
        [png_chunk(b"IHDR", bytes(12)), image, end],
        [header, b"\xff\xff\xff\xffIDAT", image, end],
        [header, image, end[:6]],
        [png_chunk(b"IHDR", struct.pack(">IIBBBBB", 100, 100, 8, 5, 0, 0, 0)), image, end],
        [png_chunk(b"IHDR", struct.pack(">IIBBBBB", 100, 100, 3, 2, 0, 0, 0)), image, end],
        [header, png_chunk(b"tRNS", b"\0"), image, end],
    ):
        assert await fault(normalizer, PNG_SIGNATURE + b"".join(parts)) == "content"


def animation(kind: str, frames: int) -> bytes:
    images = [Image.new("RGB", (100, 100), (number % 250, 9, 255)) for number in range(frames - 1)]
    first = Image.new("RGB", (100, 100), RED)
    return encoded(first, kind, save_all=True, append_images=images, lossless=True, method=0)


async def test_an_animated_webp_is_one_frame_to_the_decoder(normalizer: Normalizer) -> None:
    file = animation("WEBP", 40)
    chunks = [*riff_chunks(scan(file).data)]
    assert [kind for kind, _ in chunks] == [b"VP8X", b"ANIM", b"ANMF"]
    (frame,) = [body for kind, body in riff_chunks(file) if kind == b"ANMF"][:1]
    header, loop = (body for kind, body in riff_chunks(file) if kind in {b"VP8X", b"ANIM"})
    many = [(b"VP8X", header), (b"ANIM", loop), *[(b"ANMF", frame)] * 4000]
    assert await is_red(normalizer, riff(*many))
    assert await fault(normalizer, riff(*many, *[(b"ANMF", frame)] * 1000)) == "content"
    assert await fault(normalizer, riff((b"VP8X", header), (b"ANMF", frame))) == "content"
    inside = frame + struct.pack("<4sI", b"xxxx", 0) * 6000
    assert await is_red(normalizer, riff((b"VP8X", header), (b"ANIM", loop), (b"ANMF", frame)))
    assert await fault(normalizer, riff((b"VP8X", header), (b"ANIM", loop), (b"ANMF", inside))) == "content"


async def test_a_webp_image_has_the_size_of_its_canvas(normalizer: Normalizer) -> None:
    canvas = bytes(4) + (99).to_bytes(3, "little") * 2
    for lossless in (False, True):
        (kind, small), *_ = riff_chunks(plain("WEBP", (100, 100), lossless=lossless))
        (_, large), *_ = riff_chunks(plain("WEBP", (5000, 5000), lossless=lossless))
        assert await is_red(normalizer, riff((b"VP8X", canvas), (kind, small)))
        # Before a decoder makes room for it.
        for file in (riff((b"VP8X", canvas), (kind, large)), riff((kind, small))[:-1]):
            with pytest.raises(PictureUnusable):
                scan(file)
        assert await fault(normalizer, riff((kind, large))) == "size"
        assert await fault(normalizer, riff((b"VP8X", bytes(4) + b"\xff" * 6), (kind, small))) == "size"
        place = bytes(6) + (99).to_bytes(3, "little") * 2 + bytes(4)
        image = b"".join([kind, struct.pack("<I", len(large)), large])
        animated = [(b"VP8X", b"\x02" + canvas[1:]), (b"ANIM", bytes(6))]
        moved = b"\x01" + place[1:] + b"".join([kind, struct.pack("<I", len(small)), small])
        for frame in (place + image, moved):
            with pytest.raises(PictureUnusable):
                scan(riff(*animated, (b"ANMF", frame)))


@pytest.mark.parametrize("chunks", [[], [(b"VP8X", b"")], [(b"VP8 ", b"")], [(b"VP8L", b"/")], [(b"ALPH", b"x")]])
async def test_a_webp_without_an_image_is_refused(normalizer: Normalizer, chunks: list[tuple[bytes, bytes]]) -> None:
    assert await fault(normalizer, riff(*chunks)) == "content"


async def test_what_pillow_would_warn_of_is_not_given_to_it(normalizer: Normalizer) -> None:
    # Warnings are errors here: one would refuse the picture.
    assert await is_red(normalizer, with_segment(plain("JPEG"), 0xE1, b"Exif\0\0MM\0*" + b"\xff" * 30))
    assert await is_red(normalizer, animation("PNG", 3))
