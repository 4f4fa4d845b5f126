"""What the watermark says: 4 bits of version, 64 bits of content id, 16 bits of check."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Final

import numpy as np

from clearmark.ids import ContentId

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERSION: Final = 1
BITS: Final = 84
FREE_BITS: Final = 64
"""How many of the bits may differ between two payloads that `unpack` takes: the content id's."""

_VERSION_BITS, _ID_BITS, _CHECK_BITS = 4, 64, 16


def pack(content_id: ContentId) -> NDArray[np.uint8]:
    """Return the payload, shape [84], values 0 and 1, most significant bit first."""
    word = (VERSION << _ID_BITS | content_id.value) << _CHECK_BITS | _check(content_id)
    return np.array([word >> place & 1 for place in reversed(range(BITS))], np.uint8)


def unpack(bits: NDArray[np.uint8]) -> ContentId | None:
    """Return the content id of a payload, or None where version or check say that it is none of ours."""
    word = int("".join(map(str, bits.tolist())), 2)
    content_id = ContentId(word >> _CHECK_BITS & (1 << _ID_BITS) - 1)
    if word >> _CHECK_BITS + _ID_BITS != VERSION or word & (1 << _CHECK_BITS) - 1 != _check(content_id):
        return None
    return content_id


def _check(content_id: ContentId) -> int:
    """Return the CRC-16 (CCITT polynomial) of version and content id."""
    return binascii.crc_hqx(bytes([VERSION]) + content_id.to_bytes(), 0xFFFF)
