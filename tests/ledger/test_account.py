"""The account against a plain count over any order of reading."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from clearmark.ledger.account import Partition, report
from clearmark.ledger.checkpoint import Checkpoints, State
from clearmark.records import Terminal, TopicName, TopicPartition
from clearmark.store.objects import ObjectStore

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_000_000


@given(
    st.lists(st.integers(0, 40), unique=True).map(sorted),
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from(list(Terminal)))),
    st.lists(st.sampled_from("roc"), max_size=120),
)
def test_any_interleaving_gives_the_same_account(
    received: list[int], outcomes: list[tuple[int, Terminal]], order: list[str]
) -> None:
    known = [(o, k) for o, k in outcomes if o in received]
    account, todo_r, todo_o = Partition(), list(received), list(known)
    for step in [*order, *"r" * len(received), *"o" * len(known), "c"]:
        if step == "r" and todo_r:
            account.received(todo_r.pop(0), NOW - 60_000)
        elif step == "o" and todo_o:
            account.outcome(*todo_o.pop(0))
        elif step == "c":
            account.close()
    result = report("t", {0: account}, {0: (50, 50)}, NOW, 30)
    counts = Counter(o for o, _ in known)
    assert result.total["received"] == len(received)
    assert result.total["unaccounted"] == len(received) - len(counts)
    assert result.total["duplicated"] == sum(1 for n in counts.values() if n > 1)
    assert result.ok == (len(counts) == len(received) and len(counts) == len(known))
    total = result.total
    parts = ("approved", "blocked", "held", "dead_lettered", "in_flight", "unaccounted")
    assert total["received"] == sum(total[name] for name in parts)


def test_a_young_record_is_in_flight_and_an_old_one_unaccounted() -> None:
    account = Partition()
    account.received(4, NOW - 29_000)
    account.received(9, NOW - 31_000)
    result = report("t", {3: account}, {3: (10, 12)}, NOW, 30)
    assert (result.total["in_flight"], result.total["unaccounted"], result.ok) == (1, 1, False)
    assert result.examples["unaccounted"] == [(3, 9)]


def test_a_checkpoint_gives_the_state_back(tmp_path: Path) -> None:
    store = ObjectStore.open(f"file://{tmp_path}")
    account = Partition()
    for offset in (0, 1, 5, 7):
        account.received(offset, offset)
    account.outcome(0, Terminal.HELD)
    account.outcome(0, Terminal.HELD)
    account.outcome(5, Terminal.APPROVED)
    account.outcome(8, Terminal.BLOCKED)
    account.close()
    state = State({2: account}, {TopicPartition(TopicName("t"), 2): 9})
    first = Checkpoints(store, "id")
    assert first.load() == State()
    first.save(State())
    first.save(state)
    again = Checkpoints(store, "id")
    assert again.load() == state
    again.save(state)
    assert len(list(store.list("ledger/id"))) == 3
