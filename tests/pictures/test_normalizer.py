"""What becomes of the pictures that clients upload: one kind of file, whatever they come as."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import pytest
from PIL import Image, ImageCms

from graph.pictures import load_normalizer
from graph.pictures.errors import PicturesBusy, PictureUnusable
from graph.pictures.normalizer import Normalizer
from tests.pictures.files import (
    BLUE,
    RED,
    decoded,
    encoded,
    exif,
    is_like,
    marked,
    plain,
    png,
    png_chunk,
    with_segment,
)

WHITE: Final = (255, 255, 255)
BLACK: Final = (0, 0, 0)


@pytest.fixture
async def normalizer() -> AsyncIterator[Normalizer]:
    async with Normalizer(at_once=2) as opened:
        yield opened


@pytest.mark.parametrize(
    ("size", "side"), [((64, 64), 64), ((4000, 4000), 640), ((4096, 64), 64), ((641, 1280), 640), ((700, 333), 333)]
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_a_picture_becomes_a_square_jpeg(
    normalizer: Normalizer, kind: str, size: tuple[int, int], side: int
) -> None:
    normal = await normalizer.normalize(plain(kind, size))
    image = decoded(normal.jpeg)
    assert (normal.width, normal.height) == image.size == (side, side)
    assert (image.mode, is_like(image.getpixel((side // 2, 1)), RED)) == ("RGB", True)


async def test_a_square_in_the_middle_is_kept(normalizer: Normalizer) -> None:
    image = Image.new("RGB", (900, 300), BLUE)
    image.paste(RED, (300, 0, 600, 300))
    for turned in (image, image.transpose(Image.Transpose.ROTATE_90)):
        square = decoded((await normalizer.normalize(encoded(turned, "PNG"))).jpeg)
        assert all(is_like(square.getpixel(corner), RED) for corner in [(2, 2), (297, 2), (2, 297), (297, 297)])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_a_large_picture_is_whole(normalizer: Normalizer, kind: str) -> None:
    square = decoded((await normalizer.normalize(encoded(marked((4000, 4000)), kind, method=0))).jpeg)
    for x, y, colour in ((315, 315, RED), (5, 315, RED), (325, 315, BLUE), (315, 325, BLUE), (635, 635, BLUE)):
        assert is_like(square.getpixel((x, y)), colour)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_a_picture_comes_out_upright(normalizer: Normalizer, kind: str, orientation: int, order: str) -> None:
    # What a camera stores that was held so: turned back, it is the picture.
    turns: dict[int, Callable[[Image.Image], Image.Image]] = {
        1: lambda image: image,
        2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda image: image.rotate(180),
        4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
        6: lambda image: image.rotate(90),
        7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
        8: lambda image: image.rotate(-90),
    }
    stored = turns[orientation](marked())
    normal = await normalizer.normalize(encoded(stored, kind, exif=exif(orientation, order=order)))
    image = decoded(normal.jpeg)
    corners = [image.getpixel(corner) for corner in [(50, 50), (150, 50), (50, 150), (150, 150)]]
    assert [is_like(pixel, RED) for pixel in corners] == [True, False, False, False]


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        exif(0),
        exif(9),
        exif(6)[:20],
        exif(6).replace(b"MM", b"XX"),
        b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 0xFFFF),
    ],
)
async def test_exif_that_cannot_be_read_turns_nothing(normalizer: Normalizer, broken: bytes) -> None:
    normal = await normalizer.normalize(with_segment(encoded(marked(), "JPEG"), 0xE1, broken))
    assert is_like(decoded(normal.jpeg).getpixel((50, 50)), RED)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_no_metadata_is_left(normalizer: Normalizer, kind: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    options: dict[str, Any] = {"exif": exif(6), "icc_profile": profile, "xmp": b"<x:xmpmeta>secret</x:xmpmeta>"}
    if kind == "JPEG":
        options["comment"] = b"secret"
    file = encoded(marked(), kind, **options) + b"PK\x03\x04 secret"
    normal = await normalizer.normalize(file)
    image = decoded(normal.jpeg)
    assert image.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert not image.getexif()
    assert not any(text in normal.jpeg for text in (b"secret", b"Exif", b"ICC_PROFILE", b"xmpmeta", b"N\0\0\0"))


async def test_a_picture_of_four_inks_has_its_colours(normalizer: Normalizer) -> None:
    inks = Image.new("CMYK", (100, 100), (0, 255, 255, 0))
    normal = await normalizer.normalize(encoded(inks, "JPEG"))
    assert is_like(decoded(normal.jpeg).getpixel((50, 50)), (255, 0, 0))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("side", [100, 2800])
async def test_what_is_transparent_becomes_white(normalizer: Normalizer, mode: str, side: int) -> None:
    image = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, side // 2, side))
    square = decoded((await normalizer.normalize(encoded(image.convert(mode), "PNG"))).jpeg)
    assert is_like(square.getpixel((square.width // 4, 5)), BLACK)
    assert is_like(square.getpixel((square.width - 5, 5)), WHITE)


async def test_what_is_half_transparent_becomes_half_white(normalizer: Normalizer) -> None:
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 128))
    for kind in ("PNG", "WEBP"):
        for lossless in (True, False):
            square = decoded((await normalizer.normalize(encoded(image, kind, lossless=lossless))).jpeg)
            assert is_like(square.getpixel((50, 50)), (127, 127, 127))


async def test_a_palette_with_transparent_colours_is_white_there(normalizer: Normalizer) -> None:
    image = Image.new("P", (100, 100), 0)
    image.putpalette([*BLACK, *BLUE, *RED])
    image.paste(1, (50, 0, 75, 100))
    image.paste(2, (75, 0, 100, 100))
    for transparency, first in ((b"\x00\xff\xff", WHITE), (0, WHITE), (b"", BLACK)):
        options = {"transparency": transparency} if transparency != b"" else {}
        square = decoded((await normalizer.normalize(encoded(image, "PNG", **options))).jpeg)
        assert is_like(square.getpixel((20, 50)), first)
        assert is_like(square.getpixel((90, 50)), RED)


def grey(depth: int, samples: tuple[int, int], key: int | None) -> bytes:
    """Left of one sample, right of the other; the key is transparent."""
    bits = "".join(f"{sample:0{depth}b}" * 64 for sample in samples)
    row = b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    before = b"" if key is None else png_chunk(b"tRNS", struct.pack(">H", key))
    return png(128, 128, depth, 0, row * 128, before=before)


@pytest.mark.parametrize(
    ("depth", "samples", "key", "colours"),
    [
        (1, (0, 1), 0, (255, 255)),
        (1, (0, 1), 1, (0, 255)),
        (2, (1, 2), 1, (255, 170)),
        (2, (1, 2), None, (85, 170)),
        (4, (3, 9), 3, (255, 153)),
        (4, (3, 9), 0x13, (255, 153)),
        (8, (10, 200), 10, (255, 200)),
        (8, (10, 200), 0x100 + 10, (255, 200)),
        (16, (0x1234, 0x8000), None, (0x12, 0x80)),
        (16, (0x1234, 0x8000), 0x1234, (255, 0x80)),
        # Of 16 bits all count.
        (16, (0x1234, 0x1200), 0x1234, (255, 0x12)),
        (16, (0x1234, 0x0034), 0x1234, (255, 0x00)),
    ],
)
async def test_grey_of_every_depth_keeps_its_shades(
    normalizer: Normalizer, depth: int, samples: tuple[int, int], key: int | None, colours: tuple[int, int]
) -> None:
    square = decoded((await normalizer.normalize(grey(depth, samples, key))).jpeg)
    for x, colour in zip((32, 96), colours, strict=True):
        assert is_like(square.getpixel((x, 64)), (colour,) * 3)


@pytest.mark.parametrize("depth", [8, 16])
async def test_a_transparent_colour_is_white_at_every_depth(normalizer: Normalizer, depth: int) -> None:
    scale, form = (256, ">3H") if depth == 16 else (1, "3B")
    left, right = (struct.pack(form, *(scale * sample for sample in colour)) for colour in (BLUE, RED))
    key = png_chunk(b"tRNS", struct.pack(">3H", *(scale * sample for sample in BLUE)))
    square = decoded(
        (await normalizer.normalize(png(128, 128, depth, 2, (b"\0" + left * 64 + right * 64) * 128, before=key))).jpeg
    )
    assert is_like(square.getpixel((32, 64)), WHITE)
    assert is_like(square.getpixel((96, 64)), RED)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
async def test_of_an_animation_the_first_frame_is_shown(normalizer: Normalizer, kind: str) -> None:
    frames = [Image.new("RGB", (100, 100), (5 * number, 0, 255)) for number in range(1, 50)]
    file = encoded(Image.new("RGB", (100, 100), RED), kind, save_all=True, append_images=frames, lossless=True)
    assert is_like(decoded((await normalizer.normalize(file)).jpeg).getpixel((50, 50)), RED)


async def test_pictures_that_are_too_many_are_refused_at_once(normalizer: Normalizer) -> None:
    file = plain("PNG", (1200, 1200))
    async with asyncio.TaskGroup() as tasks:
        started = [tasks.create_task(outcome(normalizer, file)) for _ in range(40)]
    outcomes = [task.result() for task in started]
    assert outcomes.count("busy") == 40 - 16
    assert outcomes.count("done") == 16
    assert await outcome(normalizer, file) == "done"


async def outcome(normalizer: Normalizer, file: bytes) -> str:
    try:
        await normalizer.normalize(file)
    except PicturesBusy:
        return "busy"
    return "done"


async def test_callers_that_leave_give_their_places_to_others(normalizer: Normalizer) -> None:
    file = plain("PNG", (1200, 1200))
    for _ in range(3):
        leaving = [asyncio.create_task(normalizer.normalize(file)) for _ in range(16)]
        await asyncio.sleep(0.01)
        for task in leaving:
            task.cancel()
        assert all(
            isinstance(left, asyncio.CancelledError) for left in await asyncio.gather(*leaving, return_exceptions=True)
        )
        # Two at most are still being redrawn.
        outcomes = await asyncio.gather(*(outcome(normalizer, file) for _ in range(14)))
        assert outcomes == ["done"] * 14


async def test_the_largest_pictures_all_get_their_turn(normalizer: Normalizer) -> None:
    large = plain("WEBP", (4000, 4000), lossless=True, method=0)
    small = plain("PNG", (64, 64))
    files = [large, small, large, small, large, small, small, small]
    normal = await asyncio.gather(*map(normalizer.normalize, files))
    assert [picture.width for picture in normal] == [640, 64, 640, 64, 640, 64, 64, 64]


async def test_a_closed_normalizer_takes_nothing() -> None:
    async with load_normalizer() as normalizer:
        waiting = [asyncio.create_task(normalizer.normalize(plain("PNG", (2000, 2000)))) for _ in range(6)]
        await asyncio.sleep(0)
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(end, PicturesBusy) or getattr(end, "width", 0) == 640 for end in ended)
    with pytest.raises(PicturesBusy):
        await normalizer.normalize(plain("PNG"))


async def test_an_error_holds_nothing_of_a_file(normalizer: Normalizer) -> None:
    with pytest.raises(PictureUnusable) as raised:
        await normalizer.normalize(b"GIF89a secret")
    assert str(raised.value) == "The picture must be a JPEG, PNG or WebP file."
    assert raised.value.fault == "kind"
