"""Find the tile's corner: correlate the synchronisation's waves at every shift, in the orientations asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from clearmark.mark.watermark.orient import places
from clearmark.mark.watermark.pattern import SIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from clearmark.mark.watermark.pattern import Pattern

_FINE: Final = np.linspace(-0.5, 0.5, 5)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A place where the synchronisation may lie.

    Attributes:
        score: its agreement, in standard deviations of chance; chance alone reaches about 4.5 over all shifts.
        orientation: index into `ORIENTATIONS`.
        row: how far the tile is shifted down, in pixels.
        column: how far it is shifted to the right.
    """

    score: float
    orientation: int
    row: float
    column: float


def find(spectrum: NDArray[np.complex64], pattern: Pattern, orientations: Sequence[int], count: int) -> list[Sighting]:
    """Return the best sightings in a folded picture's spectrum, best first, at most `count` of each orientation."""
    found = [s for o in orientations for s in _shifts(spectrum, pattern, o, count)]
    return sorted(found, key=lambda sighting: -sighting.score)


def refine(spectrum: NDArray[np.complex64], pattern: Pattern, sighting: Sighting) -> Sighting:
    """Return the best sighting within half a pixel: after rescaling, a corner lies between pixels."""
    matched, energy = _matched(spectrum, pattern, sighting.orientation)
    rows, columns = pattern.frequencies(pattern.sync)
    down = np.exp(2j * np.pi * np.outer(sighting.row + _FINE, rows))
    right = np.exp(2j * np.pi * np.outer(sighting.column + _FINE, columns))
    scores = np.einsum("rw,cw,w->rc", down, right, matched).real / energy
    at = divmod(int(scores.argmax()), len(_FINE))
    row, column = sighting.row + float(_FINE[at[0]]), sighting.column + float(_FINE[at[1]])
    return Sighting(float(scores[at]), sighting.orientation, row, column)


def upright(spectrum: NDArray[np.complex64], orientation: int) -> NDArray[np.complex64]:
    """Return the waves of the pattern, read from the spectrum of a picture in that orientation, shape [1536]."""
    return np.asarray(spectrum.reshape(-1)[places()[orientation]], np.complex64)


def _shifts(spectrum: NDArray[np.complex64], pattern: Pattern, orientation: int, count: int) -> list[Sighting]:
    matched, energy = _matched(spectrum, pattern, orientation)
    grid = np.zeros((SIDE, SIDE // 2 + 1), np.complex64)
    grid[pattern.rows[pattern.sync], pattern.columns[pattern.sync]] = matched
    correlation = np.fft.irfft2(grid, (SIDE, SIDE)).reshape(-1) * np.float32(SIDE * SIDE / 2)
    best = np.argpartition(correlation, -count)[-count:]
    return [
        Sighting(float(correlation[at]) / energy, orientation, float(at // SIDE), float(at % SIDE))
        for at in best.tolist()
    ]


def _matched(
    spectrum: NDArray[np.complex64], pattern: Pattern, orientation: int
) -> tuple[NDArray[np.complex64], float]:
    """Return the synchronisation's waves times its conjugate signs, and the root of their energy."""
    seen = upright(spectrum, orientation)[pattern.sync] * pattern.amplitude[pattern.sync]
    matched = seen * (pattern.sync_signs[:, 0] - 1j * pattern.sync_signs[:, 1])
    energy = float(np.sqrt(np.sum(np.square(np.abs(seen)), dtype=np.float64)))
    return matched, energy or 1.0
