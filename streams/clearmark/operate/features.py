"""Changes of the feature library: words and picture hashes to look for (R-DS-10)."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final, cast

from clearmark.operate.desk import Change
from clearmark.operate.moments import rfc3339
from clearmark.operate.rows import changes
from clearmark.schemas.events import Feature
from clearmark.screen.normalise import normalise
from clearmark.screen.pdq import Pdq
from clearmark.topology import Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime
    from typing import Literal

LEVELS: Final = ("hold", "block")
DISTANCE: Final = 31
"""Differing bits of 256 up to which two PDQ hashes are of the same picture, as the algorithm's authors advise."""
LARGEST_DISTANCE: Final = 90
"""Beyond it, pictures that have nothing to do with each other begin to match."""
LONGEST_WORD: Final = 200
COLUMNS: Final = ("kind", "value", "category", "level", "distance")
_CATEGORY: Final = re.compile(r"A\.[1-5]\.[a-i]")


def word(text: str, category: str, level: str, now: datetime) -> Change:
    """Return the change that adds a word or phrase.

    Raises:
        ValueError: nothing of the word is left when it is normalised, or category or level are unknown.
    """
    key = " ".join(normalise(text).split())
    if not key or len(key) > LONGEST_WORD:
        raise ValueError(f"a word has 1 to {LONGEST_WORD} visible characters")
    return _added("word", key, text.strip(), category, level, now, None)


def image(pdq: str, category: str, level: str, now: datetime, distance: int | None = None) -> Change:
    """Return the change that adds a picture by its PDQ hash, 64 hex digits.

    Raises:
        ValueError: hash, distance, category or level mean nothing.
    """
    chosen = DISTANCE if distance is None else distance
    if not 0 <= chosen <= LARGEST_DISTANCE:
        raise ValueError(f"a distance is 0 to {LARGEST_DISTANCE} bits: beyond it, unrelated pictures match")
    value = str(Pdq.parse(pdq.strip().lower()))
    return _added("image", value, value, category, level, now, chosen)


def removed(known: Feature, reason: str, now: datetime) -> Change:
    """Return the change that takes an entry out of use: a record of its own, never a tombstone."""
    record = Feature(
        known.id, known.kind, known.value, known.category, known.level, "removed", rfc3339(now), known.distance
    )
    return Change("feature.removed", known.id, reason, Topic.FEATURES, record)


def imported(lines: Iterable[str], now: datetime, on_bad: Callable[[int, str], None]) -> Iterator[Change]:
    """Yield a change for each good line of a CSV file with the columns kind, value, category, level, distance.

    ``kind`` is word or image, ``level`` hold or block (block where empty), ``distance`` a number or empty.

    Args:
        lines: of the file; the first names the columns.
        now: the time, with its zone.
        on_bad: told the number of each bad line and what is wrong with it; the line is left out.

    Raises:
        ValueError: the first line does not name the columns.
    """

    def change(row: Mapping[str, str]) -> Change:
        level, distance = row["level"] or "block", row["distance"]
        if row["kind"] == "word":
            return word(row["value"], row["category"], level, now)
        if row["kind"] == "image":
            return image(row["value"], row["category"], level, now, int(distance) if distance else None)
        raise ValueError("the kind is neither word nor image")

    return changes(lines, COLUMNS, 3, change, on_bad)


def _added(
    kind: Literal["word", "image"], key: str, value: str, category: str, level: str, now: datetime, distance: int | None
) -> Change:
    if not _CATEGORY.fullmatch(category):
        raise ValueError("a category is a code of R-TAX-1, A.1.a to A.5.b")
    if level not in LEVELS:
        raise ValueError(f"a level is {' or '.join(LEVELS)}")
    name = hashlib.sha256(f"{kind}\0{key}".encode()).hexdigest()[:16]
    chosen = cast("Literal['hold', 'block']", level)
    record = Feature(name, kind, value, category, chosen, "active", rfc3339(now), distance)
    return Change(
        "feature.added", name, topic=Topic.FEATURES, value=record, details={"kind": kind, "category": category}
    )
