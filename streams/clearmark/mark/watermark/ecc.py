"""The error-correcting code: tail-biting convolutional, rate 1/4, memory 11, decoded softly over a circle.

84 bits become 336. Tail-biting (Ma and Wolf, 1986) spends no bits on ending the code: the register starts with the
block's own last bits. The free distance is 32. Polynomials: the rate-1/4, constraint-length-12 entry of the published
tables of good codes (4767, 5723, 6265, 7455 octal).

The decoder walks two laps around the circle, starting half a lap early with all states equal, and keeps the lap in
the middle (circular Viterbi; Cox and Sundberg, 1994). Measured on Gaussian noise: 60 % of words
at Eb/N0 = -0.5 dB, 93 % at 0.5 dB, 99.8 % at 1.7 dB.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from clearmark.mark.watermark.payload import BITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE: Final = 4
CODED: Final = BITS * RATE

_POLYNOMIALS: Final = (0o4767, 0o5723, 0o6265, 0o7455)
_MEMORY: Final = 11
_STATES: Final = 1 << _MEMORY
_HALF: Final = _STATES >> 1
_LEAD: Final = BITS // 2


def encode(bits: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the codeword of 84 bits as 336 signs, +1 for a coded 0 and -1 for a coded 1."""
    past = np.stack([np.roll(bits, age) for age in range(_MEMORY + 1)], axis=1).astype(np.int64)
    taps = np.array([[p >> age & 1 for age in range(_MEMORY + 1)] for p in _POLYNOMIALS])
    return np.asarray(1 - 2 * (past @ taps.T % 2), np.float32).reshape(CODED)


def decode(soft: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the 84 bits whose codeword fits best.

    Args:
        soft: shape [336]; positive where a coded 0 is likelier, of any common scale.
    """
    # Not a matrix product: a threaded BLAS takes a hundred times as long for one this small on a busy machine.
    branches = np.einsum("tr,rb->tb", soft.reshape(BITS, RATE), _branch_signs()).reshape(BITS, 2, 2, _HALF)
    metric = np.zeros(_STATES, np.float32)
    even, odd = np.empty((2, _HALF), np.float32), np.empty((2, _HALF), np.float32)
    from_odd = np.empty((2 * BITS, 2, _HALF), np.bool_)
    for step in range(2 * BITS):
        branch = branches[(step - _LEAD) % BITS]
        np.add(metric[0::2], branch[0], out=even)
        np.add(metric[1::2], branch[1], out=odd)
        np.greater(odd, even, out=from_odd[step])
        np.maximum(even, odd, out=metric.reshape(2, _HALF))
    return _trace(from_odd.reshape(2 * BITS, _STATES), int(metric.argmax()))


def _trace(from_odd: NDArray[np.bool_], state: int) -> NDArray[np.uint8]:
    """Follow the survivors back from a state and return the bits of the middle lap."""
    bits = np.empty(2 * BITS, np.uint8)
    for step in reversed(range(2 * BITS)):
        bits[step] = state >= _HALF
        state = state % _HALF * 2 + int(from_odd[step, state])
    return bits[_LEAD : _LEAD + BITS]


@lru_cache(maxsize=1)
def _branch_signs() -> NDArray[np.float32]:
    """Return the signs that each branch puts out, shape [4, 4096].

    A state holds the last eleven bits, newest highest, so the two branches into a state come from an even state and
    the odd one beside it. The 4096 branches are ordered (oldest bit, newest bit, the ten between).
    """
    oldest, newest, between = np.ogrid[:2, :2, :_HALF]
    register = (newest << _MEMORY | between << 1 | oldest).reshape(-1)  # age of a bit = distance from the top
    reversed_taps = [int(f"{p:0{_MEMORY + 1}b}"[::-1], 2) for p in _POLYNOMIALS]
    return np.stack([1 - 2.0 * (np.bitwise_count(register & taps) % 2) for taps in reversed_taps]).astype(np.float32)
