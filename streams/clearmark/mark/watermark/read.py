"""Read the codeword at a sighting and say how likely chance would have shown it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from clearmark.mark.watermark import ecc, payload
from clearmark.mark.watermark.chance import ACCEPTED, agreement, false_alarm
from clearmark.mark.watermark.sync import upright

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clearmark.ids import ContentId
    from clearmark.mark.watermark.pattern import Pattern
    from clearmark.mark.watermark.sync import Sighting

_BANDS: Final = 12
_PRIOR: Final = 60.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sighting says. ``content_id`` is None where the check fails, whatever the agreement."""

    content_id: ContentId | None
    agreement: float

    @property
    def accepted(self) -> bool:
        """Whether the check holds and chance is ruled out."""
        return self.content_id is not None and self.false_alarm <= ACCEPTED

    @property
    def false_alarm(self) -> float:
        """The bound of `chance`."""
        return false_alarm(self.agreement)


def read(spectrum: NDArray[np.complex64], pattern: Pattern, sighting: Sighting) -> Reading:
    """Decode the chips at a sighting."""
    rows, columns = pattern.frequencies(slice(None))
    turns = rows * sighting.row + columns * sighting.column
    waves = upright(spectrum, sighting.orientation) * pattern.amplitude * np.exp(2j * np.pi * turns)
    parts = np.stack([waves.real, waves.imag], axis=1).astype(np.float32)
    weights = _weights(parts[pattern.sync] * pattern.sync_signs)
    chips = parts[pattern.data] * pattern.data_signs * np.repeat(weights, len(pattern.data) // len(weights))[:, None]
    soft = np.bincount(pattern.place.reshape(-1), chips.reshape(-1), ecc.CODED).astype(np.float32)
    bits = ecc.decode(soft)
    return Reading(payload.unpack(bits), agreement(chips, ecc.encode(bits)[pattern.place]))


def _weights(chips: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much a chip of each band of wavelengths is worth, shape [12], from the synchronisation's chips.

    The best weight is signal over noise power. Each band's signal is the mean of its 32 chips, drawn toward that of
    all chips; a band that shows none gets no weight. What remains of a picture that was compressed or shrunk are
    its long waves, and this finds out how long.
    """
    bands = chips.reshape(_BANDS, -1)
    noise = np.mean(np.square(bands), axis=1) + np.float32(1e-12)
    whole = chips.mean() / np.sqrt(np.mean(np.square(chips)) + np.float32(1e-12))
    size = bands.shape[1]
    signal = (bands.mean(axis=1) / np.sqrt(noise) * size + whole * _PRIOR) / (size + _PRIOR)
    signal = np.maximum(signal, 0)
    return np.asarray(signal / np.sqrt(noise), np.float32)
