"""The archive makes each file once and the same, however it is interrupted (a scripted group membership)."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from clearmark.archive import parquet
from clearmark.archive.archiver import Archiver, Plan, object_name
from clearmark.errors import Stop
from clearmark.records import Record, TopicName, TopicPartition
from clearmark.store.objects import ObjectStore
from clearmark.transactor.ports import Committed, TransactionAborted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TP = TopicPartition(TopicName("a.audit.v1"), 3)


def record(offset: int, value: bytes | None = None) -> Record:
    body = value if value is not None else b'{"decision_id":"d%d","verdict":"allow","n":1}' % offset
    return Record(TP.topic, TP.partition, offset, 1000 + offset, b"k", body, (("ce_type", b"x"), ("null", None)))


class Group:
    """Holds what is committed; a crash is a new archiver over the same group."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = list(records)
        self.position = Committed(None)
        self.fail: list[str] = []

    def member(self) -> Member:
        return Member(self)


class Member:
    def __init__(self, group: Group) -> None:
        self.group = group
        self._next = group.position.offset or 0

    def poll(self, max_records: int, timeout_s: float) -> list[Record]:
        found = [r for r in self.group.records if r.offset >= self._next][:max_records]
        self._next = found[-1].offset + 1 if found else self._next
        return found

    def committed(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Committed]:
        return dict.fromkeys(partitions, self.group.position)

    def commit_metadata(self, positions: Mapping[TopicPartition, Committed]) -> None:
        if self.group.fail:
            kind = self.group.fail.pop(0)
            if kind == "stale":
                raise TransactionAborted("rebalance", stale=True)
            if kind == "crash":
                raise KeyboardInterrupt
        self.group.position = positions[TP]


def archiver(store: ObjectStore, group: Group, done: list[int], clock: float = 0) -> Archiver:
    made = Archiver(store, group.member(), 4, 10, done.append, lambda: clock)  # type: ignore[arg-type] # what it uses
    made.assigned([TP])
    return made


@pytest.mark.parametrize("at", range(1, 7))
@pytest.mark.parametrize("kind", ["crash", "stale"])
def test_each_record_is_archived_once_wherever_it_stops(tmp_path: Path, at: int, kind: str) -> None:
    store = ObjectStore.open(f"file://{tmp_path}")
    group, done = Group([record(o) for o in (0, 1, 2, 5, 6, 7, 8, 11, 12, 13, 14, 15)]), list[int]()
    group.fail = [*["", "", "", "", "", ""][: at - 1], kind]
    for _ in range(4):
        running = archiver(store, group, done)
        try:
            running._poll()
            running.flush()
        except KeyboardInterrupt:
            continue
    assert sorted(store.list("archive")) == [
        object_name(TP, Plan(0, 5)), object_name(TP, Plan(6, 11)), object_name(TP, Plan(12, 15))
    ]  # fmt: skip
    offsets = []
    for name in sorted(store.list("archive")):
        offsets += pq.read_table(io.BytesIO(store.get(name)))["offset"].to_pylist()
    assert offsets == [r.offset for r in group.records]
    assert sum(done) == 12


def test_an_old_record_closes_a_file_that_is_not_full(tmp_path: Path) -> None:
    store = ObjectStore.open(f"file://{tmp_path}")
    group, time = Group([record(0)]), [0.0]
    running = Archiver(store, group.member(), 4, 10, lambda _: None, lambda: time[0])  # type: ignore[arg-type]
    running.assigned([TP])
    running._poll()
    running.flush()
    assert not list(store.list("archive"))
    time[0] = 10
    running.flush()
    assert list(store.list("archive")) == [object_name(TP, Plan(0, 0))]


def test_an_object_with_other_records_stops_the_archive(tmp_path: Path) -> None:
    store = ObjectStore.open(f"file://{tmp_path}")
    store.put_new(object_name(TP, Plan(0, 3)), parquet.encode([record(0, b"other")]))
    running = archiver(store, Group([record(o) for o in range(4)]), [])
    running._poll()
    with pytest.raises(Stop, match="holds other records"):
        running.flush()


def test_a_file_holds_the_exact_bytes() -> None:
    records = [record(0), record(1, b"not json"), record(2, b"[]")]
    table = pq.read_table(io.BytesIO(parquet.encode(records)))
    assert table["value"].to_pylist() == [r.value for r in records]
    assert table["headers"].to_pylist()[0] == [{"name": "ce_type", "value": b"x"}, {"name": "null", "value": None}]
    assert table["decision_id"].to_pylist() == ["d0", None, None]
    assert parquet.stored_digest(parquet.encode(records)) == parquet.content_digest(records)
    assert parquet.content_digest(records) != parquet.content_digest(records[:2])
