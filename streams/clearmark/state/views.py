"""What a worker knows of users, persons and features: the whole of the state topics, caught up before each batch.

Publishers may use any partitioner, so nothing can be assumed about which worker needs which user: each holds all.
`Views.catch_up` returns when the view has passed the committed ends that it read at its beginning; a decision made
after that knows everything that was committed before its batch began (R-DS-9, R-DS-14, R-PI-1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from clearmark.digests import subject_digest, user_digest
from clearmark.errors import Stop
from clearmark.schemas import events
from clearmark.state.table import SPILL_AT, Table
from clearmark.topology import Topic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from clearmark.records import Record, TopicName, TopicPartition
    from clearmark.topology import Topology

T = TypeVar("T")


class Log(Protocol):
    """What a view reads from: `clearmark.kafka.tail.Tail`, or a twin in tests."""

    positions: dict[TopicPartition, int]

    def committed_ends(self, topics: Sequence[TopicName]) -> dict[TopicPartition, int]:
        """Return the committed end of each partition."""
        ...

    def read(self, ends: Mapping[TopicPartition, int]) -> Iterator[Record]:
        """Yield the committed records from the positions up to these ends."""
        ...

    def close(self) -> None:
        """Release the connections."""


class Views:
    """The state topics that one worker needs.

    Args:
        log: where they are read from.
        topology: names the topics.
        topics: which of the state topics.
        key: stands digests for users and persons, as their writers did.
        spill_at: keys from which on a table lies on disk.
        folder: where; None for the system's temporary folder.
    """

    def __init__(
        self,
        log: Log,
        topology: Topology,
        topics: Sequence[Topic],
        key: bytes,
        *,
        spill_at: int = SPILL_AT,
        folder: Path | None = None,
    ) -> None:
        self._log, self._key = log, key
        self._names = {topology.name(topic): topic for topic in topics}
        self._tables = {topic: Table(spill_at, folder) for topic in topics}
        self.changes = dict.fromkeys(topics, 0)
        """How many records of each topic were read: what is derived from a table is made anew when this moves."""

    def catch_up(self) -> None:
        """Read everything that is committed now.

        Raises:
            Retry: the cluster does not answer.
        """
        for record in self._log.read(self._log.committed_ends(list(self._names))):
            topic = self._names[record.topic]
            self.changes[topic] += 1
            if record.key is not None:
                self._tables[topic].put(record.key, record.value)

    def positions(self) -> dict[str, tuple[int, ...]]:
        """Return, by topic, how far each partition is known: each decision records this."""
        found: dict[str, dict[int, int]] = {}
        for tp, offset in self._log.positions.items():
            found.setdefault(self._names[tp.topic].value, {})[tp.partition] = offset
        return {topic: tuple(offsets[p] for p in sorted(offsets)) for topic, offsets in sorted(found.items())}

    def identity(self, user_id: str) -> events.Identity | None:
        """Return a user's identity record.

        Raises:
            MalformedValue: it is not what the contract says; the artifact cannot be judged.
        """
        return self._get(Topic.IDENTITIES, user_digest(self._key, user_id), events.Identity)

    def standing(self, user_id: str) -> events.Standing | None:
        """Return how a user stands; None for a user who never violated anything."""
        return self._get(Topic.STANDING, user_digest(self._key, user_id), events.Standing)

    def consent(self, subject: str) -> events.Consent | None:
        """Return the last consent record of a person."""
        return self._get(Topic.CONSENTS, subject_digest(self._key, subject), events.Consent)

    def features(self) -> Iterator[events.Feature]:
        """Yield the active entries of the feature library.

        Raises:
            Stop: a record is not a feature: what should be found would not be.
        """
        for value in self._tables[Topic.FEATURES].values():
            try:
                feature = events.load(events.Feature, value)
            except events.MalformedValue:
                remedy = "only 'clearmark features' may write there: remove the record by its key, and check the ACLs"
                raise Stop("the features topic holds a record that is no feature", remedy=remedy) from None
            if feature.state == "active":
                yield feature

    def count(self, topic: Topic) -> int:
        """Return how many keys of a topic are known."""
        return len(self._tables[topic])

    def close(self) -> None:
        """Release connections and disk."""
        self._log.close()
        for table in self._tables.values():
            table.close()

    def _get(self, topic: Topic, key: str, kind: type[T]) -> T | None:
        value = self._tables[topic].get(key.encode())
        return None if value is None else events.load(kind, value)
