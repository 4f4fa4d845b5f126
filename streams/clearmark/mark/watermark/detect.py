"""Find and read the watermark of a picture.

First the middle of the picture as it is. Then, if asked to be thorough: more of it, turned and mirrored; then scaled
and tilted as `lattice` proposes, in all eight orientations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from clearmark.mark.watermark.lattice import lattices
from clearmark.mark.watermark.orient import ORIENTATIONS, Orientation
from clearmark.mark.watermark.pattern import pattern
from clearmark.mark.watermark.read import read
from clearmark.mark.watermark.sync import find, refine
from clearmark.mark.watermark.tile import brightness, flatten, spectrum

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from clearmark.ids import ContentId
    from clearmark.mark.watermark.lattice import Lattice
    from clearmark.mark.watermark.pattern import Pattern

_LOOKED_AT, _LOOKED_AT_WIDELY = 1024, 2048
_CORRELATED: Final = 768
_LEAST_SIDE: Final = 48
_STRAIGHT, _TILTED = 8, 5
_SIGHTINGS: Final = 3
_LEAST_SCORE: Final = 3.8
_UPRIGHT: Final = (0,)
_ALL: Final = tuple(range(len(ORIENTATIONS)))


@dataclass(frozen=True, slots=True)
class Detection:
    """What was found.

    Attributes:
        content_id: None when no mark of this key was found.
        false_alarm: upper bound of the probability that a picture without this key's mark gives this result; None
            when none was found.
        score: agreement of the synchronisation, in standard deviations of chance. Over all places tried chance
            reaches about 5; a mark that cannot be read any more may still stand out.
        scale: by how much the picture was scaled since it was marked.
        orientation: how it was mirrored and turned since.
    """

    content_id: ContentId | None
    false_alarm: float | None
    score: float
    scale: float
    orientation: Orientation


def detect(pixels: NDArray[np.uint8], key: bytes, *, thorough: bool = True) -> Detection:
    """Find the watermark of a key.

    Args:
        pixels: shape [h, w, 3] RGB or [h, w, 4] RGBA.
        key: the 32 bytes that it was embedded with.
        thorough: also look for pictures that were mirrored, turned by right angles, tilted by up to 3 degrees or scaled
            by 0.45 to 2.25; else only for one that is as it was marked, or a cut-out of it.

    Raises:
        ValueError: another shape or type, or a key of another length.
    """
    best = None
    for found in _looks(brightness(pixels), pattern(key), thorough=thorough):
        if found.content_id is not None:
            return found
        if best is None or found.score > best.score:
            best = found
    return best or Detection(None, None, 0.0, 1.0, "upright")


def _looks(luma: NDArray[np.float32], drawn: Pattern, *, thorough: bool) -> Iterator[Detection]:
    """Yield what each way of looking at the picture shows, cheapest first."""
    if min(luma.shape) < _LEAST_SIDE:
        return
    middle, wide = _middle(luma, _LOOKED_AT), _middle(luma, _LOOKED_AT_WIDELY)
    flat = flatten(middle)
    yield _look(flat, drawn, _UPRIGHT, 1.0)
    if not thorough:
        return
    yield _look(flat if wide.shape == middle.shape else flatten(wide), drawn, _ALL, 1.0)
    for lattice in lattices(_middle(flat, _CORRELATED), _STRAIGHT, _TILTED):
        yield _look(flatten(_straightened(middle, lattice)), drawn, _ALL, lattice.scale)


def _look(flat: NDArray[np.float32], drawn: Pattern, orientations: Sequence[int], scale: float) -> Detection:
    """Read the best sightings of some orientations."""
    waves = spectrum(flat)
    sightings = find(waves, drawn, orientations, _SIGHTINGS)[:_SIGHTINGS]
    if scale != 1.0:
        sightings = [refine(waves, drawn, sighting) for sighting in sightings]
    for sighting in sightings:
        if sighting.score < _LEAST_SCORE:
            break
        reading = read(waves, drawn, sighting)
        if reading.accepted:
            orientation = ORIENTATIONS[sighting.orientation]
            return Detection(reading.content_id, reading.false_alarm, sighting.score, scale, orientation)
    best = sightings[0]
    return Detection(None, None, best.score, scale, ORIENTATIONS[best.orientation])


def _straightened(luma: NDArray[np.float32], lattice: Lattice) -> NDArray[np.float32]:
    """Return the picture as its tiles lay when it was marked."""
    if lattice.tilt:
        height, width = luma.shape
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), -math.degrees(lattice.tilt), 1.0)
        turned = cv2.warpAffine(luma, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        luma = np.asarray(turned, np.float32)
    method = cv2.INTER_AREA if lattice.scale > 1 else cv2.INTER_CUBIC
    factor = 1 / lattice.scale
    return np.asarray(cv2.resize(luma, None, fx=factor, fy=factor, interpolation=method), np.float32)


def _middle(image: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """Return the middle of an image, no side longer than `most`."""
    top, left = (max(0, side - most) // 2 for side in image.shape)
    return image[top : top + most, left : left + most]
