"""Put the visible label on a picture (R-IMG-1 to R-IMG-4): white glyphs on a dark frosted pill in a calm corner.

The pill is the blurred picture under 78 % of near-black, so the ink's contrast is above 7:1 whatever lies behind,
and a hairline keeps its shape on black. It takes no hue of its own: a grey picture stays grey.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from clearmark.mark.image import glyphs
from clearmark.mark.image.find import LabelFound, find
from clearmark.mark.image.layout import CORNERS, plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clearmark.mark.image.layout import Corner, Layout

__all__ = ["LabelFound", "draw", "find"]

_TONE: Final = 22.0
_OPACITY: Final = 0.78
_INK: Final = 252.0
_HAIRLINE: Final = 0.10
"""How far the pill's rim goes from its tone to white."""
_BOLDER: Final = 0.85
"""Exponent on the ink's coverage: white on dark looks thinner than it is where strokes are about a pixel wide."""
_RGBA: Final = 4
_THUMBNAIL: Final = (40, 18)
_KEPT: Final = 64
"""Stencils with an em of at most so many pixels are kept: they are small, and asked for again and again."""
_RELUCTANCE: Final[dict[Corner, float]] = {"bottom-right": 1.0, "bottom-left": 1.3, "top-right": 1.6, "top-left": 1.7}


def draw(pixels: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return the picture with the label; a picture that already bears ours as it should is returned as it is.

    Args:
        pixels: ``[height, width, 3]`` RGB or ``[height, width, 4]`` RGBA; not changed.

    Returns:
        The same shape; or None where no label that can be read fits: such a picture must not be approved.
    """
    high, wide = pixels.shape[:2]
    layout = plan(wide, high)
    if layout is None:
        return None
    found = find(pixels, thorough=False)
    if found is not None and found.valid:
        return pixels
    boxes = {corner: layout.at(corner, wide, high) for corner in CORNERS}
    corner = min(CORNERS, key=lambda c: _reluctance(pixels, layout, c, boxes[c]))
    return _put(pixels, layout, *boxes[corner])


def _reluctance(pixels: NDArray[np.uint8], layout: Layout, corner: Corner, at: tuple[int, int]) -> float:
    """Return how little a corner suits: the detail that the label would hide, weighed by the corner's place."""
    x, y = at
    box = pixels[y : y + layout.height, x : x + layout.width, :3]
    # Reduced to one size, so that a picture and its enlargement get the label in the same corner.
    seen = cv2.resize(box, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.int16)
    detail = float(np.abs(np.diff(seen, axis=0)).mean() + np.abs(np.diff(seen, axis=1)).mean())
    return (detail + 4.0) * _RELUCTANCE[corner]


def _put(pixels: NDArray[np.uint8], layout: Layout, x: int, y: int) -> NDArray[np.uint8]:
    wide, high = layout.width, layout.height
    marked = pixels.copy()
    box = marked[y : y + high, x : x + wide]
    under = box.astype(np.float32)
    if pixels.shape[2] == _RGBA:
        # What shines through is mixed with grey where the picture does not cover; the label itself is opaque.
        alpha = under[..., 3:] / 255
        under = np.asarray(under[..., :3] * alpha + 128 * (1 - alpha), np.float32)
    blur = max(3, layout.size | 1)
    frosted = cv2.blur(under, (blur, blur), borderType=cv2.BORDER_REFLECT)
    shape, rim, ink = _kept(layout) if layout.size <= _KEPT else _stencils(layout)
    label = (1 - _OPACITY) * frosted + _OPACITY * _TONE
    label += _HAIRLINE * rim * (255 - label)
    label += ink * (_INK - label)
    if pixels.shape[2] == _RGBA:
        box[..., 3] = np.rint(np.maximum(box[..., 3], 255 * shape[..., 0]))
    box[..., :3] = np.rint(box[..., :3] + shape * (label - box[..., :3]))
    return marked


def _stencils(layout: Layout) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return the coverage (0 to 1, ``[height, width, 1]``) of the pill, of its rim and of the ink."""
    depth = _depth(layout)
    shape = np.clip(depth + 0.5, 0, 1)
    rim = shape - np.clip(depth + 0.5 - max(1.0, layout.size / 40), 0, 1)
    ink = np.zeros_like(shape)
    mask = glyphs.line(layout.size, long=layout.long).mask
    ink[layout.top : layout.top + mask.shape[0], layout.left : layout.left + mask.shape[1]] = mask / 255
    return shape[..., None], rim[..., None], (ink**_BOLDER)[..., None]


_kept = lru_cache(maxsize=16)(_stencils)


def _depth(layout: Layout) -> NDArray[np.float32]:
    """Return how far inside the pill's edge each pixel's centre lies (below 0 outside)."""
    radius = layout.height / 2
    x = np.arange(layout.width, dtype=np.float32) + 0.5
    y = np.arange(layout.height, dtype=np.float32) + 0.5
    beyond = np.maximum(np.maximum(radius - x, x - (layout.width - radius)), 0)
    distance: NDArray[np.float32] = radius - np.hypot(beyond[None, :], (y - radius)[:, None])
    return distance
