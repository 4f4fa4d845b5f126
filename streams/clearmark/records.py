"""Values that move through a stage: where a record lies, what it holds, what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, NewType

TopicName = NewType("TopicName", str)
"""A topic's full name on the cluster, such as ``clearmark.ingress.v1``."""

Headers = tuple[tuple[str, bytes | None], ...]
"""Record headers in order. Kafka allows a name twice and a null value."""


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: TopicName
    partition: int


class StageName(StrEnum):
    """The stages that run as workers; also the names of consumer groups."""

    SCREEN = "screen"
    MARK = "mark"
    ARCHIVE = "archive"
    GOVERN = "govern"


class Media(StrEnum):
    """What kind of content an artifact is, by its declared media type."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    OTHER = "other"


class Terminal(StrEnum):
    """The four ends of an ingress record. Exactly one of them happens first (the ledger proves it)."""

    APPROVED = "approved"
    BLOCKED = "blocked"
    HELD = "held"
    DEAD_LETTERED = "deadlettered"


@dataclass(slots=True)
class Record:
    """One consumed record. Treat as immutable (not frozen: creation is on the hot path).

    ``timestamp_ms`` is the log-append time where the topic uses it; ``key`` and ``value`` may be null.
    """

    topic: TopicName
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @property
    def tp(self) -> TopicPartition:
        """The partition that the record lies in."""
        return TopicPartition(self.topic, self.partition)

    def header(self, name: str) -> bytes | None:
        """Return the last header of this name, or None (the last one wins, as in Kafka's own clients)."""
        for key, value in reversed(self.headers):
            if key == name:
                return value
        return None


@dataclass(slots=True)
class Output:
    """One record to be produced. Treat as immutable."""

    topic: TopicName
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(slots=True)
class Outcome:
    """What becomes of one consumed record: the records it turns into, its audit records among them.

    ``verdict`` names the result for metrics (``allow``, ``block``, ``hold``, ``dead-letter``, ...);
    ``reasons`` are the reason codes that led there.
    """

    outputs: tuple[Output, ...] = ()
    verdict: str = ""
    media: str = ""
    reasons: tuple[str, ...] = field(default=())
