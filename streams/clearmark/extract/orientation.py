"""How a picture has to be turned: the one EXIF entry that changes pixels."""

from __future__ import annotations

import struct
from typing import Final

from PIL.Image import Transpose

TURNS: Final = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
"""What makes each EXIF orientation upright."""
SIDEWAYS: Final = (Transpose.TRANSPOSE, Transpose.ROTATE_270, Transpose.TRANSVERSE, Transpose.ROTATE_90)
"""Turns that swap width and height."""
_TAG: Final = 0x0112
_SHORT: Final = 3


def orientation(exif: bytes) -> int:
    """Return the orientation, 1 to 8; 1 where the block says none or is broken.

    Reads this one entry of the first directory. Pillow's reader copies the data of every entry, and where EXIF says
    nothing it believes the XMP packet, which no browser does.

    Args:
        exif: a TIFF header and its directory, with or without ``Exif`` before it.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, start)
        for entry in range(entries):
            tag, kind, count, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * entry)
            if tag == _TAG:
                return int(value) if kind == _SHORT and count == 1 and value in TURNS else 1
    except struct.error:
        return 1
    return 1
