"""A user's events lead to the same standing in whatever order, and however often, they come."""

from __future__ import annotations

import random  # noqa: TC003 - hypothesis reads the annotations
from datetime import datetime
from itertools import chain, combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from clearmark.govern.conduct import FRESH, FRESH_MS, Event, Kind, compact, moment, standing_of
from clearmark.govern.rules import DEFAULT, LIMIT, ConductRule
from tests.govern.plain import plain

HOUR = 3_600_000
T0 = 1_760_000_000_000
USER = "0" * 32
RULES = (
    ConductRule(violations=1, within_hours=24, then="warned", for_hours=24),
    ConductRule(violations=2, within_hours=1, then="limited", for_hours=2),
    ConductRule(in_a_row=3, then="suspended", for_hours=5),
)
ONLY_ROWS = (
    ConductRule(in_a_row=2, then="suspended", for_hours=5),
    ConductRule(in_a_row=4, then="limited", for_hours=9),
)


def event(hours: float, kind: Kind, name: int = 0) -> Event:
    return Event(T0 + int(hours * HOUR), f"{name:032x}", kind)


def story(text: str, step_hours: float = 0.1) -> list[Event]:
    """Read a story: v a violation, f an allowed artifact, l a lift; a step passes between two."""
    kinds = {"v": Kind.VIOLATION, "f": Kind.FINE, "l": Kind.LIFT}
    return [event(i * step_hours, kinds[c], i) for i, c in enumerate(text)]


def facts(user: str, events: list[Event], rules: tuple[ConductRule, ...]) -> tuple[str, int, str, tuple[str, ...]]:
    s = standing_of(user, events, rules)
    until = int(datetime.fromisoformat(s.until).timestamp() * 1000) if s.until else 0
    return s.level, until, s.rule, s.because


RULE_SETS = st.sampled_from([ONLY_ROWS, RULES, DEFAULT])
STORIES = st.one_of(st.text("vf", min_size=4, max_size=10), st.text(st.sampled_from("vvvvffffffl"), max_size=24))
STEP = st.sampled_from([0.05, 0.4, 7.0])  # of an hour: `FRESH_MS` holds twenty steps, two, or none
PLACES = st.sets(st.integers(0, 23), max_size=4)
LATE = st.lists(st.sampled_from([FRESH_MS, FRESH_MS, FRESH_MS // 2, 0]), min_size=24, max_size=24)


@settings(deadline=None)
@given(STORIES, STEP, RULE_SETS, st.randoms(use_true_random=False))
def test_standing_is_a_function_of_the_set(
    text: str, step: float, rules: tuple[ConductRule, ...], r: random.Random
) -> None:
    events = story(text, step)
    again = [*events, *events[::2]]
    r.shuffle(again)
    assert facts(USER, again, rules) == plain(set(events), rules)


def settle(arrivals: list[tuple[int, Event]], rules: tuple[ConductRule, ...]) -> None:
    """Let events arrive, and compare what is kept with the full list after each."""
    kept: list[Event] = []
    seen: set[Event] = set()
    for _, e in sorted(arrivals):
        kept = compact([*kept, e])
        seen.add(e)
        assert facts(USER, kept, rules) == plain(seen, rules)


@settings(max_examples=300, deadline=None)
@given(STORIES, STEP, RULE_SETS, LATE, PLACES, PLACES)
def test_what_is_forgotten_makes_no_difference_whatever_comes_late(
    text: str, step: float, rules: tuple[ConductRule, ...], late: list[int], tardy: set[int], again: set[int]
) -> None:
    """Violations come up to `FRESH_MS` late, some of the other events much later, and some come again."""
    arrivals = []
    for i, e in enumerate(story(text, step)):
        delay = late[i] if e.kind is Kind.VIOLATION else 50 * FRESH_MS * (i in tardy)
        arrivals += [(e.time_ms + delay, e), (e.time_ms + 99 * FRESH_MS * (i in again) + delay, e)]
    settle(arrivals, rules)


@pytest.mark.parametrize("step", [0.05, 0.15, 0.4])
def test_any_of_the_violations_of_any_short_story_may_come_late(step: float) -> None:
    for text in map("".join, product("vf", repeat=7)):
        events = story(text, step)
        places = [i for i, c in enumerate(text) if c == "v"]
        for late in chain.from_iterable(combinations(places, n) for n in range(len(places) + 1)):
            kept: list[Event] = []
            for _, e in sorted((e.time_ms + FRESH_MS * (i in late), e) for i, e in enumerate(events)):
                kept = compact([*kept, e])
            assert facts(USER, kept, ONLY_ROWS) == plain(set(events), ONLY_ROWS), (text, late)


def test_a_single_violation_may_be_as_late_as_it_likes() -> None:
    for text in map("".join, product("vf", repeat=7)):
        for late in range(7):
            events = story(text, 7)
            settle([(e.time_ms + 1000 * FRESH_MS * (i == late), e) for i, e in enumerate(events)], ONLY_ROWS)


@settings(max_examples=300, deadline=None)
@given(STORIES, STEP, RULE_SETS, st.sets(st.integers(0, 23)), st.sets(st.integers(0, 23)))
def test_two_workers_that_keep_the_same_user_lose_nothing(
    text: str, step: float, rules: tuple[ConductRule, ...], ours: set[int], theirs: set[int]
) -> None:
    """In a rebalance two may write for a while. Each has what is old; of what is fresh, each has a part."""
    events = story(text, step)
    latest = events[-1].time_ms if events else 0
    shared = [e for e in events if e.time_ms < latest - FRESH_MS]
    parts = [[e for i, e in enumerate(events) if i in part] for part in (ours, theirs)]
    merged = {e for part in parts for e in compact([*shared, *part])}
    assert facts(USER, compact(merged), rules) == plain({*shared, *parts[0], *parts[1]}, rules)


def test_a_run_of_allowed_artifacts_is_kept_by_its_ends() -> None:
    long = [*story("v" + "f" * 500, step_hours=1), event(999, Kind.VIOLATION, 999)]
    kept = compact(long)
    assert [e.kind for e in kept] == [Kind.VIOLATION, Kind.FINE, Kind.FINE, Kind.VIOLATION]
    assert [kept[1], kept[2]] == [long[1], long[500]]


def test_within_the_hour_what_is_kept_is_bounded() -> None:
    assert len(compact(story("f" * 1000, step_hours=0.0001))) == FRESH + 1


def test_only_the_latest_violations_count() -> None:
    many = story("v" * (LIMIT + 50), step_hours=0.01)
    assert compact(many) == many[-LIMIT:]
    rules = (ConductRule(in_a_row=LIMIT, then="limited", for_hours=1),)
    assert standing_of(USER, many, rules).because == tuple(e.id for e in many[-LIMIT:])


@pytest.mark.parametrize(
    ("text", "level", "rule"),
    [
        ("", "good", ""),
        ("ff", "good", ""),
        ("v", "warned", "violations:1/24h"),
        ("vfvf", "warned", "violations:1/24h"),
        ("vvv", "suspended", "in_a_row:3"),
        ("vvfv", "warned", "violations:1/24h"),
        ("vfvfvfvfv", "suspended", "violations:5/24h"),
        ("vfvfvfvflv", "warned", "violations:1/24h"),
        ("vvvl", "good", "lifted"),
        ("lvv", "warned", "violations:1/24h"),
        ("vvvfffff", "suspended", "in_a_row:3"),
    ],
)
def test_the_packaged_rules(text: str, level: str, rule: str) -> None:
    found = standing_of(USER, story(text), DEFAULT)
    assert (found.level, found.rule) == (level, rule)


def test_a_day_is_a_day() -> None:
    five = [event(6 * i, Kind.VIOLATION, i) for i in range(5)]
    fine = [event(6 * i + 1, Kind.FINE, 100 + i) for i in range(5)]
    assert standing_of(USER, [*five, *fine], DEFAULT).rule == "violations:5/24h"
    five[4] = event(24.001, Kind.VIOLATION, 4)
    assert standing_of(USER, [*five, *fine], DEFAULT).level == "warned"


def test_a_trigger_extends_and_a_milder_one_does_not_shorten() -> None:
    suspended = standing_of(USER, story("vvv"), DEFAULT)
    assert suspended.until == moment(T0 + int(0.2 * HOUR) + 168 * HOUR)
    longer = standing_of(USER, story("vvvv"), DEFAULT)
    assert (longer.level, longer.until) == ("suspended", moment(T0 + int(0.3 * HOUR) + 168 * HOUR))
    assert standing_of(USER, story("vvvfv"), DEFAULT) == suspended
    after = [*story("vvv"), event(169, Kind.FINE, 8), event(170, Kind.VIOLATION, 9)]
    assert standing_of(USER, after, DEFAULT).level == "warned"


def test_the_standing_names_the_decisions() -> None:
    found = standing_of(USER, story("fvvv"), DEFAULT)
    assert found.because == tuple(f"{i:032x}" for i in (1, 2, 3))
    assert (found.user, found.at) == (USER, moment(T0 + int(0.3 * HOUR)))


@pytest.mark.parametrize(
    "rule",
    [
        {"then": "warned", "for_hours": 1},
        {"in_a_row": 3, "violations": 2, "within_hours": 1, "then": "warned", "for_hours": 1},
        {"violations": 2, "then": "warned", "for_hours": 1},
        {"in_a_row": 3, "within_hours": 1, "then": "warned", "for_hours": 1},
        {"in_a_row": 0, "then": "warned", "for_hours": 1},
        {"in_a_row": LIMIT + 1, "then": "warned", "for_hours": 1},
        {"in_a_row": 3, "then": "good", "for_hours": 1},
        {"in_a_row": 3, "then": "warned", "for_hours": 0},
        {"in_a_row": 3, "then": "warned", "for_hours": 1, "else": 1},
    ],
)
def test_a_rule_that_means_nothing_is_refused(rule: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ConductRule.model_validate(rule)
