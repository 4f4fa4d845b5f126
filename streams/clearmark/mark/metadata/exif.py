"""What stays of an EXIF block, and the labels that others put into one (R-F-JPG)."""

from __future__ import annotations

import struct
import warnings
from typing import TYPE_CHECKING, Final

from PIL import Image
from PIL.ExifTags import IFD, Base

from clearmark.mark.metadata import aigc

if TYPE_CHECKING:
    from typing import Any

_BROKEN: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    Warning,
    struct.error,
)
"""What Pillow raises, or warns of, where a block is not what it should be."""

_GONE: Final = frozenset(
    {
        IFD.GPSInfo,
        Base.SubIFDs,
        Base.StripOffsets,
        Base.StripByteCounts,
        Base.JpegIFOffset,
        Base.JpegIFByteCount,
        Base.XMLPacket,
    }
)
"""The location, pointers to further pictures in the block, and XMP that no reader would look for here."""
_UPRIGHT: Final = 1
_ENCODINGS: Final = (b"ASCII\0\0\0", b"UNICODE\0", b"JIS\0\0\0\0\0", bytes(8))
_BYTE_ORDERS: Final = (b"\xff\xfe", b"\xfe\xff")
_JPEG: Final = b"\xff\xd8\xff"
_LIMIT: Final = 65_533
"""Bytes that a JPEG's segment holds; only a block from another format can be longer."""


def without_location(exif: bytes) -> bytes | None:
    """Return the block less what a marked picture must not carry along; None where nothing, or nothing sound, is left.

    Removed: the location; thumbnails and previews, which show the picture without its marks; labels, of which a file
    has one (R-META-5). The orientation becomes upright, as decoded pixels are.
    """
    try:
        with warnings.catch_warnings(action="error"):
            block = _load(exif)
            _clean(block)
            kept = block.tobytes() if dict(block) else b""
    except _BROKEN:
        return None
    return kept if 0 < len(kept) <= _LIMIT else None


def read(exif: bytes) -> tuple[str, ...]:
    """Return the text of every label in a block: producers put it into UserComment or ImageDescription (R-WILD-1)."""
    try:
        with warnings.catch_warnings(action="ignore"):
            block = _load(exif)
            values = [*dict(block).values(), *_inner(block).values()]
    except _BROKEN:
        return ()
    return tuple(dict.fromkeys(text for text in map(_text, values) if aigc.is_label(text)))


def _load(exif: bytes) -> Image.Exif:
    block = Image.Exif()
    block.load(exif)
    return block


def _inner(block: Image.Exif) -> dict[int, Any]:
    """Return the Exif directory; changes to it count when the block is written."""
    return block.get_ifd(IFD.Exif) if IFD.Exif in block else {}


def _clean(block: Image.Exif) -> None:
    for directory in (_inner(block), block):
        for tag, value in list(directory.items()):
            if tag in _GONE or _holds_picture(value) or aigc.is_label(_text(value)):
                del directory[tag]
    if Base.Orientation in block:
        block[Base.Orientation] = _UPRIGHT


def _holds_picture(value: object) -> bool:
    return isinstance(value, bytes) and _JPEG in value


def _text(value: object) -> str:
    """Return a value's text. UserComment is bytes: eight for the encoding, then ASCII or UTF-16."""
    if isinstance(value, bytes):
        encoding = "utf-16" if value.startswith(b"UNICODE") and value[8:10] in _BYTE_ORDERS else "utf-8"
        value = value[8:].decode(encoding, "replace") if value[:8] in _ENCODINGS else value.decode("utf-8", "replace")
        # UTF-16 without a byte order, as most write it: what is left of ASCII when every other byte is dropped.
        value = value.replace("\0", "")
    return value if isinstance(value, str) else ""
