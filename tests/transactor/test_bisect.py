"""A bad record costs only itself; too many internal failures cost the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearmark.errors import Reject, Retry, Stop
from clearmark.records import Outcome, Record, TopicName
from clearmark.transactor import bisect
from clearmark.transactor.dead_letters import DeadLetterLimit
from clearmark.transactor.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Fails:
    """Fails whenever the batch holds a bad offset."""

    def __init__(self, bad: set[int], error: Callable[[], Exception]) -> None:
        self.bad, self.error = bad, error

    def process(self, batch: Sequence[Record]) -> list[Outcome]:
        if self.bad & {r.offset for r in batch}:
            raise self.error()
        return [Outcome(verdict=f"ok {r.offset}") for r in batch]

    def dead_letter(self, record: Record, error_class: str, attempt: int) -> Outcome:
        return Outcome(verdict=f"dead {record.offset} {error_class}")


def batch(count: int) -> list[Record]:
    return [Record(TopicName("in"), 0, i, 0, None, b"secret") for i in range(count)]


@given(st.integers(1, 40), st.sets(st.integers(0, 39), max_size=6))
def test_outcomes_keep_their_order_and_only_bad_records_die(count: int, bad: set[int]) -> None:
    told: list[tuple[int, bool]] = []
    outcomes = bisect.process(
        Fails(bad, lambda: ValueError("secret")), batch(count), lambda r, e, _: told.append((r.offset, e.internal))
    )
    wanted = [f"dead {i} ValueError" if i in bad else f"ok {i}" for i in range(count)]
    assert [o.verdict for o in outcomes] == wanted
    assert told == [(i, True) for i in sorted(bad) if i < count]


def test_where_it_failed_is_told_without_the_exceptions_text() -> None:
    told: list[str] = []
    bisect.process(Fails({0}, lambda: ValueError("secret")), batch(1), lambda _, __, where: told.append(where))
    assert "secret" not in told[0]
    assert "test_bisect.py" in told[0]


def test_a_reject_on_purpose_keeps_its_class_and_is_not_internal() -> None:
    told: list[bool] = []
    outcomes = bisect.process(
        Fails({1}, lambda: Reject("malformed-event")), batch(3), lambda _, e, __: told.append(e.internal)
    )
    assert outcomes[1].verdict == "dead 1 malformed-event"
    assert told == [False]


@pytest.mark.parametrize("error", [Retry("store"), Stop("end"), MemoryError()])
def test_failures_of_the_surroundings_are_not_blamed_on_records(error: Exception) -> None:
    with pytest.raises(type(error)):
        bisect.process(Fails({1}, lambda: error), batch(3), lambda *_: pytest.fail("no record is at fault"))


def test_a_stage_that_miscounts_stops() -> None:
    class Short(Fails):
        def process(self, batch: Sequence[Record]) -> list[Outcome]:
            return super().process(batch)[:-1]

    with pytest.raises(Stop, match="2 outcomes for 3"):
        bisect.process(Short(set(), ValueError), batch(3), lambda *_: None)


def test_the_limit_looks_at_the_last_records_only() -> None:
    limit = DeadLetterLimit(2, 100)
    limit.count(10, 2)
    limit.count(100, 0)
    limit.count(10, 2)
    with pytest.raises(Stop, match="internal reasons"):
        limit.count(10, 1)


def test_waits_double_up_to_the_longest() -> None:
    settings = Settings(backoff_s=(0.5, 3.0))
    assert [settings.wait(n) for n in (1, 2, 3, 4, 1000)] == [0.5, 1.0, 2.0, 3.0, 3.0]
