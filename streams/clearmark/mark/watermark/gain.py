"""How strong the mark may stand at each pixel without showing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WINDOW: Final = (5, 5)
_CALM: Final = np.ones((3, 3), np.uint8)
_FLAT, _SLOPE, _BEND = 0.5, 0.46, 5.5
_DARK, _BRIGHT, _BRIGHT_FROM = 0.65, 1.1, 160.0


def gain(luma: NDArray[np.float32], reach: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mark's standard deviation at each pixel, and what to add to the picture so that the mark has room.

    Both in grey levels, shape [h, w], worked out on every second pixel in windows of ten pixels.

    Two effects of sight are used. Texture masks: the gain grows with the local standard deviation, ever more slowly.
    Its smallest value near a pixel counts, so that an edge does not spread a halo over the calm area beside it. In the
    dark a grey level is seen more easily, so dark areas get less than two thirds of what bright ones get.

    Room: where a picture is black or white, half of the mark would be cut off. Such areas move away from the limit by
    up to `reach` standard deviations of the mark, where they are flat about a grey level.
    """
    height, width = luma.shape
    size = (-(-width // 2), -(-height // 2))
    mean = cv2.blur(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), _WINDOW)
    square = cv2.blur(cv2.resize(cv2.multiply(luma, luma), size, interpolation=cv2.INTER_AREA), _WINDOW)
    texture = np.sqrt(np.maximum(square - mean * mean, 0))
    texture = cv2.blur(cv2.erode(texture, _CALM), (3, 3))
    light = _DARK + (_BRIGHT - _DARK) / _BRIGHT_FROM * np.minimum(mean, _BRIGHT_FROM)
    allowed = light * (_FLAT + _SLOPE * texture / (1 + texture / _BEND))
    needed = reach * allowed
    room = np.maximum(needed - mean, 0) - np.maximum(needed - (255 - mean), 0)
    full = (width, height)
    return np.asarray(cv2.resize(allowed, full), np.float32), np.asarray(cv2.resize(room, full), np.float32)
