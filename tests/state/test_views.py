"""Views hold the whole of the state topics, in memory and on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearmark.errors import Stop
from clearmark.schemas import events
from clearmark.state.table import Table
from clearmark.topology import Topic
from tests.state.twin import AT, MemoryState, views

if TYPE_CHECKING:
    from pathlib import Path

KEYS = st.binary(min_size=1, max_size=2)


@given(st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=4)), max_size=60), st.sampled_from([0, 3, 1000]))
def test_a_table_holds_the_last_value_of_each_key_wherever_it_lies(
    changes: list[tuple[bytes, bytes | None]], spill_at: int
) -> None:
    table, wanted = Table(spill_at), dict[bytes, bytes]()
    for key, value in changes:
        table.put(key, value)
        if value is None:
            wanted.pop(key, None)
        else:
            wanted[key] = value
        assert table.get(key) == value
    assert sorted(table.values()) == sorted(wanted.values())
    assert all(table.get(key) == value for key, value in wanted.items())
    assert table.get(b"not there") is None
    if len(wanted) > spill_at:
        assert table.on_disk
    table.close()


def test_a_table_on_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    table = Table(1, tmp_path)
    for i in range(10):
        table.put(b"%d" % i, b"x")
    assert len(list(tmp_path.iterdir())) == 1
    table.close()
    assert not list(tmp_path.iterdir())


def test_a_view_knows_what_was_committed_before_it_caught_up() -> None:
    state = MemoryState()
    view = views(state)
    state.verify("alice")
    assert view.identity("alice") is None
    view.catch_up()
    known = view.identity("alice")
    assert known is not None
    assert known.state == "verified"
    assert view.identity("bob") is None
    state.verify("alice", state="revoked")
    view.catch_up()
    known = view.identity("alice")
    assert known is not None
    assert known.state == "revoked"


def test_positions_say_how_far_each_topic_is_known() -> None:
    state = MemoryState()
    view = views(state, Topic.IDENTITIES, Topic.STANDING)
    state.verify("alice")
    state.verify("bob")
    view.catch_up()
    assert view.positions() == {"identities": (2,), "standing": (0,)}
    assert view.changes == {Topic.IDENTITIES: 2, Topic.STANDING: 0}


def test_features_are_those_in_use_and_a_record_that_is_none_stops_the_stage() -> None:
    state = MemoryState()
    view = views(state)
    active = events.Feature("1", "word", "x", "A.1.h", "block", "active", AT)
    state.put(Topic.FEATURES, "1", active)
    state.put(Topic.FEATURES, "2", events.Feature("2", "word", "y", "A.1.h", "block", "removed", AT))
    view.catch_up()
    assert list(view.features()) == [active]
    state.put(Topic.FEATURES, "3", {"nonsense": 1})
    view.catch_up()
    with pytest.raises(Stop, match="no feature"):
        list(view.features())


def test_a_malformed_identity_is_not_taken_for_none() -> None:
    state = MemoryState()
    view = views(state)
    state.verify("alice")
    name = next(iter(state.records.values()))[0]
    state.put(Topic.IDENTITIES, (name.key or b"").decode(), {"user": "?"})
    view.catch_up()
    with pytest.raises(events.MalformedValue):
        view.identity("alice")
