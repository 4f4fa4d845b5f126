"""Batches, crashes and workers that write late, on a twin of the three topics: standings end as a plain fold does."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from clearmark.errors import Reject
from clearmark.govern import messages
from clearmark.govern.conduct import Event, Kind
from clearmark.govern.messages import Seen
from clearmark.govern.rules import ConductRule
from clearmark.govern.users import Users
from clearmark.govern.verdicts import Verdicts
from clearmark.schemas import events
from tests.govern.plain import plain
from tests.govern.town import T0, until_ms

if TYPE_CHECKING:
    from clearmark.schemas.events import Standing

RULES = (
    ConductRule(violations=1, within_hours=1, then="warned", for_hours=1),
    ConductRule(in_a_row=2, then="suspended", for_hours=0.5),
)
NAMES = [f"{i:032x}" for i in range(2)]


class Step(NamedTuple):
    """A worker processes so many records and gets so far: 0 nothing is written, 1 standings are, 2 half of the table,
    3 all of it, 4 and the position. ``who`` is 1 for a worker that does not know that the other one has taken over."""

    size: int
    done: int
    who: int


class Topics:
    """What lies on the topics, and what two workers make of it."""

    def __init__(self, conduct: list[tuple[str, Event | Seen]]) -> None:
        self.conduct, self.position = conduct, 0
        self.standings: list[Standing] = []
        self.changelog: list[tuple[bytes, bytes | None]] = []
        self.workers = [Users(), Users()]

    def take(self, step: Step) -> None:
        users = self.workers[step.who]
        verdicts = Verdicts(RULES)
        batch = self.conduct[self.position : self.position + step.size]
        for name, said in batch:
            # As they travel.
            read, again = messages.load(name.encode(), messages.dump(said))
            verdicts.take(0, read, users.get(0, read), again)
        if step.done > 0:
            offsets = []
            for standing in verdicts.standings:
                offsets.append(len(self.standings))
                self.standings.append(standing)
                self.conduct.append((standing.user, Seen(offsets[-1], standing)))  # the third agent reads it back
            verdicts.settle(offsets)
        changes = [(key, value) for (_, key), value in verdicts.changes.items()]
        self.changelog += changes[: {0: 0, 1: 0, 2: len(changes) // 2}.get(step.done)]
        if step.done == 4 and step.who == 0:  # the broker takes no position from the other
            self.position += len(batch)
        if step.done < 4:
            self.restart(step.who)

    def restart(self, who: int) -> None:
        self.workers[who] = Users()
        for key, value in self.changelog:
            self.workers[who].apply(0, key, value)


STEPS = st.lists(st.builds(Step, st.integers(1, 5), st.sampled_from([0, 1, 2, 3, 4, 4]), st.sampled_from([0, 0, 1])))
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.builds(
            lambda i, kind: Event(T0 + i * 60_000, f"{i:032x}", kind),
            st.integers(0, 50),
            st.sampled_from([Kind.VIOLATION, Kind.VIOLATION, Kind.FINE, Kind.LIFT]),
        ),
    ),
    max_size=14,
)


@settings(max_examples=400, deadline=None)
@given(EVENTS, STEPS)
def test_standings_end_as_a_plain_fold_does(said: list[tuple[str, Event]], steps: list[Step]) -> None:
    topics = Topics([*said])
    for step in steps:
        topics.take(step)
    topics.restart(0)  # the worker that has taken over goes on alone
    while topics.position < len(topics.conduct):
        topics.take(Step(3, 4, 0))
        assert len(topics.conduct) < 1000, "each standing leads to the next"
    for name in NAMES:
        expected = plain({e for n, e in said if n == name}, RULES)
        written = [s for s in topics.standings if s.user == name]
        found = ("good", 0, "", ()) if not written else facts(written[-1])
        assert found == expected


def facts(standing: Standing) -> tuple[str, int, str, tuple[str, ...]]:
    return standing.level, until_ms({"until": standing.until}), standing.rule, standing.because


def test_an_orderly_run_writes_each_change_once() -> None:
    said = [(NAMES[0], Event(T0 + i, f"{i:032x}", Kind.VIOLATION)) for i in range(3)]
    topics = Topics([*said, *said])
    while topics.position < len(topics.conduct):
        topics.take(Step(4, 4, 0))
    assert [s.level for s in topics.standings] == ["warned", "suspended", "suspended"]


def test_the_table_holds_what_is_needed_and_no_more() -> None:
    said = [(NAMES[0], Event(T0 + i * 3_700_000, f"{i:032x}", Kind.FINE)) for i in range(50)]
    topics = Topics([*said])
    for _ in said:
        topics.take(Step(1, 4, 0))
    topics.restart(0)
    # Within the hour nothing is old enough to be forgotten but what lies between the first and the last two.
    assert topics.workers[0].get(0, NAMES[0]).events == {said[i][1] for i in (0, 49)}
    assert topics.workers[0].get(0, NAMES[1]).seen is None


def test_an_older_standing_that_comes_late_changes_nothing() -> None:
    users = Users()
    for offset in (5, 3):
        users.apply(0, NAMES[0].encode(), events.dump(Seen(offset, events.Standing(NAMES[0], "good", "x"))))
    seen = users.get(0, NAMES[0]).seen
    assert seen is not None
    assert seen.offset == 5


def test_partitions_of_another_worker_are_forgotten() -> None:
    users = Users()
    for partition in (0, 1):
        users.apply(partition, messages.event_key(NAMES[0], Event(T0, NAMES[1], Kind.FINE)), b"1")
    users.keep({1, 2})
    assert [len(users.get(partition, NAMES[0]).events) for partition in (0, 1)] == [0, 1]


@settings(deadline=None)
@given(st.binary(max_size=60), st.one_of(st.none(), st.binary(max_size=60)))
def test_what_govern_did_not_write_is_refused(key: bytes, value: bytes | None) -> None:
    for read in (lambda: messages.load(key, value), lambda: messages.parse_key(key + b"/")):
        try:
            read()
        except Reject:
            continue
        raise AssertionError


def test_a_standing_of_another_user_is_refused() -> None:
    value = events.dump(Seen(1, events.Standing(NAMES[0], "good", "2025-01-01T00:00:00.000Z")))
    assert messages.load(NAMES[0].encode(), value)[0] == NAMES[0]
    try:
        messages.load(NAMES[1].encode(), value)
    except Reject:
        return
    raise AssertionError
