"""What goes through: texts, photographs and the users who publish them. The same numbers give the same inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import cv2
import numpy as np

from clearmark.demo.pictures import encoded, photograph
from clearmark.demo.texts import chinese

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

USERS: Final = tuple(f"user-{i}" for i in range(50))
PHOTOGRAPHS: Final = (
    "astronaut", "coffee", "chelsea", "rocket", "camera", "retina", "hubble_deep_field", "immunohistochemistry",
)  # fmt: skip
"""Of the scikit-image package; each is free to use."""


class Item(NamedTuple):
    """One artifact."""

    data: bytes
    content_type: str


def texts(count: int) -> list[Item]:
    """Return texts of about 600 characters each, all different."""
    pieces = list(chinese())
    made = ("".join(pieces[(i + k) % len(pieces)] for k in range(12)) + f"（{i}）" for i in range(count))
    return [Item(text.encode(), "text/plain") for text in made]


def pictures(count: int, side: int) -> list[Item]:
    """Return JPEG and PNG photographs in turn, all different by their frame."""
    kinds = ("JPEG", "PNG")
    made = []
    for i in range(count):
        kind = kinds[i // len(PHOTOGRAPHS) % 2]
        made.append(Item(encoded(square(PHOTOGRAPHS[i % len(PHOTOGRAPHS)], side, i), kind), f"image/{kind.lower()}"))
    return made


def square(name: str, side: int, number: int = 0) -> NDArray[np.uint8]:
    """Return a photograph cut to a square and resized, ``[side, side, 3]``; each number has a frame of its own."""
    whole = photograph(name)
    random = np.random.default_rng(number)
    least = min(whole.shape[:2])
    size = least - int(random.integers(0, least // 16 + 1)) if number else least
    top, left = (
        int(random.integers(0, length - size + 1)) if number else (length - size) // 2 for length in whole.shape[:2]
    )
    cut = whole[top : top + size, left : left + size]
    method = cv2.INTER_AREA if size >= side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(cut, (side, side), interpolation=method), np.uint8)


def headers(item: Item, number: int) -> list[tuple[str, str | bytes | None]]:
    """Return the CloudEvents headers of an artifact, its users taking turns."""
    return [
        ("ce_specversion", "1.0"),
        ("ce_id", str(number)),
        ("ce_source", "bench"),
        ("ce_type", "clearmark.artifact.submitted.v1"),
        ("ce_userid", USERS[number % len(USERS)]),
        ("content-type", item.content_type),
    ]


def size(items: Sequence[Item]) -> int:
    """Return the mean size in bytes."""
    return sum(len(item.data) for item in items) // len(items)
