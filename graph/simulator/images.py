"""Pictures drawn and looked at with Pillow, which is an extra: only `load_images` imports this module."""

import colorsys
import hashlib
import zlib
from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw, ImageOps, PngImagePlugin

# WeChat takes no others; of a moving picture it looks at the first frame.
_FORMATS: Final = ("JPEG", "PNG", "BMP", "GIF")
MAX_PIXELS: Final = 25_000_000
# In pixels. Eyes, hair and mouth of a face leave its centre, on which its meaning depends, to the colour of the skin.
_SIZE: Final = 320
_EYES: Final = ((112, 142), (208, 142))
_INK: Final = (38, 44, 52)
_COLOURS: Final = {"red": (255, 0, 0), "yellow": (255, 255, 0)}


def centre_of_jpeg(data: bytes) -> tuple[int, ...] | None:
    """Red, green and blue of its middle pixel; None for a picture of another format that WeChat takes.

    Raises various exceptions for what is no picture, one of a format that WeChat does not take, or a huge one.
    """
    with Image.open(BytesIO(data), formats=_FORMATS) as picture:
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise ValueError
        is_jpeg, pixels = picture.format == "JPEG", picture.convert("RGB")
    pixel = pixels.getpixel((width // 2, height // 2))
    return pixel if is_jpeg and isinstance(pixel, tuple) else None


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height, as the file's head has them. Raises as `centre_of_jpeg`."""
    with Image.open(BytesIO(data), formats=_FORMATS) as picture:
        return picture.size


def draw_face(name: str) -> bytes:
    """A PNG of a face in a colour and with a haircut of the name's own, always the same."""
    picture = Image.new("RGB", (_SIZE, _SIZE), _COLOURS.get(name) or _colour(name))
    draw, trait = ImageDraw.Draw(picture), zlib.adler32(name.encode())
    hair = 70 + trait % 5 * 7
    draw.ellipse((20, -90, 300, 190 - hair), fill=_INK)
    if trait % 2:  # long hair
        draw.rectangle((20, 0, 58, 230), fill=_INK)
        draw.rectangle((262, 0, 300, 230), fill=_INK)
    for x, y in _EYES:
        draw.ellipse((x - 13, y - 13, x + 13, y + 13), fill=_INK)
    draw.arc((100, 140, 220, 250), 30, 150, fill=_INK, width=10)
    file = BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def draw_code(text: str, width: int, *, transparent: bool) -> bytes:
    """A square of dots, always the same for a text, which is its comment as well: a JPEG, or a PNG without ground."""
    # Not read by any phone: a picture that looks like a code, and that differs from that of another text.
    dots = Image.frombytes("1", (16, 16), hashlib.sha256(text.encode()).digest()).resize((width, width))
    file = BytesIO()
    if transparent:
        comment = PngImagePlugin.PngInfo()
        comment.add_text("comment", text)
        clear = Image.new("RGBA", dots.size)
        clear.paste("black", mask=dots)
        clear.save(file, "PNG", pnginfo=comment)
    else:
        ImageOps.invert(dots.convert("L")).save(file, "JPEG", comment=text.encode())
    return file.getvalue()


def _colour(name: str) -> tuple[int, int, int]:
    # Of any hue, and paler and darker than the two that mean something.
    red, green, blue = colorsys.hsv_to_rgb(zlib.crc32(name.encode()) % 360 / 360, 0.55, 0.7)
    return round(255 * red), round(255 * green), round(255 * blue)
