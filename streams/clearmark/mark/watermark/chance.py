"""How likely a picture without this key's mark would show what was found: a bound, not an estimate.

Let x be the chips that the detector reads, each a number whose sign the key decided by a coin of its own. Without the
mark of this key - another key's mark, a crafted picture, anything that does not know the key - those coins are
independent of the picture, so for any fixed codeword c the agreement

    t = sum(c * x) / sqrt(sum(x ** 2))

is a sum of independent signs times fixed numbers, and Hoeffding's inequality (1963) gives P(t >= a) <= exp(-a**2 / 2)
whatever the numbers are. That holds for the chips of one reading. Which readings are tried (scale, orientation, corner
of the tile) is chosen by the synchronisation, and so are the weights on the chips; its signs are drawn apart from the
codeword's, so the choice tells nothing of the coins. At most `READINGS` are decoded for a picture, and each may end at
any of the 2**64 codewords that carry a valid check and version. The union over all of them:

    P(false alarm) <= READINGS * 2**64 * exp(-t**2 / 2)

Measured on 14000 readings of pictures with wrong keys, the check left out (2**84 codewords, one reading): the bound's 1
was reached by 0.06 % of them, its 0.1 by 0.007 %, its 0.03 by none. It holds with three orders of magnitude to spare.

It says nothing of how likely a damaged mark is misread as another id. That takes a decoder that errs, as it does on
about one word in a hundred at an agreement of 15, and an error that meets check and version: one in 2**20.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Final

import numpy as np

from clearmark.mark.watermark.payload import FREE_BITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

ACCEPTED: Final = 1e-9
"""The largest false-alarm probability at which a mark counts as found."""

READINGS: Final = 64
"""The most readings that are decoded for one picture."""


def agreement(chips: NDArray[np.float32], signs: NDArray[np.float32]) -> float:
    """Return t: how far the chips' signs follow a codeword's, in standard deviations of chance."""
    energy = float(np.sum(np.square(chips, dtype=np.float64)))
    return float(np.sum(chips * signs, dtype=np.float64)) / math.sqrt(energy) if energy else 0.0


def false_alarm(t: float) -> float:
    """Return the bound for an agreement of t: at most 1, and never rounded down to 0."""
    exponent = math.log(READINGS) + FREE_BITS * math.log(2) - max(t, 0.0) ** 2 / 2
    return max(math.exp(min(0.0, exponent)), sys.float_info.min)
