"""The one table of topics: all else that names a topic (creation, checks, ACLs, the README's map) is made from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from clearmark.records import TopicName

INLINE_LIMIT = 1024 * 1024
"""Bytes of the largest artifact that travels inside a record; beyond it, a claim check (contract: dataref)."""

_ENVELOPE = 64 * 1024
"""Room for key, headers and the batch header around the largest value."""

MARKED_LIMIT = INLINE_LIMIT + 512 * 1024
"""A marked text is longer than what came in; beyond this it travels by reference."""


class Topic(StrEnum):
    """The topics by their short names."""

    INGRESS = "ingress"
    SCREENED = "screened"
    APPROVED = "approved"
    BLOCKED = "blocked"
    REVIEW = "review"
    REVIEWS = "reviews"
    DEAD_LETTER = "dead-letter"
    AUDIT = "audit"


class Cleanup(StrEnum):
    """Kafka's ``cleanup.policy``."""

    DELETE = "delete"
    COMPACT = "compact"


class TimestampType(StrEnum):
    """Kafka's ``message.timestamp.type``."""

    CREATE = "CreateTime"
    LOG_APPEND = "LogAppendTime"


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What one topic must be like. ``max_message_bytes`` is Kafka's ``max.message.bytes`` (a whole batch)."""

    topic: Topic
    key: str
    holds: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    partitions: int
    retention: timedelta
    max_message_bytes: int
    cleanup: Cleanup = Cleanup.DELETE
    timestamp: TimestampType = TimestampType.CREATE


_NOTICE = 256 * 1024
_ARTIFACT = INLINE_LIMIT + _ENVELOPE

TOPICS: tuple[TopicSpec, ...] = (
    TopicSpec(
        Topic.INGRESS,
        "user id (advice)",
        "artifacts as CloudEvents",
        ("publishers",),
        ("screen", "ledger"),
        6,
        timedelta(days=7),
        8 * INLINE_LIMIT,
        timestamp=TimestampType.LOG_APPEND,
    ),
    TopicSpec(
        Topic.SCREENED,
        "user id",
        "allowed artifacts with their decision (internal)",
        ("screen", "review"),
        ("mark",),
        6,
        timedelta(days=2),
        _ARTIFACT,
    ),
    TopicSpec(
        Topic.APPROVED,
        "user id",
        "marked artifacts, ready to distribute",
        ("mark",),
        ("platforms", "ledger"),
        6,
        timedelta(days=7),
        MARKED_LIMIT + _ENVELOPE,
    ),
    TopicSpec(
        Topic.BLOCKED,
        "user id",
        "notices: ids, digests, reasons; never the content",
        ("screen",),
        ("platforms", "ledger"),
        6,
        timedelta(days=30),
        _NOTICE,
    ),
    TopicSpec(
        Topic.REVIEW,
        "user id",
        "notices of held artifacts; content sits in quarantine",
        ("screen", "mark"),
        ("review", "ledger"),
        6,
        timedelta(days=30),
        _NOTICE,
    ),
    TopicSpec(
        Topic.REVIEWS,
        "decision id",
        "what a reviewer decided about a held artifact",
        ("review",),
        ("review",),
        1,
        timedelta(days=184),
        _NOTICE,
    ),
    TopicSpec(
        Topic.DEAD_LETTER,
        "user id",
        "what could not be processed, and why",
        ("screen", "mark"),
        ("operators", "ledger"),
        6,
        timedelta(days=30),
        _NOTICE,
    ),
    TopicSpec(
        Topic.AUDIT,
        "decision id",
        "every decision and action",
        ("screen", "mark", "review"),
        ("archive",),
        6,
        timedelta(days=14),
        _NOTICE,
        timestamp=TimestampType.LOG_APPEND,
    ),
)
"""Ingress admits up to 8 MiB a record so that a text that is too large can be told so (blocked, ``too-large``)
instead of being refused by the broker with an error only its publisher sees."""


@dataclass(frozen=True, slots=True)
class Topology:
    """The table applied to one cluster: names with a prefix, partitions and replication as configured.

    Attributes:
        prefix: first part of every name.
        replication: replication factor of every topic.
        partitions: overrides the table's partition count where a topic has more than one; 0 keeps the table's.
    """

    prefix: str = "clearmark"
    replication: int = 1
    partitions: int = 0

    def name(self, topic: Topic) -> TopicName:
        """Return the full name, ``PREFIX.NAME.v1``."""
        return TopicName(f"{self.prefix}.{topic.value}.v1")

    def topic(self, name: str) -> Topic | None:
        """Return the topic of a full name, or None for a name that is not ours."""
        return next((s.topic for s in TOPICS if self.name(s.topic) == name), None)

    def partition_count(self, spec: TopicSpec) -> int:
        """Return how many partitions the topic must have."""
        return self.partitions if self.partitions and spec.partitions > 1 else spec.partitions

    def spec(self, topic: Topic) -> TopicSpec:
        """Return the topic's row of the table."""
        return next(s for s in TOPICS if s.topic is topic)

    def config(self, spec: TopicSpec) -> dict[str, str]:
        """Return the topic-level configuration that Kafka is given."""
        return {
            "cleanup.policy": spec.cleanup.value,
            "retention.ms": str(int(spec.retention.total_seconds() * 1000)),
            "max.message.bytes": str(spec.max_message_bytes),
            "message.timestamp.type": spec.timestamp.value,
        }
