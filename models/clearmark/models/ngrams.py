"""Character n-grams of texts as hashed features: the same code in training and in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BUCKETS: Final = 1 << 19
ORDERS: Final = (1, 2, 3, 4)
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
_SEEDS: Final = tuple(np.uint64(0x8F1BBCDC * (order + 1)) for order in ORDERS)
_SHIFT: Final = np.uint64(64 - 19)


class Bags(NamedTuple):
    """Features of several texts, flat: feature ``ids[i]`` of text ``rows[i]`` has weight ``values[i]``."""

    ids: NDArray[np.int64]
    rows: NDArray[np.int64]
    values: NDArray[np.float32]


def bag(text: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the buckets of a text's 1- to 4-grams and their weights, 1 + log(count), scaled to length one."""
    points = np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    hashed = []
    for order, seed in zip(ORDERS, _SEEDS, strict=True):
        count = len(points) - order + 1
        if count <= 0:
            break
        h = np.full(count, seed, dtype=np.uint64)
        for i in range(order):
            h = (h ^ points[i : i + count]) * _MULTIPLIER
            h ^= h >> np.uint64(29)
        hashed.append((h * _MULTIPLIER) >> _SHIFT)
    if not hashed:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    ids, counts = np.unique(np.concatenate(hashed), return_counts=True)
    values = 1.0 + np.log(counts)
    return ids.astype(np.int64), (values / np.linalg.norm(values)).astype(np.float32)


def bags(texts: Sequence[str]) -> Bags:
    """Return the features of several texts."""
    parts = [bag(text) for text in texts]
    rows = np.repeat(np.arange(len(parts)), [len(ids) for ids, _ in parts])
    return Bags(
        np.concatenate([ids for ids, _ in parts] or [np.empty(0, np.int64)]),
        rows.astype(np.int64),
        np.concatenate([values for _, values in parts] or [np.empty(0, np.float32)]),
    )
