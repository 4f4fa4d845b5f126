"""Find by how much a marked picture was scaled and tilted, by the autocorrelation: without the key.

Kutter (1998) and Kalker et al. (1999): a tiled mark agrees with itself wherever the picture is shifted by whole tiles.
The peaks that a scale and a tilt predict are added up, for every scale between 0.45 and 2.25: first without a tilt,
then for tilts up to 3 degrees, coarsely, and the best of those again in fine steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from clearmark.mark.watermark.pattern import SIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_SMALLEST, _LARGEST = 0.45, 2.25
_FINE_STEP, _COARSE_STEP = 0.0008, 0.0016
_TILTS: Final = np.radians([tilt / 5 for tilt in range(-15, 16) if tilt])
_FAR, _NEAR = 5, 2
"""Over how many tiles peaks are added up, finely and coarsely."""

_PADDING: Final = 1.6
_NEIGHBOURS: Final = (17, 17)
_STRONGEST: Final = 6.0
_LEAST_OVERLAP: Final = 0.05
_APART: Final = 3


@dataclass(frozen=True, slots=True)
class Lattice:
    """How a picture's tiles lie: scaled from 128 pixels, and tilted counter-clockwise by an angle in radians."""

    scale: float
    tilt: float


@dataclass(frozen=True, slots=True)
class _Autocorrelation:
    """A circular autocorrelation, shape [padded h, padded w], of a picture of `height` x `width`."""

    values: NDArray[np.float32]
    height: int
    width: int


def lattices(flat: NDArray[np.float32], straight: int, tilted: int) -> Iterator[Lattice]:
    """Yield the likeliest lattices of a flattened picture: so many straight ones, then so many tilted ones."""
    found = _autocorrelation(flat)
    grid = _scales(_FINE_STEP)
    for _, at in _highest(_agreement(found, grid, np.zeros(1), _FAR), straight):
        yield Lattice(float(grid[at]), 0.0)
    grid = _scales(_COARSE_STEP)
    for row, at in _highest(_agreement(found, grid, _TILTS, _NEAR), tilted):
        yield _refined(found, Lattice(float(grid[at]), float(_TILTS[row])))


def _refined(found: _Autocorrelation, coarse: Lattice) -> Lattice:
    """Return the best lattice near one, by peaks far away: they tell scale and tilt apart by fractions of a pixel."""
    scales = coarse.scale * (1 + np.arange(-8, 9) * _FINE_STEP / 2)
    tilts = coarse.tilt + np.radians(np.arange(-4, 5) / 20)
    row, at = _highest(_agreement(found, scales, tilts, _FAR), 1)[0]
    return Lattice(float(scales[at]), float(tilts[row]))


def _agreement(
    found: _Autocorrelation, scales: NDArray[np.float64], tilts: NDArray[np.float64], tiles: int
) -> NDArray[np.float64]:
    """Return how well each lattice's peaks stand out, shape [tilts, scales]."""
    ahead = SIDE * np.outer(np.cos(tilts), scales)
    aside = SIDE * np.outer(np.sin(tilts), scales)
    total, overlap = np.zeros(ahead.shape), np.zeros(ahead.shape)
    for down, right in _lags(tiles):
        rows, columns = down * ahead - right * aside, down * aside + right * ahead
        share = _share(rows, found.height, found.values.shape[0]) * _share(columns, found.width, found.values.shape[1])
        share[share < _LEAST_OVERLAP] = 0
        total += np.where(share > 0, _sample(found.values, rows, columns), 0)
        overlap += share
    # A peak's chance level grows with the root of its overlap: this makes many peaks and few comparable.
    return total / np.sqrt(overlap + _LEAST_OVERLAP)


def _autocorrelation(flat: NDArray[np.float32]) -> _Autocorrelation:
    """Correlate a padded picture with itself, its spectrum evened out so that no pattern of its own leads."""
    rows, columns = (cv2.getOptimalDFTSize(int(side * _PADDING)) for side in flat.shape)
    waves = np.fft.rfft2(flat, (rows, columns))
    power = np.square(waves.real) + np.square(waves.imag)
    power /= cv2.blur(power, _NEIGHBOURS) + np.float32(1e-6)
    np.minimum(power, _STRONGEST, out=power)
    values = np.fft.irfft2(power, (rows, columns)).astype(np.float32)
    height, width = flat.shape
    return _Autocorrelation(np.asarray(cv2.GaussianBlur(values, (0, 0), 0.7), np.float32), height, width)


def _share(lag: NDArray[np.float64], side: int, padded: int) -> NDArray[np.float64]:
    """Return the part of a side that overlaps itself at a lag; 0 beyond the lags that the padding keeps apart."""
    return np.where(np.abs(lag) < padded / 2, np.maximum(1 - np.abs(lag) / side, 0), 0)


def _sample(
    values: NDArray[np.float32], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float32]:
    height, width = values.shape
    at_x, at_y = (columns % width).astype(np.float32), (rows % height).astype(np.float32)
    return np.asarray(cv2.remap(values, at_x, at_y, cv2.INTER_LINEAR), np.float32)


def _highest(score: NDArray[np.float64], count: int) -> list[tuple[int, int]]:
    """Return where the highest scores are, no two within `_APART` of each other both ways."""
    found, left = [], score.copy()
    for _ in range(count):
        row, at = divmod(int(left.argmax()), left.shape[1])
        found.append((row, at))
        left[max(0, row - _APART) : row + _APART + 1, max(0, at - _APART) : at + _APART + 1] = -np.inf
    return found


@lru_cache(maxsize=2)
def _scales(step: float) -> NDArray[np.float64]:
    return np.asarray(np.exp(np.arange(np.log(_SMALLEST), np.log(_LARGEST), step)), np.float64)


@lru_cache(maxsize=2)
def _lags(tiles: int) -> tuple[tuple[int, int], ...]:
    """Return the lags up to so many tiles, (down, right), one of each opposite pair."""
    across = [(down, right) for down in range(-tiles, tiles + 1) for right in range(1, tiles + 1)]
    return (*((down, 0) for down in range(1, tiles + 1)), *across)
