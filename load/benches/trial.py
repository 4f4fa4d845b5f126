"""What a watermark costs and survives, on one picture. Runs in our interpreter and in the rivals': numpy and cv2."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

PAYLOAD = 0xC1EA2A54D0F1E2B7
"""64 bits, half of them set."""
REPEATS = 3
"""Of each timing on each picture: the median counts."""


class Scheme(Protocol):
    """One way of watermarking. Pictures are ``[height, width, 3]`` RGB, a payload is 64 bits."""

    name: str

    def embed(self, pixels: Pixels, payload: int) -> Pixels:
        """Return the marked picture."""
        ...

    def decode(self, pixels: Pixels) -> int | None:
        """Return the payload, or None where the scheme says that there is none."""
        ...


def attacks() -> dict[str, Callable[[Pixels], Pixels]]:
    """Return what is done to a marked picture, by name; pixels that nothing happens to come first."""
    return {
        "none": lambda p: p,
        "JPEG 70": lambda p: _jpeg(p, 70),
        "JPEG 50": lambda p: _jpeg(p, 50),
        "crop 25 %": _crop,
        "scale 0.75": _shrink,
        "all three": lambda p: _jpeg(_shrink(_crop(p)), 75),
    }


def try_out(scheme: Scheme, pixels: Pixels, payload: int = PAYLOAD) -> dict[str, Any]:
    """Return ``embed`` ms, ``psnr`` in dB, and by name in ``attacks`` the ``ms`` of decoding and if it was ``read``."""
    cv2.setNumThreads(1)
    marked, embed_ms = _timed(lambda: scheme.embed(pixels.copy(), payload))
    error = float(np.mean(np.square(marked.astype(np.float64) - pixels)))
    result: dict[str, Any] = {
        "scheme": scheme.name,
        "embed": embed_ms,
        "psnr": 10 * float(np.log10(255**2 / error)) if error else None,
        "attacks": {},
    }
    for name, attack in attacks().items():
        attacked = np.ascontiguousarray(attack(marked))
        found, ms = _timed(lambda seen=attacked: scheme.decode(seen.copy()))  # type: ignore[misc]
        result["attacks"][name] = {"ms": ms, "read": found == payload}
    return result


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    took = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        found = call()
        took.append((time.perf_counter() - begun) * 1000)
        if took[0] > 300:
            break  # long enough to be told from noise
    return found, statistics.median(took)


def _jpeg(pixels: Pixels, quality: int) -> Pixels:
    """Return the picture after a JPEG file with chroma at half size, as cameras and messengers write it."""
    _, file = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]


def _crop(pixels: Pixels) -> Pixels:
    """Cut off a quarter of the area, more at the top and left: its place is no multiple of any block."""
    height, width = pixels.shape[:2]
    keep = 0.75**0.5
    high, wide = round(height * keep), round(width * keep)
    top, left = round((height - high) * 0.6) | 1, round((width - wide) * 0.7) | 1
    return pixels[top : top + high, left : left + wide]


def _shrink(pixels: Pixels) -> Pixels:
    small = cv2.resize(np.ascontiguousarray(pixels), None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)
