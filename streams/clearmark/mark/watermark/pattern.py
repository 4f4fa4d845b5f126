"""What a key draws: which waves of the tile carry the synchronisation and which the codeword, with which signs.

The mark is a tile of 128 x 128 pixels, repeated over the picture from a corner that the detector finds by itself.
A tile is a sum of 1536 waves between 0.05 and 0.25 cycles a pixel: below, a mark would show and pictures have most of
their own energy; above, JPEG and downscaling remove it. Each wave carries two chips, the signs of its real and
imaginary part. One wave in eight belongs to the synchronisation, with signs fixed by the key; the others carry the
336 signs of the codeword, each on eight chips spread over all wave lengths, times a sign drawn from the key.

The layout is Cox, Kilian, Leighton and Shamoon's spread spectrum (1997) on Kalker, Depovere, Haitsma and Maes' tiled
pattern (1999). Signs and order come from SHAKE-256, which no library version changes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from clearmark.mark.watermark.ecc import CODED

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE: Final = 128
"""Pixels in a tile's side."""

KEY_BYTES: Final = 32

_LABEL: Final = b"clearmark image watermark 1"
_WAVES: Final = 1536
_GROUP: Final = 8
"""Waves next to each other in length, of which one belongs to the synchronisation."""

_LOWEST: Final = 0.05
_CENTRE, _WIDTH = 0.14, 0.2
_STRATA: Final = 2 * _WAVES * (_GROUP - 1) // _GROUP // CODED


@dataclass(frozen=True, slots=True)
class Pattern:
    """One key's waves, shortest frequency first.

    Attributes:
        rows: row of each wave in a tile's spectrum, shape [1536].
        columns: column of each wave, shape [1536]; 1 to 63, so that none is another's conjugate.
        amplitude: of each wave, shape [1536].
        sync: which waves belong to the synchronisation, shape [192], ascending.
        sync_signs: their chips, one + or - 1 for the real and one for the imaginary part, shape [192, 2].
        data: which waves carry the codeword, shape [1344], ascending.
        data_signs: the key's signs on their chips, shape [1344, 2].
        place: which of the codeword's 336 signs each chip carries, shape [1344, 2].
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    amplitude: NDArray[np.float32]
    sync: NDArray[np.intp]
    sync_signs: NDArray[np.float32]
    data: NDArray[np.intp]
    data_signs: NDArray[np.float32]
    place: NDArray[np.intp]

    def frequencies(self, chosen: NDArray[np.intp] | slice) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return down and right frequency of some waves, in cycles a pixel."""
        rows = self.rows[chosen]
        return np.where(rows > SIDE // 2, rows - SIDE, rows) / SIDE, self.columns[chosen] / SIDE

    def spectrum(self, codeword: NDArray[np.float32]) -> NDArray[np.complex64]:
        """Return the spectrum of the tile that carries 336 signs, shape [128, 65]: the half that irfft2 takes."""
        chips = np.empty((_WAVES, 2), np.float32)
        chips[self.sync] = self.sync_signs
        chips[self.data] = self.data_signs * codeword[self.place]
        spectrum = np.zeros((SIDE, SIDE // 2 + 1), np.complex64)
        spectrum[self.rows, self.columns] = self.amplitude * (chips[:, 0] + 1j * chips[:, 1])
        return spectrum

    def tile(self, codeword: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the tile that carries 336 signs, shape [128, 128], mean 0, standard deviation 1."""
        tile = np.fft.irfft2(self.spectrum(codeword), (SIDE, SIDE))
        return np.asarray(tile / tile.std(), np.float32)


@lru_cache(maxsize=16)
def pattern(key: bytes) -> Pattern:
    """Return what a key draws.

    Raises:
        ValueError: the key has not 32 bytes.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"the watermark key has {KEY_BYTES} bytes")
    rows, columns, frequency = waves()
    draw = _Draw(key)
    chosen = np.arange(0, _WAVES, _GROUP) + draw.numbers(_WAVES // _GROUP, b"sync waves") % _GROUP
    sync = chosen.astype(np.intp)
    data = np.setdiff1d(np.arange(_WAVES), sync)
    orders = draw.numbers(2 * len(data), b"place").reshape(_STRATA, CODED)
    return Pattern(
        rows,
        columns,
        np.exp(-(((frequency - _CENTRE) / _WIDTH) ** 2)).astype(np.float32),
        sync,
        draw.signs(2 * len(sync), b"sync signs").reshape(-1, 2),
        data,
        draw.signs(2 * len(data), b"data signs").reshape(-1, 2),
        np.argsort(orders, axis=1, kind="stable").reshape(-1, 2),
    )


def waves() -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return row, column and frequency of the 1536 lowest waves of the band; horizontal and vertical ones are left out.

    Pictures are full of horizontal and vertical edges, which lie on the spectrum's axes.
    """
    rows, columns = np.mgrid[0:SIDE, 1 : SIDE // 2].reshape(2, -1)
    squares = np.minimum(rows, SIDE - rows) ** 2 + columns**2
    usable = (rows != 0) & (rows != SIDE // 2) & (squares >= (_LOWEST * SIDE) ** 2)
    rows, columns, squares = rows[usable], columns[usable], squares[usable]
    order = np.lexsort((columns, rows, squares))[:_WAVES]
    return rows[order], columns[order], np.sqrt(squares[order]) / SIDE


class _Draw:
    """Numbers that follow from a key and a label: SHAKE-256, read as little-endian words."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def _bytes(self, count: int, label: bytes) -> NDArray[np.uint8]:
        return np.frombuffer(hashlib.shake_256(_LABEL + b"\0" + label + b"\0" + self._key).digest(count), np.uint8)

    def numbers(self, count: int, label: bytes) -> NDArray[np.uint64]:
        """Return numbers of 64 bits."""
        return self._bytes(8 * count, label).view("<u8").astype(np.uint64)

    def signs(self, count: int, label: bytes) -> NDArray[np.float32]:
        """Return signs, +1 and -1."""
        return (1 - 2 * (self._bytes(count, label) & 1).astype(np.float32)).astype(np.float32)
