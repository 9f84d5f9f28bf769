"""Redraws a picture: decoded, upright, square, small, and without anything that its file held beside it."""

from dataclasses import dataclass, field
from io import BytesIO
from typing import Final

# Pillow would import all of its plugins to find WebP's.
from PIL import Image, ImageChops, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from graph.pictures.scanned import Scanned, broken

_SIDE: Final = 640
_QUALITY: Final = 85
# A larger picture is first made smaller by whole factors, which is fast, down to no less than twice the side.
_COARSE_SIDE: Final = 2 * _SIDE
# Pixels of a picture that are converted at once: at every step there is one large copy of it, and not two.
_STRIP: Final = 1 << 19

_PLUGINS: Final = (JpegImagePlugin, PngImagePlugin, WebPImagePlugin)
# What Exif's orientations ask for.
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_KEYED: Final = {"L", "RGB"}
_DEEP: Final = 16


@dataclass(frozen=True, slots=True)
class NormalPicture:
    """A JPEG of ours, in RGB and without metadata; its sides are equal, and at most 640 pixels."""

    jpeg: bytes = field(repr=False)
    width: int
    height: int


def redraw(scanned: Scanned) -> NormalPicture:
    """The square in the middle, on white where it is transparent. Raises `PictureUnusable`.

    Samples are taken for sRGB: to heed a profile would give a file of the client's to one more library.
    """
    try:
        with Image.open(BytesIO(scanned.data), formats=(scanned.format,)) as image:
            square = _square(image, scanned)
    except MemoryError:
        raise
    except Exception:
        # Whatever a decoder makes of a broken file.
        square = None
    # Out of the block: an exception would carry the one before it, and that the decoded picture.
    if square is None:
        raise broken()
    side = min(square.width, _SIDE)
    square = square.resize((side, side), Image.Resampling.LANCZOS)
    if scanned.orientation in _TURNS:
        square = square.transpose(_TURNS[scanned.orientation])
    file = BytesIO()
    # To optimize its codes would save 4 % of the file, and keep all other threads waiting for as long as it is written.
    square.save(file, "JPEG", quality=_QUALITY)
    return NormalPicture(file.getvalue(), side, side)


def _square(image: Image.Image, scanned: Scanned) -> Image.Image:
    """The middle of a picture, in RGB; a large one comes out smaller, by a whole factor."""
    # What JPEG's own transform makes smaller is as good, and costs a fraction.
    image.draft(None, (_SIDE, _SIDE))
    image.load()
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    factor = max(1, side // _COARSE_SIDE)
    rows = max(1, _STRIP // side // factor) * factor
    square = Image.new("RGB", (-(-side // factor),) * 2)
    for start in range(0, side, rows):
        strip = image.crop((left, top + start, left + side, top + min(start + rows, side)))
        square.paste(_opaque(strip, scanned.depth, factor), (0, start // factor))
    return square


def _opaque(strip: Image.Image, depth: int, factor: int) -> Image.Image:
    """In RGB, on white, smaller by a factor."""
    key = strip.info.get("transparency")
    if strip.mode == "I;16":
        strip = _eight_bits(strip, key)
    elif strip.mode in _KEYED and isinstance(key, (int, tuple)):
        strip.info["transparency"] = _decoded(key, depth)
    if not strip.has_transparency_data:
        return strip.convert("RGB").reduce(factor)
    strip = strip.convert("RGBA").reduce(factor)
    white = Image.new("RGBA", strip.size, "white")
    white.alpha_composite(strip)
    return white.convert("RGB")


def _decoded(key: int | tuple[int, ...], depth: int) -> int | tuple[int, ...]:
    """A transparent colour, at 8 bits a sample: Pillow leaves it as the file has it, at `depth` bits.

    Of 16 bits the upper half is all that is left of the pixels: those that differ in the lower are transparent too.
    """
    if isinstance(key, tuple):
        return tuple(sample >> 8 if depth == _DEEP else sample & 255 for sample in key)
    most = (1 << depth) - 1
    return (key & most) * 255 // most


def _eight_bits(strip: Image.Image, key: int | None) -> Image.Image:
    """The upper half of each sample; Pillow would make white of all that have one. With a key, in grey and alpha."""
    samples = strip.tobytes()
    low, high = (Image.frombytes("L", strip.size, samples[half::2]) for half in (0, 1))
    if key is None:
        return high
    halves = [(low, key & 255), (high, key >> 8)]
    unlike = [image.point([255 * (sample != half) for sample in range(256)]) for image, half in halves]
    return Image.merge("LA", (high, ImageChops.lighter(*unlike)))
