"""A plain fold over a user's full list of events, by the book; it shares nothing with the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from clearmark.govern.rules import ConductRule

HOUR = 3_600_000
LEVELS = ["good", "warned", "limited", "suspended"]


def plain(
    events: Collection[tuple[int, str, str]], rules: Sequence[ConductRule]
) -> tuple[str, int, str, tuple[str, ...]]:
    """Return level, end in ms (0: none), rule and decisions. An event is (time in ms, id, kind)."""
    level, until, rule_name = "good", 0, ""
    because: tuple[str, ...] = ()
    history: list[tuple[int, str, str]] = []
    for time, name, kind in sorted(events):
        history.append((time, name, kind))
        if kind == "lift":
            level, until, rule_name, because, history = "good", 0, "lifted", (), []
        if kind != "violation":
            continue
        for rule in rules:
            if rule.in_a_row:
                row: list[tuple[int, str, str]] = []
                while len(row) < len(history) and history[-1 - len(row)][2] == "violation":
                    row.insert(0, history[-1 - len(row)])
                hits = row[-rule.in_a_row :]
                met = len(row) >= rule.in_a_row
            else:
                hits = [h for h in history if h[2] == "violation"][-(rule.violations or 0) :]
                met = len(hits) == rule.violations and time - hits[0][0] <= (rule.within_hours or 0) * HOUR
            end = time + int(rule.for_hours * HOUR)
            holds = until > time
            if met and (not holds or (LEVELS.index(rule.then), end) > (LEVELS.index(level), until)):
                level, until, rule_name, because = rule.then, end, rule.name, tuple(h[1] for h in hits)
    return level, until, rule_name, because
