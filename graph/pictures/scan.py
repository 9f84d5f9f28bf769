"""Looks through a picture's file before it is decoded: most attacks end here.

A decoder gets a file that is written anew, of those parts alone that an image needs. So texts, profiles and thumbnails
are never inflated, a second frame is never decoded, and what was appended is gone. What the file asks of the decoder is
known before it starts.
"""

from graph.pictures import jpeg, png, webp
from graph.pictures.scanned import Scanned, strange


def scan(data: bytes) -> Scanned:
    """Its content decides what a file is. Raises `PictureUnusable`."""
    if data.startswith(jpeg.SIGNATURE):
        return jpeg.scan_jpeg(data)
    if data.startswith(png.SIGNATURE):
        return png.scan_png(data)
    if data.startswith(webp.SIGNATURE) and data[8:12] == webp.KIND:
        return webp.scan_webp(data)
    raise strange()
