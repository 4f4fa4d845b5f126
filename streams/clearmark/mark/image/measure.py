"""Measure a line of text on a picture's pixels: which glyphs are there, how high, with how much contrast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from clearmark.mark.image import glyphs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clearmark.mark.image.glyphs import Line

_IDEOGRAPHS: Final = ("生", "成")
_CHINESE: Final = 3
"""Pieces that make up the short wording."""
_SRGB: Final = np.arange(256) / 255
_KNEE: Final = 0.04045
_LINEAR: Final = np.where(_SRGB <= _KNEE, _SRGB / 12.92, ((_SRGB + 0.055) / 1.055) ** 2.4).astype(np.float32)
_WEIGHTS: Final = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Relative luminance as WCAG 2.2 defines it: sRGB made linear, and the weights of its primaries."""


def luma(pixels: NDArray[np.uint8], background: int = 255) -> NDArray[np.uint8]:
    """Return ``[height, width]`` grey; transparent parts show a background."""
    return np.asarray(cv2.cvtColor(over(pixels, background), cv2.COLOR_RGB2GRAY), np.uint8)


def over(pixels: NDArray[np.uint8], background: int) -> NDArray[np.uint8]:
    """Return ``[height, width, 3]``: the picture in front of a background (0 black to 255 white)."""
    if pixels.shape[2] == 3:  # noqa: PLR2004 - RGB
        return pixels
    alpha = pixels[..., 3:].astype(np.uint16)
    return ((pixels[..., :3] * alpha + background * (255 - alpha) + 127) // 255).astype(np.uint8)


def read(window: NDArray[np.uint8], line: Line, least: float) -> str:
    """Return which wording a window shows: the long one, the short one or "".

    Args:
        window: pixels from the line's top left corner on; may end before the line does.
        line: the long wording.
        least: correlation from which on a piece is there.
    """
    grey = luma(window)
    seen = 0
    for piece in line.pieces:
        columns = slice(max(0, piece.left - 1), piece.right + 1)
        if correlation(grey[: line.mask.shape[0], columns], line.mask[:, columns]) < least:
            break
        seen += 1
    if seen == len(line.pieces):
        return glyphs.LONG
    return glyphs.SHORT if seen >= _CHINESE else ""


def correlation(grey: NDArray[np.uint8], mask: NDArray[np.uint8]) -> float:
    """Return the normalised correlation of a window and a mask of its size; 0 where the window is cut off or flat."""
    if grey.shape != mask.shape:
        return 0.0
    a, b = grey - grey.mean(dtype=np.float32), mask - mask.mean(dtype=np.float32)
    scale = float(np.sqrt(np.vdot(a, a) * np.vdot(b, b)))
    return float(np.vdot(a, b)) / scale if scale else 0.0


def ink_height(window: NDArray[np.uint8], line: Line) -> int:
    """Return the height in pixels of the lowest ideograph's ink.

    Ink is what lies above the middle of ink and backing and within a pixel of the matched mask.
    """
    grey = luma(window)
    middle = (float(np.percentile(grey[line.mask > _core(line)], 75)) + float(np.median(grey[line.mask == 0]))) / 2
    near = np.asarray(cv2.dilate(line.mask, np.ones((3, 3), np.uint8))) > 127  # noqa: PLR2004 - half covered
    ink = near & (grey > middle)
    heights = []
    for piece in line.pieces:
        if piece.text in _IDEOGRAPHS:
            rows = np.flatnonzero(ink[:, piece.left : piece.right].any(axis=1))
            heights.append(int(rows[-1] - rows[0] + 1) if rows.size else 0)
    return min(heights)


def contrast(window: NDArray[np.uint8], line: Line) -> float:
    """Return the WCAG contrast ratio of ink and backing, the lower one of a white and a black page behind.

    Ink is the median over the strokes' cores, backing the brightest tenth of what lies between them.
    """
    ratios = []
    for background in (0, 255):
        luminance = _LINEAR[over(window, background)] @ _WEIGHTS
        ink = float(np.median(luminance[line.mask > _core(line)]))
        backing = float(np.percentile(luminance[line.mask == 0], 90))
        ratios.append((ink + 0.05) / (backing + 0.05))
    return min(ratios)


def _core(line: Line) -> float:
    """Return the coverage beyond which a pixel belongs to a stroke's core."""
    return 0.75 * float(line.mask.max())
