"""Read the visible label back from a picture's pixels: its wording, glyph height and contrast, as anyone sees them.

A label is found by normalised cross-correlation with the wording's mask: where ours stands in a picture of this size,
and, when asked to be thorough, in all of the picture over a range of sizes, so that rescaling, cropping or a frame
around it do not hide it. A match counts only if each glyph of the Chinese wording correlates by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import cv2
import numpy as np

from clearmark.mark.image import glyphs, measure
from clearmark.mark.image.layout import CORNERS, plan, required_height

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

Reason = Literal["too-small", "too-faint", "not-at-an-edge"]

LEAST_CONTRAST: Final = 4.5
"""WCAG 2.2, success criterion 1.4.3: contrast of text that anyone can read."""
_WHOLE: Final = 0.7
"""Least correlation of the wording. Ours reach 0.9 and more; photographs stay below 0.6."""
_EACH: Final = 0.55
"""Least correlation of each glyph."""
_EDGE: Final = 2.5
"""A label is at an edge where its text is at most so many ems from it (R-IMG-2)."""
_COARSE_SIZE: Final = 11.0
"""The em, in pixels, to which sizes are reduced to be searched for."""
_COARSE: Final = 0.45
_STEP: Final = 1.07
_SIZES: Final = (0.4, 6.0)
"""Which ems are searched for, in terms of the one that our label would have."""
_FLAT: Final = 3.0
"""Grey levels of standard deviation below which nothing can be seen."""
_FINE_SIZE: Final = 40.0
_CANDIDATES: Final = 6


@dataclass(frozen=True, slots=True)
class LabelFound:
    """A label of ours as measured on the pixels.

    Attributes:
        text: the wording that could be read.
        box: left, top, right, bottom of the line of text, in pixels.
        glyph_height: of the lowest ideograph's ink, in pixels.
        required_height: what R-IMG-4 asks for.
        contrast: WCAG ratio of ink and backing.
        score: correlation with the wording, up to 1.
        reasons: why it does not count as a label; empty where it does.
    """

    text: str
    box: tuple[int, int, int, int]
    glyph_height: int
    required_height: int
    contrast: float
    score: float
    reasons: tuple[Reason, ...]

    @property
    def valid(self) -> bool:
        """Whether it is where, as large and as distinct as a label must be."""
        return not self.reasons


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A place (column, row) of a line of text with an em, all in pixels, and how well it correlates."""

    x: int
    y: int
    size: float
    score: float


def find(pixels: NDArray[np.uint8], *, thorough: bool = True) -> LabelFound | None:
    """Return the label of a picture, or None.

    Args:
        pixels: ``[height, width, 3]`` RGB or ``[height, width, 4]`` RGBA.
        thorough: whether to search beyond the places where our label stands in a picture of this size.
    """
    found = _best(pixels, _expected(pixels))
    if thorough and (found is None or not found.valid):
        others = _best(pixels, _anywhere(measure.luma(pixels)))
        found = max((f for f in (found, others) if f), key=_rank, default=None)
    return found


def _best(pixels: NDArray[np.uint8], candidates: Iterator[_Candidate]) -> LabelFound | None:
    judged = (_judge(pixels, candidate) for candidate in candidates)
    return max((label for label in judged if label), key=_rank, default=None)


def _rank(label: LabelFound) -> tuple[bool, float]:
    return label.valid, label.score


def _expected(pixels: NDArray[np.uint8]) -> Iterator[_Candidate]:
    """Look where our label stands in each corner."""
    high, wide = pixels.shape[:2]
    layout = plan(wide, high)
    if layout is None:
        return
    mask = glyphs.line(layout.size, long=layout.long).mask
    for corner in CORNERS:
        x, y = layout.at(corner, wide, high)
        left, top = x + layout.left, y + layout.top
        window = measure.luma(pixels[top : top + mask.shape[0], left : left + mask.shape[1]])
        score = measure.correlation(window, mask)
        if score >= _WHOLE:
            yield _Candidate(left, top, layout.size, score)


def _anywhere(luma: NDArray[np.uint8]) -> Iterator[_Candidate]:
    """Search all of a picture: first reduced, over all sizes; then the best places again, closely."""
    coarse = sorted(_coarse(luma), key=lambda c: c.score, reverse=True)
    for candidate in coarse[:_CANDIDATES]:
        fine = _refine(luma, candidate)
        if fine.score >= _WHOLE:
            yield fine


def _coarse(luma: NDArray[np.uint8]) -> Iterator[_Candidate]:
    high, wide = luma.shape
    ours = max(_COARSE_SIZE, required_height(wide, high) / glyphs.LEAST_INK)
    mask = glyphs.line(_COARSE_SIZE, long=False).mask
    size = max(_COARSE_SIZE, ours * _SIZES[0])
    reduced = luma
    while size < ours * _SIZES[1]:
        scale = _COARSE_SIZE / size
        to = (round(wide * scale), round(high * scale))
        if to[0] < mask.shape[1] or to[1] < mask.shape[0]:
            return
        # Each reduction starts from the one before: reducing the full picture every time would cost most.
        reduced = cv2.resize(reduced, to, interpolation=cv2.INTER_AREA).astype(np.uint8)
        score, x, y = _peak(_correlate(reduced, mask))
        if score >= _COARSE:
            yield _Candidate(round(x / scale), round(y / scale), size, score)
        size *= _STEP


def _refine(luma: NDArray[np.uint8], candidate: _Candidate) -> _Candidate:
    """Return the best place and em near a coarse candidate."""
    scale = min(1.0, _FINE_SIZE / candidate.size)
    slack = round(candidate.size)
    left, top = max(0, candidate.x - slack), max(0, candidate.y - slack)
    right = candidate.x + glyphs.width(candidate.size, long=False) + slack
    window = luma[top : candidate.y + glyphs.height(candidate.size) + slack, left:right]
    to = (max(1, round(window.shape[1] * scale)), max(1, round(window.shape[0] * scale)))
    near = cv2.resize(window, to, interpolation=cv2.INTER_AREA).astype(np.uint8)
    best = _Candidate(candidate.x, candidate.y, candidate.size, 0.0)
    for factor in np.arange(0.9, 1.105, 0.0125):
        mask = glyphs.line(round(candidate.size * scale * factor, 1), long=False).mask
        if mask.shape[0] <= near.shape[0] and mask.shape[1] <= near.shape[1]:
            score, x, y = _peak(_correlate(near, mask))
            if score > best.score:
                at = left + round(x / scale), top + round(y / scale)
                best = _Candidate(*at, candidate.size * float(factor), score)
    return best


def _correlate(luma: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the correlation at each place; 0 where the picture is flat, where the quotient means nothing."""
    found = cv2.matchTemplate(luma, mask, cv2.TM_CCOEFF_NORMED)
    place = (slice(0, found.shape[0]), slice(0, found.shape[1]))
    box = (mask.shape[1], mask.shape[0])
    squares = cv2.sqrBoxFilter(luma, cv2.CV_32F, box, anchor=(0, 0), borderType=cv2.BORDER_REFLECT)[place]
    means = cv2.boxFilter(luma, cv2.CV_32F, box, anchor=(0, 0), borderType=cv2.BORDER_REFLECT)[place]
    seen = squares - means * means > _FLAT * _FLAT
    return np.where(seen & np.isfinite(found), found, 0).astype(np.float32)


def _peak(scores: NDArray[np.float32]) -> tuple[float, int, int]:
    row, column = np.unravel_index(int(scores.argmax()), scores.shape)
    return float(scores[row, column]), int(column), int(row)


def _judge(pixels: NDArray[np.uint8], candidate: _Candidate) -> LabelFound | None:
    """Measure a candidate; None where a glyph of the Chinese wording is not there."""
    high, wide = pixels.shape[:2]
    line = glyphs.line(candidate.size, long=True)
    window = pixels[candidate.y : candidate.y + line.mask.shape[0], candidate.x : candidate.x + line.mask.shape[1]]
    text = measure.read(window, line, _EACH)
    if not text:
        return None
    shown = glyphs.line(candidate.size, long=text == glyphs.LONG)
    right, bottom = candidate.x + shown.mask.shape[1], candidate.y + shown.mask.shape[0]
    window = pixels[candidate.y : bottom, candidate.x : right]
    glyph_height, contrast = measure.ink_height(window, shown), measure.contrast(window, shown)
    required = required_height(wide, high)
    edge = min(candidate.x, candidate.y, wide - right, high - bottom)
    faults: dict[Reason, bool] = {
        "too-small": glyph_height < required,
        "too-faint": contrast < LEAST_CONTRAST,
        "not-at-an-edge": edge > _EDGE * candidate.size,
    }
    box = (candidate.x, candidate.y, right, bottom)
    reasons = tuple(reason for reason, holds in faults.items() if holds)
    return LabelFound(text, box, glyph_height, required, contrast, candidate.score, reasons)
