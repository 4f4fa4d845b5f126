"""Where a label stands and how large it is: a function of the picture's size alone, so a reader knows where to look."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from clearmark.mark.image import glyphs

Corner = Literal["bottom-right", "bottom-left", "top-right", "top-left"]
CORNERS: Final[tuple[Corner, ...]] = ("bottom-right", "bottom-left", "top-right", "top-left")
"""In order of preference."""

LEAST_SIZE: Final = 11
"""The smallest em, in pixels, in which the ideographs can be read."""
_SHARE: Final = 0.05
_STYLES: Final = (
    (True, 0.5, 0.3, 0.6, 0.58),
    (False, 0.5, 0.3, 0.6, 0.7),
    (False, 0.3, 0.1, 0.3, 0.9),
    (False, 0.1, 0.0, 0.0, 1.0),
)
"""Whether the wording is long; padding beside it, padding above it and margin in ems; the share of the picture's width
and height that label and margins may take. The first that fits is taken."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A label for pictures of one size; all in pixels.

    Attributes:
        size: the em.
        long: whether the wording is the long one.
        width: of the backing.
        height: of the backing.
        left: from the backing's edge to the line of text, on either side.
        top: as ``left``, above and below.
        margin: from the backing to the picture's edges.
    """

    size: int
    long: bool
    width: int
    height: int
    left: int
    top: int
    margin: int

    def at(self, corner: Corner, width: int, height: int) -> tuple[int, int]:
        """Return the column and row of the backing's top left corner in a picture of this size."""
        x = self.margin if corner.endswith("left") else width - self.margin - self.width
        y = self.margin if corner.startswith("top") else height - self.margin - self.height
        return x, y


def required_height(width: int, height: int) -> int:
    """Return the least height of glyphs in pixels: 5 % of the shortest side, rounded up (R-IMG-4)."""
    return math.ceil(round(_SHARE * min(width, height), 6))


def plan(width: int, height: int) -> Layout | None:
    """Return the label for pictures of this size, or None where none can be read (R-IMG-3).

    The em leaves the lowest glyph a pixel, or 3 %, above what is required: what encoding may cost. Where the usual
    padding and margin would take too much, as in thumbnails, both shrink before the label is given up.
    """
    required = required_height(width, height)
    size = max(LEAST_SIZE, math.ceil((required + max(1.0, 0.03 * required)) / glyphs.LEAST_INK))
    for long, left, top, margin, share in _STYLES:
        found = _layout(size, long, round(left * size), round(top * size), round(margin * size))
        if found.width + 2 * found.margin <= share * width and found.height + 2 * found.margin <= share * height:
            return found
    return None


def _layout(size: int, long: bool, left: int, top: int, margin: int) -> Layout:
    text = glyphs.width(size, long=long)
    return Layout(size, long, text + 2 * left, glyphs.height(size) + 2 * top, left, top, margin)
