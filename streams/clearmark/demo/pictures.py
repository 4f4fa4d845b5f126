"""What the demo publishes beside texts: real photographs, and pictures that a publisher can get wrong.

The photographs are those in the scikit-image package, each free to use (its ``skimage/data/README.txt`` names the
sources). The stand-in for nudity is made of ellipses.
"""

from __future__ import annotations

import io
import struct
import zlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from PIL import Image

from clearmark.publish import Upload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_PHOTOGRAPHS: Final = (
    ("astronaut", "JPEG"), ("coffee", "JPEG"), ("chelsea", "WEBP"), ("rocket", "JPEG"), ("camera", "PNG"),
    ("moon", "JPEG"), ("coins", "PNG"), ("hubble_deep_field", "JPEG"), ("clock", "WEBP"), ("colorwheel", "PNG"),
    ("retina", "JPEG"), ("immunohistochemistry", "WEBP"),
)  # fmt: skip
KNOWN: Final = "coins"
"""The photograph that plays the part of known prohibited content."""


def photographs_are_there() -> bool:
    """Return whether the package with the photographs is installed (the extra ``demo``)."""
    return find_spec("skimage") is not None


def photograph(name: str) -> NDArray[np.uint8]:
    """Return a photograph as ``[height, width, 3]``; without the package, a drawn picture that stands in for it."""
    if not photographs_are_there():
        return _drawn(name)
    from skimage import data  # noqa: PLC0415 - of the demo only

    picture = np.asarray(getattr(data, name)(), np.uint8)
    return picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)  # noqa: PLR2004


def _drawn(name: str) -> NDArray[np.uint8]:
    """Return clouds of colour, ``[384, 512, 3]``: each name has its own, always the same."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    picture = np.zeros((384, 512, 3), np.float32)
    for octave in range(2, 8):
        cells = random.normal(size=(1 << octave, 1 << octave, 3)).astype(np.float32)
        picture += cv2.resize(cells, (512, 384), interpolation=cv2.INTER_CUBIC) / 2.0 ** (0.8 * octave)
    low, high = picture.min(axis=(0, 1)), picture.max(axis=(0, 1))
    return np.asarray((picture - low) / (high - low) * 255, np.uint8)


def encoded(picture: NDArray[np.uint8], kind: str, **options: int) -> bytes:
    """Return a picture's file: ``JPEG``, ``PNG`` or ``WEBP``."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, kind, **({"quality": 90} if kind != "PNG" else {}), **options)
    return stream.getvalue()


def photographs() -> Iterator[Upload]:
    """Yield the photographs that nothing is wrong with."""
    for i, (name, kind) in enumerate(_PHOTOGRAPHS):
        if name != KNOWN:
            file = encoded(photograph(name), kind)
            yield Upload(file, f"image/{kind.lower()}", f"user-{i:02d}", f"photo-{name}")


def known_again() -> bytes:
    """Return the known picture as somebody might publish it again: smaller, and recompressed."""
    small = cv2.resize(photograph(KNOWN), None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    return encoded(np.asarray(small, np.uint8), "JPEG")


def special() -> Iterator[Upload]:
    """Yield pictures with something wrong; each id says what."""
    whole = encoded(photograph("chelsea"), "PNG")
    for name, kind, file in (
        ("known-picture-resized", "image/jpeg", known_again()),
        ("nudity-stand-in", "image/jpeg", encoded(stand_in(), "JPEG")),
        ("truncated-png", "image/png", whole[: len(whole) // 2]),
        ("decompression-bomb", "image/png", bomb()),
        ("jpeg-called-png", "image/png", encoded(photograph("coffee"), "JPEG")),
        ("sound", "audio/wav", b"RIFF\x24\x00\x00\x00WAVEfmt "),
    ):
        yield Upload(file, kind, f"user-{name}", name)


def mangle(file: bytes) -> bytes:
    """Return a marked picture as it may come back from the wild: cropped, smaller, recompressed, without metadata."""
    picture = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
    high, wide = picture.shape[:2]
    part = picture[high // 20 : high - high // 12, wide // 16 : wide - wide // 24]
    return encoded(np.asarray(cv2.resize(part, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA), np.uint8), "JPEG")


def bomb() -> bytes:
    """Return a PNG of a few bytes that says it has 60,000 x 60,000 pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def stand_in(seed: int = 188, side: int = 384) -> NDArray[np.uint8]:
    """Return soft ellipses in skin tones, ``[side, side, 3]``: harmless, and taken for nudity by the model."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    tone = np.array([random.uniform(200, 245), random.uniform(150, 200), random.uniform(120, 175)])
    picture = np.ones((side, side, 3)) * tone * random.uniform(0.6, 1.05)
    for _ in range(random.integers(2, 6)):
        centre, radii = random.uniform(0.2, 0.8, 2) * side, random.uniform(0.12, 0.45, 2) * side
        turn = random.uniform(0, np.pi)
        u = ((x - centre[0]) * np.cos(turn) + (y - centre[1]) * np.sin(turn)) / radii[0]
        v = (-(x - centre[0]) * np.sin(turn) + (y - centre[1]) * np.cos(turn)) / radii[1]
        inside = 1 - u * u - v * v
        light = 0.55 + 0.5 * np.sqrt(np.clip(inside, 0, 1)) + 0.12 * u * random.uniform(-1, 1)
        colour = tone * np.array([1, random.uniform(0.92, 1.02), random.uniform(0.9, 1.02)])
        mask = np.clip(inside * 8, 0, 1)[..., None]
        picture = picture * (1 - mask) + mask * colour * light[..., None]
        if random.random() < 0.5:  # noqa: PLR2004 - half of them have a spot
            spot = centre + random.uniform(-0.2, 0.2, 2) * radii
            far = ((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / (random.uniform(0.03, 0.08) * side) ** 2
            mask = np.clip((1 - far) * 4, 0, 1)[..., None]
            picture = picture * (1 - mask) + mask * tone * np.array([0.75, 0.5, 0.48])
    return np.asarray(np.clip(cv2.GaussianBlur(picture, (0, 0), 2), 0, 255), np.uint8)
