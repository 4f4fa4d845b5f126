"""PDQ: 256 bits that stay nearly the same when a picture is resized, recompressed or brightened.

The algorithm is Meta's ("The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm", 2019): luminance,
two passes of a box filter along each axis down to 64 x 64, the 16 x 16 lowest frequencies of its cosine transform but
the constant ones, and a bit for each that is above their median. Hashes agree
with the reference library's. Turned and mirrored pictures have other hashes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Generic, Self, TypeVar

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

T = TypeVar("T")

WORTHY: Final = 50
"""Hashes of lower quality, 0 to 100, come from pictures too flat to tell apart (the paper's advice)."""
_SIDE: Final = 64
_SMALLEST: Final = 5
_HEX64: Final = re.compile(r"[0-9a-f]{64}")
_TOP, _DOWN = np.arange(1, 17)[:, None], 2 * np.arange(_SIDE) + 1
_COSINES: Final = np.sqrt(2 / _SIDE) * np.cos(np.pi / (2 * _SIDE) * _TOP * _DOWN)
_RGBA: Final = 4


@dataclass(frozen=True, slots=True, order=True)
class Pdq:
    """256 bits; bit ``16 i + j`` is row frequency ``i + 1``, column frequency ``j + 1``. Written as 64 hex digits."""

    value: int

    def __post_init__(self) -> None:
        if not 0 <= self.value < 1 << 256:
            raise ValueError("a PDQ hash has 256 bits")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read 64 lower-case hex digits, highest bit first.

        Raises:
            ValueError: anything else.
        """
        if not _HEX64.fullmatch(text):
            raise ValueError(f"a PDQ hash is 64 hex digits, not {text[:80]!r}")
        return cls(int(text, 16))

    def __str__(self) -> str:
        return f"{self.value:064x}"


def distance(a: Pdq, b: Pdq) -> int:
    """Return the number of bits that differ, 0 to 256: up to about 31 for one picture, about 128 for two."""
    return (a.value ^ b.value).bit_count()


def pdq(pixels: NDArray[np.uint8]) -> tuple[Pdq, int]:
    """Hash a picture; a thumbnail with a longest side of 512 pixels is enough.

    Args:
        pixels: ``[height, width, 3]`` RGB, or ``[height, width, 4]`` RGBA, seen over white.

    Returns:
        The hash and its quality, 0 to 100. A picture with a side below 5 pixels has quality 0.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < _SMALLEST:
        return Pdq(0), 0
    small = _shrink(_luminance(pixels))
    frequencies = (_COSINES @ small @ _COSINES.T).ravel()
    median = np.partition(frequencies, 127)[127]  # the lower of the two middle ones
    bits = np.packbits(frequencies > median, bitorder="little")
    return Pdq(int.from_bytes(bits.tobytes(), "little")), _quality(small)


class PdqIndex(Generic[T]):
    """Finds known pictures.

    Args:
        entries: each a hash, the largest distance in bits at which a picture counts as it, and what to return.
    """

    def __init__(self, entries: Iterable[tuple[Pdq, int, T]]) -> None:
        known = list(entries)
        words = np.concatenate([_words(entry[0]) for entry in known]) if known else np.empty(0, np.uint64)
        self._columns = np.ascontiguousarray(words.reshape(-1, 4).T)
        self._within = np.array([entry[1] for entry in known], np.int64)
        self._things = [entry[2] for entry in known]

    def __len__(self) -> int:
        return len(self._things)

    def find(self, wanted: Pdq, quality: int) -> list[T]:
        """Return what is close enough, the closest first; nothing for a hash whose quality is below ``WORTHY``."""
        if quality < WORTHY:
            return []
        differing = np.bitwise_count(self._columns ^ _words(wanted)[:, None]).sum(axis=0, dtype=np.int64)
        near = np.flatnonzero(differing <= self._within)
        return [self._things[i] for i in near[np.argsort(differing[near], kind="stable")]]


def _luminance(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return ``[height, width]``, 0 to 255, not rounded."""
    colours = np.asarray(cv2.cvtColor(pixels[:, :, :3].astype(np.float32), cv2.COLOR_RGB2GRAY), np.float32)
    if pixels.shape[2] < _RGBA:
        return colours
    opacity = pixels[:, :, 3].astype(np.float32) / np.float32(255)
    return np.asarray((colours - 255) * opacity + 255, np.float32)


def _shrink(luminance: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return ``[64, 64]``. Sums of a few samples each: faster than matrices, and no threads of a BLAS."""
    (down, down_weights), (along, along_weights) = map(_tent, luminance.shape)
    rows = np.einsum("kt,ktw->kw", down_weights, luminance[down])
    return np.asarray(np.einsum("kt,hkt->hk", along_weights, rows[:, along]), np.float64)


@lru_cache(maxsize=1024)
def _tent(length: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return, for each of the 64 places that are kept, ``[64, taps]``: the samples it is made of and their weights.

    The filter is a box of ``width`` samples applied twice: at ``i`` it reaches one sample further ahead than back where
    ``width`` is even, and is cut off at the borders.
    """
    width = (length + 2 * _SIDE - 1) // (2 * _SIDE)
    box = np.arange(width) + width // 2 + 1 - width
    places = ((np.arange(_SIDE)[:, None] + 0.5) * length / _SIDE).astype(np.int64)
    outer = places + box
    inner = outer[:, :, None] + box
    used, within = (outer >= 0) & (outer < length), (inner >= 0) & (inner < length)
    shares = within / np.maximum(within.sum(axis=2), 1)[:, :, None]
    shares *= (used / used.sum(axis=1)[:, None])[:, :, None]
    weights = np.zeros((_SIDE, 2 * width - 1))
    for offset in range(width):
        weights[:, offset : offset + width] += shares[:, offset]
    taps = places + 2 * box[0] + np.arange(2 * width - 1)
    return np.clip(taps, 0, length - 1), weights.astype(np.float32)


def _quality(small: NDArray[np.float64]) -> int:
    """Return 0 to 100: how much neighbours of ``[64, 64]`` differ, differences below a hundredth not counted."""
    steps = sum(int(np.abs(np.diff(small, axis=axis) * 100 / 255).astype(np.int64).sum()) for axis in (0, 1))
    return min(steps // 90, 100)


def _words(wanted: Pdq) -> NDArray[np.uint64]:
    """Return the hash as 4 numbers, the highest bits first."""
    return np.frombuffer(wanted.value.to_bytes(32, "big"), ">u8").astype(np.uint64)
