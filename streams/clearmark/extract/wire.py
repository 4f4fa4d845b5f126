"""What goes through the pipes between parent and child: a head of fixed size, then metadata, then pixels.

Requests carry a head and the file. Answers carry a kind, JSON and pixels. Nothing here is a pickle or names a class.
"""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from clearmark.extract.picture import Picture
    from clearmark.screen.admit import Refusal

REQUEST: Final = struct.Struct("=BIQ")
"""The media type's place in `FORMATS`, the longest side of a thumbnail or 0, and the size of the file that follows."""
ANSWER: Final = struct.Struct("=BIQ")
"""The kind, the size of the JSON and the size of the pixels that follow."""


class Kind(IntEnum):
    """What an answer is."""

    HELLO = 1
    PICTURE = 2
    REFUSAL = 3


def hello(protections: frozenset[str]) -> list[bytes]:
    """Return what a child says when it is ready."""
    return _answer(Kind.HELLO, {"protections": sorted(protections)})


def refusal(refused: Refusal) -> list[bytes]:
    """Return a refusal."""
    return _answer(Kind.REFUSAL, {"code": refused.code, "hold": refused.hold})


def picture(shown: Picture) -> list[bytes | memoryview]:
    """Return a picture: its fields, and its pixels."""
    fields: dict[str, object] = {
        "format": shown.format,
        "width": shown.width,
        "height": shown.height,
        "shape": shown.pixels.shape,
        "grey": shown.grey,
        "frames": shown.frames,
        "icc": _text(shown.icc),
        "exif": _text(shown.exif),
        "xmp": _text(shown.xmp),
        "texts": shown.texts,
        "quantization": None if shown.quantization is None else list(shown.quantization.items()),
        "subsampling": shown.subsampling,
        "lossless": shown.lossless,
        "trimmed": shown.trimmed,
    }
    return [*_answer(Kind.PICTURE, fields, shown.pixels.nbytes), shown.pixels.data.cast("B")]


def _answer(kind: Kind, fields: dict[str, object], pixels: int = 0) -> list[bytes]:
    text = json.dumps(fields).encode()
    return [ANSWER.pack(kind, len(text), pixels), text]


def _text(block: bytes | None) -> str | None:
    return None if block is None else b64encode(block).decode("ascii")
