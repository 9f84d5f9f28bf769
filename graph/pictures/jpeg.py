"""JPEG files, walked by their markers (ITU-T T.81, annex B)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from graph.pictures.exif import orientation_of
from graph.pictures.scanned import Scanned, broken, require_size, scattered, strange

SIGNATURE: Final = b"\xff\xd8\xff"

# Honest pictures have some hundred segments, where a profile is large, and some ten scans, where they are progressive.
# Each scan costs the decoder a walk through the whole picture, however few bytes it has.
_MOST_SEGMENTS: Final = 2000
_MOST_SCANS: Final = 100
# Twenty-five of the largest pictures.
_MOST_SCANNED_PIXELS: Final = 400_000_000

# Within the data of a scan a byte 0xFF is followed by 0, or by the number of a restart: neither is a marker here.
_MARKER: Final = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_STRETCH: Final = 1 << 16
_END: Final = 0xD9
_SCAN: Final = 0xDA
_EXIF: Final = 0xE1
# Without a length, and out of place between the start of a file and its end.
_BARE: Final = {0x01, 0xD8}
# Baseline, extended and progressive, with Huffman's codes: what browsers show.
_FRAMES: Final = {0xC0, 0xC1, 0xC2}
_PROGRESSIVE: Final = 0xC2
# Lossless, hierarchical, or with arithmetic codes.
_STRANGE_FRAMES: Final = {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xDE}
# Beside frame and scan: tables of codes, of quantization, and the interval of restarts; and Exif, which is read here.
_NEEDED: Final = {*_FRAMES, _SCAN, _EXIF, 0xC4, 0xDB, 0xDD}
# From these a decoder knows which colours the samples are.
_COLOURS: Final = {0xE0: b"JFIF\0", 0xEE: b"Adobe"}
_DEPTH: Final = 8
_BLOCK_SIDE: Final = 8
# Of 64 coefficients, two bytes each.
_BLOCK_BYTES: Final = 128
_PIXEL_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class _Frame:
    """`coefficients` are the bytes of them that a decoder keeps until it has seen every scan."""

    width: int
    height: int
    components: int
    is_progressive: bool
    coefficients: int

    @classmethod
    def parse(cls, kind: int, body: bytes, other: "_Frame | None") -> "_Frame":
        """A file has one, and no other. Raises `PictureUnusable`."""
        components = [*zip(body[6::3], body[7::3], body[8::3], strict=False)]
        if other or len(body) < 6 or body[0] != _DEPTH or body[5] not in {1, 3, 4} or len(components) != body[5]:
            raise broken()
        height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
        require_size(width, height)
        factors = [(factor >> 4, factor & 15) for _, factor, _ in components]
        across, down = (max(factor[axis] for factor in factors) for axis in (0, 1))
        if not (across and down):
            raise broken()
        units = -(-width // (_BLOCK_SIDE * across)) * -(-height // (_BLOCK_SIDE * down))
        blocks = units * sum(horizontal * vertical for horizontal, vertical in factors)
        return cls(width, height, len(components), kind == _PROGRESSIVE, blocks * _BLOCK_BYTES)

    def is_whole_in(self, scan: bytes) -> bool:
        """Whether the scan of this header holds all of the picture."""
        return not self.is_progressive and scan[:1] == bytes([self.components])


def scan_jpeg(data: bytes) -> Scanned:
    """Raises `PictureUnusable`."""
    parts = [data[:2]]
    frame: _Frame | None = None
    orientation, scans, kept = 1, 0, 0
    for kind, body, segment in _segments(data):
        if kind == _EXIF:
            orientation = orientation_of(body) if orientation == 1 else orientation
            continue
        if kind in _FRAMES:
            frame = _Frame.parse(kind, body, frame)
        elif kind == _SCAN:
            scans += 1
            if frame is None:
                raise broken()
            if not frame.is_whole_in(body):
                kept = frame.coefficients
        parts.append(segment)
    if frame is None or not scans:
        raise broken()
    if scans > _MOST_SCANS or (scans > 1 and scans * frame.width * frame.height > _MOST_SCANNED_PIXELS):
        raise scattered()
    memory = frame.width * frame.height * _PIXEL_BYTES + kept
    return Scanned("JPEG", b"".join(parts), frame.width, frame.height, _DEPTH, orientation, memory)


def _segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Kind, content and all of what an image needs; with a scan goes the data behind it. Raises `PictureUnusable`."""
    position = 2
    for _ in range(_MOST_SEGMENTS):
        marker = _next_marker(data, position)
        if marker is None:
            return  # cut off: the decoder finds whether the image is whole
        kind, start = marker[1][0], marker.start()
        if kind == _END:
            yield kind, b"", marker[0]
            return
        position = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        body = data[start + 4 : position]
        if kind in _BARE or not start + 4 <= position <= len(data):
            raise broken()
        if kind in _STRANGE_FRAMES:
            raise strange()
        if kind == _SCAN:
            following = _next_marker(data, position)
            position = following.start() if following else len(data)
        if kind in _NEEDED or (kind in _COLOURS and body.startswith(_COLOURS[kind])):
            yield kind, body, data[start:position]
    raise scattered()


def _next_marker(data: bytes, position: int) -> re.Match[bytes] | None:
    """The first one from here on. Looks through one stretch after the other: all other threads wait for each search."""
    for start in range(position, len(data), _STRETCH):
        # With the first byte of the next, for a marker has two.
        if marker := _MARKER.search(data, start, start + _STRETCH + 1):
            return marker
    return None
