"""State topics in memory, for unit tests: the log that `clearmark.state.views.Views` reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearmark.digests import subject_digest, user_digest
from clearmark.records import Record, TopicPartition
from clearmark.schemas import events
from clearmark.state.views import Views
from clearmark.topology import STATE, Topic, Topology

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clearmark.records import TopicName

KEY = b"k" * 32
AT = "2026-01-01T00:00:00.000Z"
TOPOLOGY = Topology()


class MemoryState:
    """One partition a topic; what is put is committed at once."""

    def __init__(self) -> None:
        self.positions: dict[TopicPartition, int] = {}
        self.records: dict[TopicName, list[Record]] = {TOPOLOGY.name(topic): [] for topic in STATE}
        self.closed = False

    def put(self, topic: Topic, key: str, value: object | None) -> None:
        name = TOPOLOGY.name(topic)
        log = self.records[name]
        log.append(Record(name, 0, len(log), 0, key.encode(), None if value is None else events.dump(value)))

    def committed_ends(self, topics: Sequence[TopicName]) -> dict[TopicPartition, int]:
        return {TopicPartition(topic, 0): len(self.records[topic]) for topic in topics}

    def read(self, ends: Mapping[TopicPartition, int]) -> Iterator[Record]:
        for tp, end in ends.items():
            yield from self.records[tp.topic][self.positions.get(tp, 0) : end]
            self.positions[tp] = end

    def close(self) -> None:
        self.closed = True

    def verify(self, user: str, *, state: str = "verified", expires: str | None = None) -> None:
        digest = user_digest(KEY, user)
        self.put(Topic.IDENTITIES, digest, events.Identity(digest, "mobile", "0" * 32, state, AT, expires))  # type: ignore[arg-type]

    def stand(self, user: str, level: str, until: str | None = None) -> None:
        digest = user_digest(KEY, user)
        self.put(Topic.STANDING, digest, events.Standing(digest, level, AT, until))  # type: ignore[arg-type]

    def consent(self, subject: str, state: str = "granted", **more: object) -> None:
        digest = subject_digest(KEY, subject)
        self.put(Topic.CONSENTS, digest, events.Consent(digest, state, AT, **more))  # type: ignore[arg-type]


def views(state: MemoryState, *topics: Topic, spill_at: int = 1000) -> Views:
    state.positions.clear()  # a new reader begins at the first record
    return Views(state, TOPOLOGY, topics or STATE, KEY, spill_at=spill_at)
