"""Pictures as screening sees them: small, decoded in a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clearmark.extract.limits import ExtractLimits
from clearmark.extract.pool import Extractor
from clearmark.screen.admit import Refusal
from clearmark.screen.pdq import WORTHY, pdq

if TYPE_CHECKING:
    from clearmark.screen.pdq import Pdq
    from clearmark.screen.policy import Limits

_LIMITS: Final = ExtractLimits()
LONGEST: Final = 512
"""Pixels of the longest side that models and hashes see."""


def extract_limits(limits: Limits) -> ExtractLimits:
    """Return what the policy allows a picture to cost."""
    more = max(0, limits.image_bytes - _LIMITS.file_bytes)
    memory = _LIMITS.memory_bytes + 4 * more  # a larger file stands several times in the child's memory
    return ExtractLimits(file_bytes=limits.image_bytes, pixels=limits.image_pixels, memory_bytes=memory)


def hash_of(data: bytes, content_type: str) -> Pdq:
    """Return a picture file's perceptual hash.

    Raises:
        ValueError: the file is no picture of this type, or too flat to be told from others.
        Retry: the sandbox cannot be started.
    """
    with Extractor() as extractor:
        seen = extractor.thumbnail(data, content_type, LONGEST)
    if isinstance(seen, Refusal):
        raise ValueError(f"the picture cannot be used ({seen.code}): give a PNG, JPEG, WebP or GIF file")  # noqa: TRY004
    found, quality = pdq(seen.pixels)
    if quality < WORTHY:
        raise ValueError("the picture is too flat to be told from others")
    return found
