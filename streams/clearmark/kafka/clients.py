"""Settings of every Kafka client that Clearmark opens: one place for the cluster, its security and its log."""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka.admin import AdminClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearmark.config import Config


_EVERY_S: Final = 10.0
_HEAD: Final = re.compile(r"\w+ \[[^\]]*\] \[[^\]]*\]")


class Seldom(logging.Filter):
    """Lets the same complaint of the client library pass once in ten seconds: it repeats them twenty times a second.

    Args:
        clock: seconds from a monotonic clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._passed: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is new; what it is about is its kind, client and thread."""
        head, now = _HEAD.match(record.getMessage()), self._clock()
        if head is None:
            return True
        last = self._passed.get(head.group(), -_EVERY_S)
        if now - last < _EVERY_S:
            return False
        self._passed[head.group()] = now
        return True


_LOGGER: Final = logging.getLogger("clearmark.kafka")
_LOGGER.addFilter(Seldom())


def settings(config: Config) -> dict[str, Any]:
    """Return librdkafka properties: the cluster, what the operator passes through, and a log that is ours."""
    return {
        "client.id": "clearmark",
        "logger": _LOGGER,
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
