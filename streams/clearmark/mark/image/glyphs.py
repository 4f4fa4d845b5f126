"""The label's wording as masks of ink: how much of each pixel the glyphs cover, at any size.

The Chinese part is a lockup: the capitals "AI" are as tall as the ideographs beside them, so that every glyph of the
wording that R-IMG-1 asks for reaches the height of R-IMG-4. All lengths are in ems, of the font's full width square.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from numpy.typing import NDArray

FONT: Final = Path(__file__).with_name("NotoSansSC-Medium-label.ttf")
SHORT: Final = "AI生成"
LONG: Final = "AI生成 · AI-generated"
HEIGHT: Final = 1.3
"""Of a line of text: the ideographs with 0.18 em above and below, where "g" descends."""
LEAST_INK: Final = 0.87
"""Height of the lowest of "A", "I", "生" and "成" (of the capitals: the ideographs reach 0.90 and 0.94)."""

_CENTRE: Final = 0.376
"""Of the ideographs' ink, above the baseline."""
_CAPITALS: Final = 0.737
"""Height of the font's own capitals."""
_SINK: Final = 0.055
"""By which ideographs, and so the enlarged capitals, reach below the baseline."""
_SIDE: Final = 0.08
_UNITS: Final = 1000
"""To the em, in the font's own outlines."""
_SHORT_PIECES: Final = 3
_PIECES: Final = (
    ("AI", _SIDE, LEAST_INK / _CAPITALS, _SINK),
    ("生", 0.16, 1.0, 0.0),
    ("成", 0.03, 1.0, 0.0),
    ("·", 0.34, 0.7, -0.113),
    ("AI-generated", 0.33, 1.0, 0.0),
)
"""Text, gap between its ink and the ink before, enlargement, and how far it sinks below the baseline."""
_SUPERSAMPLED: Final = range(256, 1025)
"""Ems, in pixels, at which outlines are drawn before they are reduced."""

_KEPT: Final = 64
"""Lines with an em of at most so many pixels are kept: they are small, and asked for again and again."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the wording and the columns that it takes, in pixels."""

    text: str
    left: int
    right: int


@dataclass(frozen=True, slots=True)
class _Glyph:
    """A character, where it is drawn from (in ems), how much it is enlarged and how far it sinks."""

    character: str
    x: float
    enlargement: float
    sink: float


@dataclass(frozen=True, slots=True)
class Line:
    """The wording in one size.

    Attributes:
        mask: ``[height, width]``, 0 none to 255 all ink; read-only.
        pieces: in reading order.
    """

    mask: NDArray[np.uint8]
    pieces: tuple[Piece, ...]


def width(size: float, *, long: bool) -> int:
    """Return a line's width in pixels."""
    return math.ceil((_measured()[1][-1 if long else _SHORT_PIECES - 1][2] + _SIDE) * size)


def height(size: float) -> int:
    """Return a line's height in pixels."""
    return math.ceil(HEIGHT * size)


def line(size: float, *, long: bool) -> Line:
    """Return the wording with an em of so many pixels (fractions allowed)."""
    return _kept(size, long) if size <= _KEPT else _rendered(size, long)


def _rendered(size: float, long: bool) -> Line:
    em = min(_SUPERSAMPLED[-1], max(_SUPERSAMPLED[0], 2 * math.ceil(size)))
    wide, high = width(size, long=long), height(size)
    drawn = _master(em)[:, : round(wide * em / size)]
    mask = np.asarray(cv2.resize(drawn, (wide, high), interpolation=cv2.INTER_AREA), np.uint8)
    mask.flags.writeable = False
    ends = _measured()[1][: None if long else _SHORT_PIECES]
    return Line(
        mask, tuple(Piece(text, math.floor(left * size), math.ceil(right * size)) for text, left, right in ends)
    )


_kept = lru_cache(maxsize=256)(_rendered)


@lru_cache(maxsize=2)
def _master(em: int) -> NDArray[np.uint8]:
    """Draw the long wording with an em of so many pixels, and a little room after it."""
    glyphs, ends = _measured()
    canvas = Image.new("L", (round((ends[-1][2] + 2 * _SIDE) * em) + 2, round(HEIGHT * em)))
    draw = ImageDraw.Draw(canvas)
    for glyph in glyphs:
        at = (round(glyph.x * em), (HEIGHT / 2 + _CENTRE + glyph.sink) * em)
        draw.text(at, glyph.character, fill=255, font=_font(round(em * glyph.enlargement)), anchor="ls")
    return np.asarray(canvas, np.uint8)


@lru_cache(maxsize=1)
def _measured() -> tuple[tuple[_Glyph, ...], tuple[tuple[str, float, float], ...]]:
    """Return where each glyph stands, and each piece with the left and right end of its ink, in ems."""
    font = _font(_UNITS)
    glyphs, ends, at = [], [], 0.0
    for text, gap, enlargement, sink in _PIECES:
        scale = enlargement / _UNITS
        bearings = [font.getmask(character).getbbox() or (0, 0, 0, 0) for character in (text[0], text[-1])]
        lefts = [font.getbbox(character, anchor="ls")[0] for character in (text[0], text[-1])]
        begun = at + gap
        x = begun - (lefts[0] + bearings[0][0]) * scale
        for character in text:
            glyphs.append(_Glyph(character, x, enlargement, sink))
            at = x + (lefts[1] + bearings[1][2]) * scale
            x += font.getlength(character) * scale
        ends.append((text, begun, at))
    return tuple(glyphs), tuple(ends)


def _font(em: int) -> ImageFont.FreeTypeFont:
    # The basic layout is the same wherever Pillow is installed.
    return ImageFont.truetype(FONT, em, layout_engine=ImageFont.Layout.BASIC)
