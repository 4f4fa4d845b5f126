"""Screen and mark as worker processes on Kafka, with a publisher and a reader at the ends."""

from __future__ import annotations

import os
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

from confluent_kafka import Consumer, Producer, TopicPartition

from clearmark.config import load
from clearmark.errors import Stop
from clearmark.init import init
from clearmark.kafka import admin as kafka_admin
from clearmark.kafka import clients
from clearmark.kafka.node import free_ports
from clearmark.operate import identities
from clearmark.operate.desk import StateDesk
from clearmark.topology import Topic
from clearmark.up.supervisor import Supervisor
from load.benches.inputs import USERS, headers, texts
from load.benches.machine import QUIET, Speed, bound, move, processor_s

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from load.benches.inputs import Item

_SILENCE_S: Final = 120.0


class Pipeline:
    """One worker a stage, one partition a topic. Use as a context manager: the workers run within the block.

    Args:
        bootstrap: of the cluster.
        folder: for configuration, keys, objects and the workers' logs.
        batch: most records in a batch.
        cores: of the workers.
    """

    def __init__(self, bootstrap: str, folder: Path, batch: int, cores: set[int]) -> None:
        self._batch, self._cores, self._folder = batch, cores, folder
        init(folder)
        environment = {
            **os.environ,
            "CLEARMARK_CONFIG": str(folder / "clearmark.toml"),
            "CLEARMARK_BOOTSTRAP_SERVERS": bootstrap,
            "CLEARMARK_TOPICS_PREFIX": f"bench-{uuid.uuid4().hex[:8]}",
            "CLEARMARK_TOPICS_PARTITIONS": "1",
            "CLEARMARK_WORKER_MAX_BATCH_RECORDS": str(batch),
        }
        self.config = load(None, environment)
        topology = self.config.topics.topology()
        self._ingress, approved = topology.name(Topic.INGRESS), topology.name(Topic.APPROVED)
        kafka_admin.apply(clients.admin(self.config), topology)
        self._verify()
        common = {**QUIET, "bootstrap.servers": bootstrap}
        self._producer = Producer({**common, "linger.ms": 2, "message.max.bytes": 9_000_000})
        self._consumer = Consumer({**common, "group.id": "bench", "isolation.level": "read_committed"})
        self._consumer.assign([TopicPartition(approved, 0, 0)])
        self._supervisor = Supervisor(folder / "logs", environment, lambda _: None)
        self._numbered = 0

    def __enter__(self) -> Self:
        """Start the workers, wait until they are ready, and bring them past their probation."""
        ports = free_ports(2)
        try:
            with bound(self._cores):
                for stage, port in zip(("screen", "mark"), ports, strict=True):
                    arguments = ("worker", stage, "--slot", "bench", "--metrics-port", str(port))
                    self._supervisor.add(stage, arguments, port)
            while not self._supervisor.ready:
                self._supervisor.tend()
                self._supervisor.give_up(1)
                time.sleep(0.05)
            self.run(texts(3 * self._batch))
        except BaseException:
            self._supervisor.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()
        self._supervisor.close()

    def unbind(self, cores: set[int]) -> None:
        """Give the workers these cores from now on."""
        for child in self._supervisor.children:
            move(child.pid, cores)

    def run(self, items: Sequence[Item]) -> Speed:
        """Return how fast it goes, from the first one's publication to the last one's approval."""
        begun, used = time.monotonic(), self._processor_s()
        self.publish(items)
        at, _ = self.approved(len(items))
        return Speed(len(items) / (at[-1] - begun), (self._processor_s() - used) / len(items))

    def _processor_s(self) -> float:
        return sum(processor_s(child.pid) for child in self._supervisor.children)

    def publish(self, items: Sequence[Item], rate: float = 0) -> None:
        """Publish artifacts, at a rate a second or as fast as it goes."""
        begun = time.monotonic()
        for i, item in enumerate(items):
            while True:
                try:
                    self._producer.produce(self._ingress, item.data, b"k", headers=headers(item, self._numbered))
                    break
                except BufferError:
                    self._producer.poll(0.1)
            self._numbered += 1
            self._producer.poll(0)
            if rate:
                time.sleep(max(0.0, begun + i / rate - time.monotonic()))
        self._producer.flush()

    def approved(self, wanted: int) -> tuple[list[float], list[float]]:
        """Return arrival times and latencies, in seconds, of the next approved records.

        Raises:
            Stop: none has come for two minutes.
        """
        at: list[float] = []
        latency: list[float] = []
        heard = time.monotonic()
        while len(at) < wanted:
            for m in self._consumer.consume(min(500, wanted - len(at)), 0.02):
                at.append(time.monotonic())
                latency.append(time.time() - int(dict(m.headers() or [])["ce_origintime"] or 0) / 1000)
            heard = at[-1] if at else heard
            if time.monotonic() - heard > _SILENCE_S:
                raise Stop(f"{len(at)} of {wanted} were approved", remedy=f"see {self._folder}/logs")
        return at, latency

    def _verify(self) -> None:
        """Record an identity of each user: nobody else may publish."""
        config, now = self.config, datetime.now(UTC)
        key = config.load_keys(os.environ).digests
        desk = StateDesk(
            {**clients.settings(config), **QUIET}, clients.admin(config), config.topics.topology(), "bench", lambda: now
        )
        desk.write(identities.verified(key, user, "mobile", f"139{i:08d}", None, now) for i, user in enumerate(USERS))
