"""Any of Pillow's modes to 8-bit RGB or RGBA."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.ImageFile import ImageFile

_TO_EIGHT: Final = ((np.arange(1 << 16) * 255 + 32767) // 65535).astype(np.uint8)
"""16-bit samples to 8 bits, rounded."""
_BAND: Final = 1 << 20
"""Pixels copied at a time, so that a large picture is not in memory once more."""


def raw_mode(image: ImageFile) -> object:
    """Return how the samples lie in the file, in Pillow's words. Known until the picture is loaded."""
    return image.tile[0].args if image.tile else None


def is_grey(image: Image.Image, raw: object) -> bool:
    """Return whether a loaded picture holds luminance only: by its mode, or by a palette of greys."""
    if image.mode == "P":
        palette = image.getpalette("RGB") or []
        return palette[0::3] == palette[1::3] == palette[2::3]
    return image.mode in ("1", "L", "LA", "I;16") or raw == "LA;16B"


def flatten(image: Image.Image, raw: object, data: bytes) -> Image.Image:
    """Return a loaded picture as RGB, or as RGBA where the file has transparency.

    CMYK is converted without its profile, as browsers do for a picture without one.
    """
    transparent = image.info.get("transparency")
    if image.mode == "I;16":
        return _flatten_deep_grey(image, transparent)
    if raw == "RGB;16B" and transparent is not None:
        return _flatten_deep_colour(image, transparent, data)
    has_alpha = transparent is not None or image.mode in ("LA", "PA", "RGBA")
    return image.convert("RGBA" if has_alpha else "RGB")


def to_array(image: Image.Image) -> NDArray[np.uint8]:
    """Return ``[height, width, channels]`` of an RGB or RGBA picture."""
    width, height = image.size
    pixels = np.empty((height, width, len(image.getbands())), np.uint8)
    rows = max(1, _BAND // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        pixels[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return pixels


def _flatten_deep_grey(image: Image.Image, transparent: int | None) -> Image.Image:
    samples = np.asarray(image)
    grey = Image.fromarray(_TO_EIGHT[samples])
    if transparent is None:
        return grey.convert("RGB")
    alpha = Image.fromarray(np.where(samples == transparent, 0, 255).astype(np.uint8))
    return Image.merge("RGBA", (grey, grey, grey, alpha))


def _flatten_deep_colour(image: Image.Image, transparent: tuple[int, int, int], data: bytes) -> Image.Image:
    """Return RGBA of a 16-bit picture with one transparent colour, which only both bytes of each sample tell.

    Pillow keeps the high bytes; the low ones are read by decoding once more as if the samples began with them.
    """
    lower = Image.open(BytesIO(data), formats=("PNG",))
    lower.tile = [tile._replace(args="RGB;16L") for tile in lower.tile]
    high, low, colour = np.asarray(image), np.asarray(lower), np.array(transparent)
    clear = ((high == colour >> 8) & (low == colour & 0xFF)).all(axis=2)
    alpha = Image.fromarray(np.where(clear, 0, 255).astype(np.uint8))
    return Image.merge("RGBA", (*image.split(), alpha))
