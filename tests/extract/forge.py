"""Pictures byte by byte, for defects that no encoder would write."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterable

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
GIF_COLOURS = bytes(range(6))
LZW_ONE = b"\x02\x02\x44\x01\x00"
"""One pixel of colour 0: code size 2; clear, 0, end."""


def noise(width: int = 40, height: int = 24, channels: int = 3) -> Image.Image:
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, (height, width, channels), dtype=np.uint8))


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(name: bytes, data: bytes = b"", *, crc: int | None = None, length: int | None = None) -> bytes:
    checked = zlib.crc32(name + data) if crc is None else crc
    return struct.pack(">I", len(data) if length is None else length) + name + data + struct.pack(">I", checked)


def header(width: int, height: int, depth: int = 8, colour: int = 2, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def rows(width: int, height: int, bits: int = 24) -> bytes:
    """Black rows of a PNG, unfiltered, deflated."""
    return zeros(height * (1 + (width * bits + 7) // 8))


def png(*chunks: bytes, width: int = 4, height: int = 4) -> bytes:
    """A black RGB picture with further chunks before its pixels."""
    return joined(header(width, height), *chunks, chunk(b"IDAT", rows(width, height)), chunk(b"IEND"))


def joined(*chunks: bytes) -> bytes:
    return PNG_SIGNATURE + b"".join(chunks)


def frame_control(number: int, width: int = 4, height: int = 4) -> bytes:
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, width, height, 0, 0, 1, 10, 0, 0))


def text_bomb(name: bytes, start: bytes, size: int = 64 << 20) -> bytes:
    """A chunk whose compressed text grows to this size."""
    return chunk(name, start + zeros(size))


@cache
def zeros(size: int) -> bytes:
    """So many bytes, deflated to a thousandth."""
    return zlib.compress(bytes(size), 1)


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpeg(*segments: bytes, **options: Any) -> bytes:
    """A real JPEG with further segments after its start."""
    whole = encoded(noise(), "JPEG", **options)
    return whole[:2] + b"".join(segments) + whole[2:]


def resized(whole: bytes, width: int, height: int, marker: int = 0xC0) -> bytes:
    """The JPEG with another size in its frame header."""
    at = whole.index(bytes((0xFF, marker))) + 5
    return whole[:at] + struct.pack(">HH", height, width) + whole[at + 4 :]


def gif(frames: Iterable[bytes], width: int = 1, height: int = 1, *, trailer: bytes = b";") -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + GIF_COLOURS + b"".join(frames) + trailer


def gif_frame(width: int = 1, height: int = 1, data: bytes = LZW_ONE) -> bytes:
    return b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + data


def gif_blocks(data: bytes) -> bytes:
    return b"".join(bytes((len(data[i : i + 255]),)) + data[i : i + 255] for i in range(0, len(data), 255)) + b"\0"


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def riff_chunk(name: bytes, data: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(data) if size is None else size) + data + b"\0" * (len(data) & 1)


def extended(width: int, height: int, flags: int = 0) -> bytes:
    return riff_chunk(
        b"VP8X", struct.pack("<I", flags) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    )


def tiff(*entries: tuple[int, int, int, int], order: str = "<", following: int = 0) -> bytes:
    """An EXIF block's TIFF part: one directory of (tag, type, count, value)."""
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    body = b"".join(
        struct.pack(f"{order}HHI", *entry[:3]) + struct.pack(f"{order}{'HH' if entry[1] == 3 else 'I'}", *_value(entry))
        for entry in entries
    )
    return start + body + struct.pack(f"{order}I", following)


def _value(entry: tuple[int, int, int, int]) -> tuple[int, ...]:
    return (entry[3], 0) if entry[1] == 3 else (entry[3],)
