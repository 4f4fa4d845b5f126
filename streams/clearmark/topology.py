"""The one table of topics: all else that names a topic (creation, checks, ACLs, the README's map) is made from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

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
    IDENTITIES = "identities"
    CONSENTS = "consents"
    STANDING = "standing"
    FEATURES = "features"
    CONDUCT = "conduct"
    CONDUCT_TABLE = "conduct-table"


STATE: Final = (Topic.IDENTITIES, Topic.CONSENTS, Topic.STANDING, Topic.FEATURES)
"""Compacted topics whose whole content a worker holds as its view; nothing on them names a person in clear."""


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
    """What one topic must be like.

    ``max_message_bytes`` is Kafka's ``max.message.bytes`` (a whole batch); a topic without ``retention`` is compacted.
    """

    topic: Topic
    key: str
    holds: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    partitions: int
    retention: timedelta | None
    max_message_bytes: int
    timestamp: TimestampType = TimestampType.CREATE

    @property
    def cleanup(self) -> Cleanup:
        """Kafka's ``cleanup.policy``."""
        return Cleanup.COMPACT if self.retention is None else Cleanup.DELETE


_ARTIFACT = INLINE_LIMIT + _ENVELOPE
_NOTICE = _ARTIFACT
"""Notices are small, but clients put up to 1,000,000 bytes of them into one batch, and the limit is on a batch."""

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
        ("screen", "mark"),
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
        ("screen", "mark", "review", "govern", "operators"),
        ("archive", "govern"),
        6,
        timedelta(days=14),
        _NOTICE,
        timestamp=TimestampType.LOG_APPEND,
    ),
    TopicSpec(
        Topic.IDENTITIES,
        "digest of the user id",
        "users whose real identity was verified",
        ("operators",),
        ("screen", "mark"),
        3,
        None,
        _NOTICE,
    ),
    TopicSpec(
        Topic.CONSENTS,
        "digest of the subject",
        "what persons agreed to about their likeness and voice",
        ("operators",),
        ("screen", "mark"),
        3,
        None,
        _NOTICE,
    ),
    TopicSpec(
        Topic.STANDING,
        "digest of the user id",
        "users who were warned, limited or suspended",
        ("govern",),
        ("screen", "mark"),
        3,
        None,
        _NOTICE,
    ),
    TopicSpec(
        Topic.FEATURES,
        "feature id",
        "words and picture hashes to look for",
        ("operators",),
        ("screen",),
        1,
        None,
        _NOTICE,
    ),
    TopicSpec(
        Topic.CONDUCT,
        "digest of the user id",
        "what screening said, by user (internal)",
        ("govern",),
        ("govern",),
        6,
        timedelta(days=2),
        _NOTICE,
    ),
    TopicSpec(
        Topic.CONDUCT_TABLE,
        "digest of the user id, and one of their events",
        "changelog of govern's table (internal)",
        ("govern",),
        ("govern",),
        6,
        None,
        _NOTICE,
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
        """Return the topic-level configuration that Kafka is given.

        Kafka compacts closed segments only: those of compacted topics are closed each hour, or reading a state anew
        would grow with all that ever happened to it.
        """
        segments = {"segment.ms": "3600000", "segment.bytes": str(64 * 1024 * 1024)} if spec.retention is None else {}
        return {
            **segments,
            "cleanup.policy": spec.cleanup.value,
            "retention.ms": "-1" if spec.retention is None else str(int(spec.retention.total_seconds() * 1000)),
            "max.message.bytes": str(spec.max_message_bytes),
            "message.timestamp.type": spec.timestamp.value,
        }
