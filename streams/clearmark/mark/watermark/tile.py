"""From a picture to one tile: take the picture's own content down, then lay all tiles on top of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from clearmark.mark.watermark.pattern import SIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIRST, _SECOND = (5, 1.0), (7, 0.3)
_CUT: Final = 2.0
_COMPRESSION: Final = 0.5


def brightness(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a picture's luma, shape [h, w], 0 to 255.

    Raises:
        ValueError: neither RGB nor RGBA of 8 bits, or no pixel at all.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in {3, 4} or not pixels.size:  # noqa: PLR2004
        raise ValueError("a picture is an array [h, w, 3 or 4] of uint8")
    return cv2.cvtColor(np.ascontiguousarray(pixels[..., :3]), cv2.COLOR_RGB2GRAY).astype(np.float32)


def flatten(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the picture with its local mean taken off and its local spread evened out, twice, shape [h, w].

    The mark stands in proportion to texture, so this makes it equally strong everywhere while edges, the strongest
    part of a picture, count no more than anything else.
    """
    return _even(_even(luma, *_FIRST), *_SECOND)


def _even(values: NDArray[np.float32], window: int, floor: float) -> NDArray[np.float32]:
    """Return values less their mean, divided by their spread, in a square window; cut at two spreads."""
    detail = values - np.asarray(cv2.blur(values, (window, window)), np.float32)
    power = np.asarray(cv2.blur(cv2.multiply(detail, detail), (window, window)), np.float32)
    spread = np.sqrt(np.maximum(power, 0, out=power), out=power)
    spread += np.float32(floor)
    detail /= spread
    return np.clip(detail, -_CUT, _CUT, out=detail)


def fold(flat: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sum of all tiles, shape [128, 128]; one that the edge cuts off counts as far as it goes."""
    height, width = flat.shape
    padded = np.zeros((-(-height // SIDE) * SIDE, -(-width // SIDE) * SIDE), np.float32)
    padded[:height, :width] = flat
    across = padded.reshape(-1, SIDE, padded.shape[1]).sum(axis=0)
    return np.asarray(across.reshape(SIDE, -1, SIDE).sum(axis=1), np.float32)


def spectrum(flat: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Return the folded tile's spectrum, shape [128, 128], strong waves held down: each is a power of 0.4 of itself."""
    waves = np.asarray(np.fft.fft2(fold(flat)), np.complex64)
    return waves / (np.abs(waves) ** _COMPRESSION + np.float32(1e-3))
