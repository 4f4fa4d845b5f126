"""Settings of every Kafka client that Clearmark opens: one place for the cluster, its security and its log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from confluent_kafka.admin import AdminClient

if TYPE_CHECKING:
    from clearmark.config import Config


def settings(config: Config) -> dict[str, Any]:
    """Return librdkafka properties: the cluster, what the operator passes through, and a log that is ours."""
    return {
        "client.id": "clearmark",
        "logger": logging.getLogger("clearmark.kafka"),
        **config.kafka.client,
        "bootstrap.servers": config.kafka.bootstrap_servers,
    }


def member(config: Config, group: str) -> dict[str, Any]:
    """Return the properties of a member of a consumer group, ``PREFIX.GROUP``."""
    return {
        **settings(config),
        "group.id": f"{config.topics.prefix}.{group}",
        "session.timeout.ms": config.worker.session_timeout_ms,
        "heartbeat.interval.ms": max(1, config.worker.session_timeout_ms // 5),
        "max.poll.interval.ms": config.worker.max_poll_interval_ms,
        # A busy partition must not fill the memory of a worker that has many.
        "queued.max.messages.kbytes": 64 * 1024,
    }


def reader(config: Config) -> dict[str, Any]:
    """Return the properties of a consumer that belongs to no group and reads what is committed."""
    return {
        **settings(config),
        "group.id": f"{config.topics.prefix}.reader",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "enable.partition.eof": True,
    }


def admin(config: Config) -> AdminClient:
    """Return an admin client."""
    return AdminClient(settings(config))
