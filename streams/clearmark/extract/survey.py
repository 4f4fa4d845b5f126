"""What a file's container says, read block by block without decoding: whole or cut off, size, frames, lossless.

Pillow is lenient here (it reads no checksum of a PNG's pixels, and takes a file that ends too early for whole after
the first frame), walks every frame to count them, or believes a header. A picture that viewers and the screening
decode differently could pass unseen, so what is not whole is not decoded.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clearmark.extract.picture import Format


@dataclass(frozen=True, slots=True)
class Container:
    """What the blocks say. ``size`` is the canvas where it has to be known before a decoder is made."""

    frames: int = 1
    lossless: bool = False
    size: tuple[int, int] = (1, 1)


def survey(kind: Format, data: bytes, most: int) -> Container | None:
    """Return what the container says, or None when it is broken or cut off.

    Trailing data is ignored, as by every viewer. A JPEG has no blocks to walk: its decoder tells.

    Args:
        kind: the format.
        data: the file.
        most: frames after which counting, and checking, stops.
    """
    try:
        match kind:
            case "PNG":
                return _png(data, most)
            case "GIF":
                return _gif(data, most)
            case "WEBP":
                return _webp(data, most)
            case _:
                return Container()
    except (struct.error, IndexError):
        return None


def _png(data: bytes, most: int) -> Container | None:
    """Walk the chunks to IEND, checking each CRC; frames are fcTL chunks, and a first image that none precedes."""
    view = memoryview(data)
    position, frames, image = 8, 0, False
    while frames < most:
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        (crc,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(view[position + 4 : end - 4]) != crc:
            return None
        if kind == b"IDAT":
            image = True
        elif kind == b"fcTL":
            frames += 2 if image and not frames else 1
        elif kind == b"IEND":
            break
        position = end
    return Container(max(1, min(frames, most)))


def _gif(data: bytes, most: int) -> Container | None:
    """Walk the blocks to the trailer."""
    position, frames = 13 + _gif_colours(data[10]), 0
    while frames < most:
        match data[position]:
            case 0x21:  # extension
                position = _gif_after(data, position + 2)
            case 0x2C:  # frame
                frames += 1
                position = _gif_after(data, position + 11 + _gif_colours(data[position + 9]))
            case 0x3B:  # trailer
                break
            case _:
                return None
    return Container(frames) if frames else None


def _gif_colours(flags: int) -> int:
    """Return how many bytes of colour table follow."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _gif_after(data: bytes, position: int) -> int:
    """Return where a chain of data blocks ends."""
    while size := data[position]:
        position += size + 1
    return position + 1


def _webp(data: bytes, most: int) -> Container | None:
    """Walk the RIFF chunks. The decoder allocates the canvas when it is made, so the size is read here."""
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    position, frames, lossless, size = 12, 0, False, None
    if end > len(data):
        return None
    while position + 8 <= end and frames < most:
        kind, length = struct.unpack_from("<4sI", data, position)
        body = position + 8
        if body + length > end:
            return None
        if kind == b"VP8X" and size is None:
            size = _int24(data, body + 4) + 1, _int24(data, body + 7) + 1
        elif kind in (b"VP8 ", b"VP8L"):
            size = size or _webp_size(kind, data, body)
            lossless = lossless or kind == b"VP8L"
        elif kind == b"ANMF":
            lossless = lossless or (not frames and data[body + 16 : body + 20] == b"VP8L")
            frames += 1
        position = body + length + (length & 1)
    return Container(max(1, frames), lossless, size) if size else None


def _webp_size(kind: bytes, data: bytes, body: int) -> tuple[int, int]:
    """Return width and height, 14 bits each, of a VP8 key frame or a VP8L header."""
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, body + 6)
        return width & 0x3FFF, height & 0x3FFF
    (bits,) = struct.unpack_from("<I", data, body + 1)
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _int24(data: bytes, position: int) -> int:
    return int.from_bytes(data[position : position + 3], "little")
