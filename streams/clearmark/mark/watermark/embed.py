"""Put an imperceptible watermark that carries a content id into a picture.

    marked = picture + gain * tile

`pattern` draws the tile from the key and the content id's codeword, `gain` says how strong it may stand at each pixel.
Where the tile's corner lies is free, since the detector finds it anyway: of the 16384 places the one is taken where the
picture by chance already agrees most with the tile. That is worth about four standard deviations, and for a small
picture it decides.

A mark of the same key that is there already, if nothing but compression and cutting happened to it, is taken off while
the new one is put on: marking twice with one id changes nothing, with another id the new one is read. Marks of
different keys bear each other, and all of them can be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from clearmark.mark.watermark import ecc, payload
from clearmark.mark.watermark.gain import gain
from clearmark.mark.watermark.pattern import SIDE, pattern
from clearmark.mark.watermark.read import read
from clearmark.mark.watermark.sync import find
from clearmark.mark.watermark.tile import brightness, flatten, spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clearmark.ids import ContentId
    from clearmark.mark.watermark.pattern import Pattern

SMALLEST: Final = 128
"""The smallest shortest side, in pixels, that can carry the mark."""

_LOOKED_AT: Final = 512
_STRIP, _MARGIN = 2 * SIDE, 16
_REACH: Final = 2.0
_SMALL: Final = 256 * 256
_BOOSTS: Final = (1.2, 1.44)
_SAFE_SCORE, _SAFE_AGREEMENT = 4.8, 16.0


def embed(pixels: NDArray[np.uint8], content_id: ContentId, key: bytes, *, strength: float = 1.0) -> NDArray[np.uint8]:
    """Return a marked copy of a picture.

    Args:
        pixels: shape [h, w, 3] RGB or [h, w, 4] RGBA; alpha is left as it is.
        content_id: what the mark carries.
        key: 32 secret bytes.
        strength: factor on the mark's amplitude; 1 is imperceptible.

    Raises:
        ValueError: another shape or type, a side under `SMALLEST`, a key of another length, or a strength that is not
            positive.
    """
    if not strength > 0:
        raise ValueError("the watermark's strength must be positive")
    luma = brightness(pixels)
    if min(luma.shape) < SMALLEST:
        raise ValueError(f"a picture needs {SMALLEST} pixels on its shortest side to carry the watermark")
    drawn = pattern(key)
    codeword = ecc.encode(payload.pack(content_id))
    corner, former = _place(luma, drawn, codeword)
    tile, old = (np.roll(part, corner, (0, 1)) for part in (drawn.tile(codeword), former))
    marked = _added(pixels, strength * tile - old, strength)
    for boost in _BOOSTS:
        if luma.size > _SMALL or _stands(marked, drawn, content_id):
            break
        marked = _added(pixels, boost * strength * tile - old, boost * strength)
    return marked


def _place(
    luma: NDArray[np.float32], drawn: Pattern, codeword: NDArray[np.float32]
) -> tuple[tuple[int, int], NDArray[np.float32]]:
    """Return the (row, column) of the tile's corner, and the tile of the mark that is there already, else zeros.

    A former mark of the key gives the corner away. Else it is where the picture agrees with the tile best.
    """
    top, left = (max(0, side - _LOOKED_AT) // 2 // SIDE * SIDE for side in luma.shape)
    waves = spectrum(flatten(luma[top : top + _LOOKED_AT, left : left + _LOOKED_AT]))
    sighting = find(waves, drawn, (0,), 1)[0]
    if sighting.score >= _SAFE_SCORE:
        reading = read(waves, drawn, sighting)
        if reading.content_id is not None and reading.accepted:
            old = drawn.tile(ecc.encode(payload.pack(reading.content_id)))
            return (int(sighting.row), int(sighting.column)), old
    agreement = np.fft.irfft2(waves[:, : SIDE // 2 + 1] * np.conj(drawn.spectrum(codeword)), (SIDE, SIDE))
    return divmod(int(agreement.argmax()), SIDE), np.zeros((SIDE, SIDE), np.float32)


def _added(pixels: NDArray[np.uint8], tile: NDArray[np.float32], strength: float) -> NDArray[np.uint8]:
    """Return the picture with the tile all over it, and with room for a mark of that strength.

    Done in strips, which stay in the processor's cache.
    """
    marked = pixels.copy()
    if not tile.any():
        return marked
    height, width = pixels.shape[:2]
    across = np.tile(tile, (_STRIP // SIDE, -(-width // SIDE)))[:, :width]
    for top in range(0, height, _STRIP):
        above, bottom = max(0, top - _MARGIN), min(height, top + _STRIP)
        allowed, room = gain(brightness(pixels[above : bottom + _MARGIN]), _REACH * strength)
        inside = slice(top - above, bottom - above)
        change = cv2.add(cv2.multiply(allowed[inside], across[: bottom - top]), room[inside], dtype=cv2.CV_16S)
        strip = np.ascontiguousarray(pixels[top:bottom, :, :3])
        marked[top:bottom, :, :3] = cv2.add(strip, cv2.merge([change] * 3), dtype=cv2.CV_8U)
    return marked


def _stands(marked: NDArray[np.uint8], drawn: Pattern, content_id: ContentId) -> bool:
    """Return whether a mark can be read with a margin, so that it outlives a mild compression."""
    waves = spectrum(flatten(brightness(marked)))
    sighting = find(waves, drawn, (0,), 1)[0]
    reading = read(waves, drawn, sighting)
    safe = sighting.score >= _SAFE_SCORE and reading.agreement >= _SAFE_AGREEMENT
    return safe and reading.content_id == content_id
