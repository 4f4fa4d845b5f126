"""The eight ways in which a picture can be turned and mirrored without resampling."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np

from clearmark.mark.watermark.pattern import SIDE, waves

if TYPE_CHECKING:
    from numpy.typing import NDArray

Orientation = Literal[
    "upright",
    "mirrored",
    "turned-180",
    "mirrored-turned-180",
    "turned-90",
    "mirrored-turned-90",
    "turned-270",
    "mirrored-turned-270",
]
"""What was done to the marked picture: mirrored left to right first, then turned counter-clockwise."""

ORIENTATIONS: Final[tuple[Orientation, ...]] = get_args(Orientation)

_MATRICES: Final = (
    ((1, 0), (0, 1)),
    ((1, 0), (0, -1)),
    ((-1, 0), (0, -1)),
    ((-1, 0), (0, 1)),
    ((0, -1), (1, 0)),
    ((0, 1), (1, 0)),
    ((0, 1), (-1, 0)),
    ((0, -1), (-1, 0)),
)
"""Where a wave (row, column) of the upright tile lies in the spectrum of the oriented one."""


@lru_cache(maxsize=1)
def places() -> NDArray[np.intp]:
    """Return where the waves lie in each orientation's spectrum, as flat indices, shape [8, 1536]."""
    rows, columns, _ = waves()
    moved = np.array(_MATRICES) @ np.stack([rows, columns]) % SIDE
    return np.asarray(moved[:, 0] * SIDE + moved[:, 1], np.intp)
