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
_REACH: Final = 2.0


def gain(luma: NDArray[np.float32], strength: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mark's standard deviation at each pixel, and what to add to the picture so that the mark has room.

    Both in grey levels, shape [h, w], worked out on every second pixel, windows of ten pixels.

    Two effects of sight are used. Texture masks: the gain grows with the local standard deviation, ever more slowly.
    Its smallest value near a pixel counts, so that an edge does not spread a halo over the calm area beside it. In the
    dark a grey level is seen more easily, so dark areas get less than two thirds of what bright ones get.

    Room: where a picture is black or white, half of the mark would be cut off. Such areas move by up to two of the
    mark's standard deviations, a grey level where they are flat.
    """
    size = tuple(-(-side // 2) for side in luma.shape[::-1])
    mean = cv2.blur(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), _WINDOW)
    square = cv2.blur(cv2.resize(cv2.multiply(luma, luma), size, interpolation=cv2.INTER_AREA), _WINDOW)
    texture = np.sqrt(np.maximum(square - mean * mean, 0))
    texture = cv2.blur(cv2.erode(texture, _CALM), (3, 3))
    light = _DARK + (_BRIGHT - _DARK) / _BRIGHT_FROM * np.minimum(mean, _BRIGHT_FROM)
    allowed = strength * light * (_FLAT + _SLOPE * texture / (1 + texture / _BEND))
    reach = _REACH * allowed
    room = np.maximum(reach - mean, 0) - np.maximum(reach - (255 - mean), 0)
    full = luma.shape[::-1]
    return cv2.resize(allowed, full), cv2.resize(room, full)
