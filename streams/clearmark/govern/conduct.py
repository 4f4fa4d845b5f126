"""What a user did and where it leads: pure functions of a set of events, whatever order the events came in.

A user's events are spread over the partitions of audit, so they arrive late, twice and in any order. They are kept
as a set and read in the order of their times (the broker's, of the ingress record); a repeated event changes nothing.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from clearmark.govern.rules import LIMIT
from clearmark.operate.moments import rfc3339
from clearmark.schemas.events import Standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clearmark.govern.rules import ConductRule

LEVELS: Final = ("good", "warned", "limited", "suspended")
"""From mild to strict."""

LIFTED: Final = "lifted"
"""Stands as the rule of a standing that a person lifted."""

NEVER: Final = "1970-01-01T00:00:00.000Z"
"""Since when a user is in good standing who never was in another."""

FRESH_MS: Final = 3_600_000
FRESH: Final = 100
"""How late a violation may come, in time and in allowed artifacts of the same user, without an allowed one before it
being forgotten: see `compact`."""

_DIGEST: Final = re.compile(r"[0-9a-f]{32}")
_TIMES_MS: Final = range(1, 32_503_680_000_000)
"""From 1970 to the year 3000: what a broker's clock may say."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Kind(StrEnum):
    """What an event says: prohibited content, an allowed artifact, or a person's forgiveness."""

    VIOLATION = "violation"
    FINE = "fine"
    LIFT = "lift"


class Event(NamedTuple):
    """One event of a user; the order of the fields is the order of events. ``id`` is a decision id."""

    time_ms: int
    id: str
    kind: Kind


def plausible(user: str, event: Event) -> bool:
    """Return whether this can be a user's digest, an id and a time: nothing else may reach a user's events."""
    return bool(_DIGEST.fullmatch(user) and _DIGEST.fullmatch(event.id)) and event.time_ms in _TIMES_MS


def moment(time_ms: int) -> str:
    """Return milliseconds since 1970 as RFC 3339."""
    return rfc3339(_EPOCH + timedelta(milliseconds=time_ms))


def good(user: str) -> Standing:
    """Return the standing of a user of whom nothing is known."""
    return Standing(user, "good", NEVER)


def standing_of(user: str, events: Iterable[Event], rules: Sequence[ConductRule]) -> Standing:
    """Return where a user's events lead: the last change of their standing, which may have run out by now.

    A stricter level wins over a milder one while it holds; of equal levels the one that holds longer wins, so a
    later trigger extends. A lift ends everything before it.

    Args:
        user: digest of the user.
        events: any order, any repetition.
        rules: of rules met by the same violation with the same result, the first is named.
    """
    held = good(user)
    row: list[Event] = []
    violations: list[Event] = []
    for event in _counting(sorted(set(events))):
        if event.kind is Kind.FINE:
            row.clear()
        elif event.kind is Kind.LIFT:
            held = Standing(user, "good", moment(event.time_ms), rule=LIFTED)  # the first one: see `_counting`
        else:
            row.append(event)
            violations.append(event)
            for rule in rules:
                if because := rule.met_by(row, violations):
                    held = _stricter(held, _triggered(user, rule, because))
    return held


def compact(events: Iterable[Event]) -> list[Event]:
    """Return, in order, the events that `standing_of` needs, whatever is added later.

    Of a run of allowed artifacts the first and the last are kept, for they tell between which violations the run
    lies; in between, the `FRESH` latest of the last `FRESH_MS` are kept too. For two violations that come late can
    fall into the middle of a run, and what lay between them must not be forgotten by then. Exact as long as no
    violation comes later than that; a lift, an allowed artifact or a repetition may come as late as it likes.
    """
    ordered = _counting(sorted(set(events)))
    fine = [event.kind is Kind.FINE for event in ordered]
    fresh = {event for event, is_fine in zip(ordered, fine, strict=True) if is_fine}
    if len(fresh) > 2:  # noqa: PLR2004 - a run of two has no middle
        since = ordered[-1].time_ms - FRESH_MS
        fresh = {event for event in sorted(fresh)[-FRESH:] if event.time_ms >= since}
    last = len(ordered) - 1
    return [
        event
        for i, event in enumerate(ordered)
        if event in fresh or not (0 < i < last and fine[i - 1] and fine[i] and fine[i + 1])
    ]


def _counting(ordered: list[Event]) -> list[Event]:
    """Return the events from the last lift on, or from the `LIMIT`-th latest violation on."""
    violations = 0
    for i in range(len(ordered) - 1, -1, -1):
        violations += ordered[i].kind is Kind.VIOLATION
        if ordered[i].kind is Kind.LIFT or violations == LIMIT:
            return ordered[i:]
    return ordered


def _triggered(user: str, rule: ConductRule, because: Sequence[Event]) -> Standing:
    at = because[-1].time_ms
    return Standing(user, rule.then, moment(at), moment(at + rule.for_ms), rule.name, tuple(e.id for e in because))


def _stricter(held: Standing, new: Standing) -> Standing:
    if held.until is None or new.until is None or held.until <= new.at:
        return new
    # Moments of one form and length: their texts are in the order of time.
    return max(held, new, key=lambda s: (LEVELS.index(s.level), s.until or ""))
