"""Attempt counts in the offset's metadata, and what they lead to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearmark.records import Record, TopicName, TopicPartition
from clearmark.transactor.ports import Committed
from clearmark.transactor.probation import Marker, Probation
from clearmark.transactor.settings import Settings

SETTINGS = Settings(probation_records=100, probation_batch=8, max_attempts=3)
TP = TopicPartition(TopicName("in"), 0)


def records(first: int, count: int) -> list[Record]:
    return [Record(TP.topic, TP.partition, first + i, 0, None, b"") for i in range(count)]


def begun(metadata: str = "", offset: int = 0) -> Probation:
    probation = Probation(SETTINGS)
    probation.begin({TP: Committed(offset, metadata)})
    return probation


@given(st.integers(0, 10), st.integers(0, 2**42))
def test_markers_are_read_as_written(attempts: int, until: int) -> None:
    assert Marker.load(Marker(attempts, until).dump()) == Marker(attempts, until)


@given(st.text())
def test_somebody_elses_metadata_is_no_marker(text: str) -> None:
    assert Marker.load(text) is None


@pytest.mark.parametrize("text", ["{}", "[1]", "3", '{"clearmark":2,"attempts":1,"until":2}', '{"clearmark":1}'])
def test_json_that_is_not_ours_is_no_marker(text: str) -> None:
    assert Marker.load(text) is None


def test_batches_are_small_until_enough_records_have_passed() -> None:
    probation = begun()
    assert probation.take(records(0, 50)) == 8
    probation.passed(100)
    assert not probation.active
    assert probation.take(records(100, 50)) == 50


def test_the_first_attempt_marks_the_whole_batch() -> None:
    assert begun().marks(records(5, 8)) == {TP: Committed(5, Marker(1, 13).dump())}


def test_records_under_a_marker_are_tried_one_by_one() -> None:
    probation = begun(Marker(1, 13).dump(), 5)
    assert probation.take(records(5, 20)) == 1
    assert probation.take(records(13, 20)) == 8
    assert not probation.condemned(records(5, 1))
    assert probation.marks(records(5, 1)) == {TP: Committed(5, Marker(2, 6).dump())}


def test_the_third_attempt_at_a_single_record_condemns_it_alone() -> None:
    probation = begun(Marker(2, 6).dump(), 5)
    assert probation.condemned(records(5, 1))
    assert not probation.condemned(records(6, 1))


def test_a_batch_ends_before_a_suspect_of_another_partition() -> None:
    other = TopicPartition(TP.topic, 1)
    probation = Probation(SETTINGS)
    probation.begin({TP: Committed(0), other: Committed(0, Marker(1, 1).dump())})
    suspect = Record(other.topic, other.partition, 0, 0, None, b"")
    assert probation.take([*records(0, 3), suspect]) == 3


def test_what_was_known_of_a_revoked_partition_is_forgotten() -> None:
    probation = begun(Marker(2, 6).dump(), 5)
    probation.forget([TP])
    assert probation.attempts(records(5, 1)[0]) == 0


def test_a_marker_taken_back_leaves_what_was_there_before() -> None:
    assert begun().release(records(5, 8)) == {TP: Committed(5, "")}
    assert begun(Marker(1, 13).dump(), 5).release(records(5, 1)) == {TP: Committed(5, Marker(1, 13).dump())}
