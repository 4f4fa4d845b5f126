"""Real photographs, from the scikit-image package, and what happens to pictures on their way."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import skimage.data
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

NAMES: Final = ("astronaut", "coffee", "chelsea", "rocket", "camera", "retina")


@lru_cache(maxsize=32)
def photograph(name: str, side: int) -> Pixels:
    """Return the middle square of a photograph, RGB, read-only."""
    pixels = np.asarray(getattr(skimage.data, name)(), np.uint8)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    least = min(pixels.shape[:2])
    top, left = ((length - least) // 2 for length in pixels.shape[:2])
    square = pixels[top : top + least, left : left + least]
    method = cv2.INTER_AREA if least > side else cv2.INTER_CUBIC
    result = np.asarray(cv2.resize(square, (side, side), interpolation=method), np.uint8)
    result.flags.writeable = False
    return result


def compressed(form: str, quality: int) -> Callable[[Pixels], Pixels]:
    """Return an attack: stored in a format of that quality and opened again."""

    def attack(pixels: Pixels) -> Pixels:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, form, quality=quality)
        return np.array(Image.open(file).convert("RGB"))

    return attack


def scaled(factor: float) -> Callable[[Pixels], Pixels]:
    """Return an attack: resampled."""
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return lambda pixels: np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=method), np.uint8)


def cropped(part: float) -> Callable[[Pixels], Pixels]:
    """Return an attack: that part of the area is cut off, more of it at the right and the bottom."""

    def attack(pixels: Pixels) -> Pixels:
        height, width = (round(side * (1 - part) ** 0.5) for side in pixels.shape[:2])
        top, left = (pixels.shape[0] - height) // 3, (pixels.shape[1] - width) // 3
        return pixels[top : top + height, left : left + width]

    return attack


def noisy(deviation: float) -> Callable[[Pixels], Pixels]:
    """Return an attack: Gaussian noise."""

    def attack(pixels: Pixels) -> Pixels:
        noise = np.random.default_rng(1).normal(0, deviation, pixels.shape)
        return np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)

    return attack


def brighter(factor: float) -> Callable[[Pixels], Pixels]:
    """Return an attack: every value times a factor."""
    return lambda pixels: np.clip(np.rint(pixels * factor), 0, 255).astype(np.uint8)


def blurred(deviation: float) -> Callable[[Pixels], Pixels]:
    """Return an attack: Gaussian blur."""
    return lambda pixels: np.asarray(cv2.GaussianBlur(pixels, (0, 0), deviation), np.uint8)


def tilted(degrees: float) -> Callable[[Pixels], Pixels]:
    """Return an attack: turned a little counter-clockwise, corners cut off."""

    def attack(pixels: Pixels) -> Pixels:
        height, width = pixels.shape[:2]
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
        return np.asarray(cv2.warpAffine(pixels, turn, (width, height), flags=cv2.INTER_CUBIC), np.uint8)

    return attack


def in_turn(*attacks: Callable[[Pixels], Pixels]) -> Callable[[Pixels], Pixels]:
    """Return an attack: several, one after the other."""

    def attack(pixels: Pixels) -> Pixels:
        for each in attacks:
            pixels = each(pixels)
        return pixels

    return attack
