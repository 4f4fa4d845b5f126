"""The transactor's ports in memory, for unit tests: a log with transactions, and groups that rebalance.

What it keeps of Kafka: aborted records and markers take offsets; readers stop at an open transaction; a transactional
id that is taken over fences its predecessor and ends its open transaction; a group's members learn of rebalances
inside their polls; a member that does not poll for its session is removed; offsets of an old generation are refused.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from clearmark.errors import Fenced
from clearmark.records import Record, TopicName, TopicPartition
from clearmark.transactor.ports import Committed, TransactionAborted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clearmark.records import Output
    from clearmark.transactor.ports import Generation, RebalanceListener

_PAUSE_S: Final = 0.001


@dataclass(slots=True)
class _Transaction:
    state: str = "open"  # open | committed | aborted


@dataclass(slots=True)
class _Entry:
    """A record, or a marker (no record), and the transaction it belongs to."""

    record: Record | None
    transaction: _Transaction | None


@dataclass(slots=True)
class _Member:
    session_s: float
    seen: float
    topics: tuple[TopicName, ...]
    assigned: set[TopicPartition] = field(default_factory=set)
    target: set[TopicPartition] = field(default_factory=set)


@dataclass(slots=True)
class _Group:
    generation: int = 0
    members: dict[int, _Member] = field(default_factory=dict)
    committed: dict[TopicPartition, Committed] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Token:
    """Group metadata of one moment."""

    group: str
    member: int
    generation: int


class MemoryLog:
    """A cluster in memory.

    Args:
        topics: number of partitions by topic.
        largest: bytes of the largest record it takes.
    """

    def __init__(self, topics: Mapping[TopicName, int], largest: int = 1 << 20) -> None:
        self.lock = threading.RLock()
        self.largest = largest
        self._topics = dict(topics)
        self._log: dict[TopicPartition, list[_Entry]] = {
            TopicPartition(topic, p): [] for topic, count in topics.items() for p in range(count)
        }
        self._groups: dict[str, _Group] = {}
        self._epochs: dict[str, int] = {}
        self._open: dict[str, tuple[_Transaction, set[TopicPartition]]] = {}
        self._next = 0

    def publish(self, topic: TopicName, outputs: Sequence[tuple[int, Output]], *, abort: bool = False) -> None:
        """Append records (partition, output) as one transactional publisher would, and commit or abort."""
        with self.lock:
            transaction = _Transaction()
            for partition, output in outputs:
                self.append(TopicPartition(topic, partition), output, transaction)
            touched = {TopicPartition(topic, partition) for partition, _ in outputs}
            self._end(transaction, touched, "aborted" if abort else "committed")

    def append(self, tp: TopicPartition, output: Output, transaction: _Transaction) -> None:
        """Add one record to a partition."""
        entries = self._log[tp]
        now = int(time.time() * 1000)
        record = Record(tp.topic, tp.partition, len(entries), now, output.key, output.value, output.headers)
        entries.append(_Entry(record, transaction))

    def read(self, tp: TopicPartition, offset: int, count: int) -> tuple[list[Record], int]:
        """Return committed records from an offset on, up to the first open transaction, and where to go on."""
        found: list[Record] = []
        with self.lock:
            entries = self._log[tp]
            while offset < len(entries) and len(found) < count:
                entry = entries[offset]
                if entry.transaction is not None and entry.transaction.state == "open":
                    break
                if entry.record is not None and (entry.transaction is None or entry.transaction.state == "committed"):
                    found.append(entry.record)
                offset += 1
        return found, offset

    def partitions(self, topic: TopicName) -> int:
        """Return a topic's number of partitions."""
        return self._topics[topic]

    # Transactions

    def take_over(self, transactional_id: str) -> int:
        """Fence the predecessor, abort its open transaction, and return the new epoch."""
        with self.lock:
            self._epochs[transactional_id] = self._epochs.get(transactional_id, -1) + 1
            if transactional_id in self._open:
                self._end(*self._open.pop(transactional_id), "aborted")
            return self._epochs[transactional_id]

    def check(self, transactional_id: str, epoch: int) -> None:
        """Refuse a producer that was fenced."""
        if self._epochs[transactional_id] != epoch:
            raise Fenced(f"another worker has taken the slot of transactional id {transactional_id}")

    def begin(self, transactional_id: str, outputs: Sequence[Output]) -> None:
        """Append a transaction's records; it stays open."""
        transaction = _Transaction()
        touched: set[TopicPartition] = set()
        self._open[transactional_id] = (transaction, touched)
        for output in outputs:
            tp = TopicPartition(output.topic, hash(output.key) % self._topics[output.topic])
            self.append(tp, output, transaction)
            touched.add(tp)

    def end(self, transactional_id: str, state: str) -> None:
        """Commit or abort the open transaction."""
        self._end(*self._open.pop(transactional_id), state)

    def _end(self, transaction: _Transaction, touched: set[TopicPartition], state: str) -> None:
        transaction.state = state
        for tp in touched:
            self._log[tp].append(_Entry(None, None))

    # Groups

    def join(self, group: str, session_s: float, topics: Sequence[TopicName]) -> int:
        """Add a member; return its number."""
        with self.lock:
            self._next += 1
            found = self._groups.setdefault(group, _Group())
            found.members[self._next] = _Member(session_s, time.monotonic(), tuple(topics))
            self._balance(found)
            return self._next

    def leave(self, group: str, member: int) -> None:
        """Remove a member."""
        with self.lock:
            if self._groups[group].members.pop(member, None):
                self._balance(self._groups[group])

    def heartbeat(self, group: str, member: int) -> tuple[set[TopicPartition], set[TopicPartition]] | None:
        """Keep a member alive; return partitions it gains and loses, or None when it was removed."""
        with self.lock:
            found = self._groups[group]
            now = time.monotonic()
            late = [n for n, m in found.members.items() if n != member and now - m.seen > m.session_s]
            for number in late:
                del found.members[number]
            if late:
                self._balance(found)
            me = found.members.get(member)
            if me is None:
                return None
            me.seen = now
            lost = me.assigned - me.target
            me.assigned -= lost
            taken = set().union(*(m.assigned for m in found.members.values()))
            gained = me.target - taken
            me.assigned |= gained
            return gained, lost

    def token(self, group: str, member: int) -> _Token:
        """Return the group metadata of now."""
        return _Token(group, member, self._groups[group].generation)

    def commit(self, token: Generation, positions: Mapping[TopicPartition, Committed]) -> None:
        """Store positions, unless the generation has passed."""
        assert isinstance(token, _Token)
        found = self._groups[token.group]
        if token.member not in found.members or token.generation != found.generation:
            raise TransactionAborted("ILLEGAL_GENERATION", stale=True)
        found.committed.update(positions)

    def committed(self, group: str, tp: TopicPartition) -> Committed:
        """Return a stored position."""
        with self.lock:
            return self._groups[group].committed.get(tp, Committed(None))

    def _balance(self, group: _Group) -> None:
        group.generation += 1
        members = list(group.members.values())
        for member in members:
            member.target = set()
        topics = {topic for member in members for topic in member.topics}
        for i, tp in enumerate(sorted(tp for tp in self._log if tp.topic in topics)):
            members[i % len(members)].target.add(tp)


class MemoryConsumer:
    """`ports.Consumer` on a `MemoryLog`."""

    def __init__(self, log: MemoryLog, group: str, topics: Sequence[TopicName], session_s: float = 3.0) -> None:
        self._log, self._group, self._topics, self._session_s = log, group, topics, session_s
        self._member = 0
        self._listener: RebalanceListener | None = None
        self._positions: dict[TopicPartition, int] = {}
        self._paused = False

    def subscribe(self, listener: RebalanceListener) -> None:
        """Join the group."""
        self._listener = listener
        self._member = self._log.join(self._group, self._session_s, self._topics)

    def poll(self, max_records: int, timeout_s: float) -> list[Record]:
        """Return up to ``max_records`` records."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._rebalance()
            found = self._fetch(max_records)
            if found or time.monotonic() >= deadline:
                return found
            time.sleep(_PAUSE_S)

    def _rebalance(self) -> None:
        assert self._listener is not None
        change = self._log.heartbeat(self._group, self._member)
        if change is None:  # the session was lost: everything is, and the group is joined anew
            self._revoke(set(self._positions))
            self._member = self._log.join(self._group, self._session_s, self._topics)
            return
        gained, lost = change
        if lost:
            self._revoke(lost)
        if gained:
            for tp in gained:
                self._positions[tp] = self._log.committed(self._group, tp).offset or 0
            self._listener.assigned(sorted(gained))

    def _revoke(self, partitions: set[TopicPartition]) -> None:
        assert self._listener is not None
        self._listener.revoked(sorted(partitions))
        for tp in partitions:
            self._positions.pop(tp, None)

    def _fetch(self, count: int) -> list[Record]:
        if self._paused:
            return []
        found: list[Record] = []
        for tp, position in self._positions.items():
            records, self._positions[tp] = self._log.read(tp, position, count - len(found))
            found += records
        return found

    def generation(self) -> Generation:
        """Return the group metadata of now."""
        return self._log.token(self._group, self._member)

    def committed(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Committed]:
        """Return committed positions."""
        return {tp: self._log.committed(self._group, tp) for tp in partitions}

    def commit_metadata(self, positions: Mapping[TopicPartition, Committed]) -> None:
        """Commit positions outside any transaction."""
        with self._log.lock:
            self._log.commit(self.generation(), positions)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        """Read the partition from this offset on."""
        self._positions[tp] = offset

    def pause(self) -> None:
        """Fetch nothing until `resume`."""
        self._paused = True

    def resume(self) -> None:
        """Fetch again."""
        self._paused = False

    def close(self) -> None:
        """Leave the group."""
        self._log.leave(self._group, self._member)


class MemoryProducer:
    """`ports.Producer` on a `MemoryLog`."""

    def __init__(self, log: MemoryLog, transactional_id: str) -> None:
        self._log, self._id, self._epoch = log, transactional_id, -1

    def init(self) -> None:
        """Take the transactional id over."""
        self._epoch = self._log.take_over(self._id)

    def transact(
        self, outputs: Sequence[Output], positions: Mapping[TopicPartition, Committed], generation: Generation
    ) -> None:
        """Write outputs and positions in one transaction, and commit it."""
        with self._log.lock:
            self._log.check(self._id, self._epoch)
            for i, output in enumerate(outputs):
                if len(output.value or b"") > self._log.largest:
                    raise TransactionAborted("MSG_SIZE_TOO_LARGE", culprit=i)
            self._log.begin(self._id, outputs)
            self._inside()
            try:
                self._log.commit(generation, positions)
            except TransactionAborted:
                self._log.end(self._id, "aborted")
                raise
            self._log.end(self._id, "committed")

    def _inside(self) -> None:
        """Between the records and the commit: where a test may let a worker die."""

    def close(self) -> None:
        """Nothing to release."""
