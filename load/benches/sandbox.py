"""(f) What decoding in a sandboxed child costs, against the same decoder in this process: one core, in alternation."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Final

from clearmark.extract.decode import decode
from clearmark.extract.picture import Picture
from clearmark.extract.pool import Extractor
from clearmark.screen.picture import LONGEST
from load.benches.inputs import PHOTOGRAPHS, pictures
from load.benches.machine import apart, bound, medians, one_core

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clearmark.screen.admit import Refusal
    from load.benches.inputs import Item

_WARM: Final = 8
_KINDS: Final = ("image/jpeg", "image/png")
_WAYS: Final = {"whole": 0, f"thumbnail of {LONGEST}": LONGEST}


def sandbox(side: int, count: int) -> None:
    """Measure and print each format and way: whole as `mark` opens it, in small as `screen` does."""
    items = pictures(2 * len(PHOTOGRAPHS), side)
    with bound(one_core()):
        found = apart(measure, items, count)
    for kind, way, inside, boxed, difference in found:
        said = f"(f) {side} px {kind}, {way}: {boxed:.2f} ms in the sandbox, {inside:.2f} ms in this process"
        print(f"{said}: {difference:.2f} ms more, ratio {boxed / inside:.2f}", flush=True)


def measure(items: Sequence[Item], count: int) -> list[tuple[str, str, float, float, float]]:
    """Return format, way and median milliseconds: in this process, in the sandbox, and of each pair's difference."""
    pairs: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with Extractor() as extractor:
        for i in range(_WARM + count):
            for kind in _KINDS:
                of_kind = [item for item in items if item.content_type == kind]
                for way, longest in _WAYS.items():
                    pair = _pair(extractor, of_kind[i % len(of_kind)], longest, first=bool(i % 2))
                    pairs.setdefault((kind.rpartition("/")[2].upper(), way), []).append(pair)
    return [(*what, *_medians(of_what[_WARM:])) for what, of_what in pairs.items()]


def _medians(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    inside, boxed, _ = medians(pairs)
    return inside, boxed, statistics.median(b - a for a, b in pairs)


def _pair(extractor: Extractor, item: Item, longest: int, *, first: bool) -> tuple[float, float]:
    """Return milliseconds in this process and in the sandbox, the sandbox first where asked for."""

    def inside() -> Picture | Refusal:
        return decode(item.data, item.content_type, extractor.limits, longest)

    def boxed() -> Picture | Refusal:
        return extractor.thumbnail(item.data, item.content_type, longest)

    if first:
        b = _timed(boxed)
        return _timed(inside), b
    a = _timed(inside)
    return a, _timed(boxed)


def _timed(call: Callable[[], Picture | Refusal]) -> float:
    begun = time.perf_counter()
    found = call()
    seconds = time.perf_counter() - begun
    assert isinstance(found, Picture), found
    return seconds * 1000
