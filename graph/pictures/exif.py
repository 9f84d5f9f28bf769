"""The one thing in Exif that a picture needs: which side of it is up.

Read here, and the rest dropped unread: Exif also holds where and when a picture was taken, and decoders print such
values where they log.
"""

import struct
from typing import Final

_PREFIX: Final = b"Exif\0\0"
_BYTE_ORDERS: Final = {b"II*\0": "<", b"MM\0*": ">"}
_ORIENTATION: Final = 0x0112
_SHORT: Final = 3
_UPRIGHT: Final = 1


def orientation_of(exif: bytes) -> int:
    """As Exif 2.32 (4.6.4) defines it, from 1, which is upright, to 8; any number where a file is not honest."""
    tiff = exif.removeprefix(_PREFIX)
    order = _BYTE_ORDERS.get(tiff[:4])
    if order is None:
        return _UPRIGHT
    try:
        (offset,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, offset)
        for entry in range(entries):
            tag, kind, count, value = struct.unpack_from(f"{order}HHIH", tiff, offset + 2 + 12 * entry)
            if (tag, kind, count) == (_ORIENTATION, _SHORT, 1):
                return int(value)
    except struct.error:
        pass
    return _UPRIGHT
