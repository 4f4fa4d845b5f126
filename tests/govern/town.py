"""A town of users on real Kafka: topics of its own, a publisher of audit records, workers, and what came of it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer
from confluent_kafka import TopicPartition as Place
from confluent_kafka.admin import AdminClient

from clearmark.kafka import admin as kafka_admin
from clearmark.topology import Topic, Topology
from tests.govern.worker import READY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from confluent_kafka import Message

    from clearmark.govern.rules import ConductRule

QUIET = {"log_level": 0}
T0 = 1_760_000_000_000


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:32]


@dataclass
class Said:
    """An audit record to be: by default, screen found something prohibited."""

    user: str
    seconds: float
    verdict: str = "block"
    codes: tuple[str, ...] = ("A.1.f",)
    stage: str = "screen"
    resolution: str | None = None
    name: str = field(default_factory=lambda: uuid.uuid4().hex)

    def record(self) -> tuple[bytes, bytes, list[tuple[str, str | bytes | None]]]:
        value = {
            "decision_id": self.name, "content_id": "0" * 16, "user": self.user,
            "origin": {"topic": "in", "partition": 0, "offset": 0}, "stage": self.stage, "verdict": self.verdict,
            "media": "text", "content_type": "text/plain", "sha256": None,
            "reasons": [{"code": code, "zh": "", "en": ""} for code in self.codes], "policy": "p",
            "decided_at": "2025-01-01T00:00:00.000Z", "resolution": self.resolution,
        }  # fmt: skip
        headers = {
            "ce_specversion": "1.0", "ce_id": f"{self.name}.{self.stage}.{self.verdict}", "ce_source": "clearmark",
            "ce_type": "clearmark.audit.decision.v1", "ce_origintime": str(T0 + int(self.seconds * 1000)),
        }  # fmt: skip
        return self.name.encode(), json.dumps(value).encode(), [(k, v.encode()) for k, v in headers.items()]


@dataclass
class Lifted:
    """A person lifted a standing."""

    user: str
    seconds: float

    def record(self) -> tuple[bytes, bytes, list[tuple[str, str | bytes | None]]]:
        at = datetime.fromtimestamp(T0 / 1000 + self.seconds).astimezone().isoformat(timespec="milliseconds")
        value = {"action": "standing.lifted", "actor": "anna", "subject": self.user, "reason": "appeal", "at": at}
        name = uuid.uuid4().hex
        headers = {"ce_specversion": "1.0", "ce_id": name, "ce_source": "c", "ce_type": "clearmark.audit.action.v1"}
        return name.encode(), json.dumps(value).encode(), [(k, v.encode()) for k, v in headers.items()]


class Worker:
    """A govern process."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def wait_for(self, line: str) -> None:
        assert self._process.stdout is not None
        while (said := self._process.stdout.readline().strip()) != line:
            assert said, "it has ended"

    def wait_ready(self) -> None:
        self.wait_for(READY)

    def kill(self) -> None:
        self._process.kill()
        self.wait()

    def wait(self) -> int:
        status = self._process.wait(60)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        return status

    def stop(self) -> dict[str, int]:
        """End it in order; return what it counted."""
        assert self._process.stdout is not None
        self._process.terminate()
        last = self._process.stdout.read().splitlines()[-1]
        assert self.wait() == 0
        counted: dict[str, int] = json.loads(last)
        return counted


class Town:
    """Everything under a prefix of its own."""

    def __init__(self, bootstrap: str, rules: Sequence[ConductRule], partitions: int = 4) -> None:
        self.bootstrap, self.rules, self.partitions = bootstrap, rules, partitions
        self.prefix = f"g{uuid.uuid4().hex[:8]}"
        self.topology = Topology(self.prefix, 1, partitions)
        self.admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
        kafka_admin.apply(self.admin, self.topology)
        self.workers: list[Worker] = []
        # As the transactor writes: lz4, transactions.
        self._producer = Producer(
            {"bootstrap.servers": bootstrap, "transactional.id": self.prefix, "compression.type": "lz4", **QUIET}
        )
        self._producer.init_transactions()

    def name(self, topic: Topic) -> str:
        return self.topology.name(topic)

    def publish(self, said: Sequence[Said | Lifted], *, abort: bool = False, partition: int = -1) -> None:
        """Write audit records in one transaction."""
        self._producer.begin_transaction()
        for s in said:
            key, value, headers = s.record()
            self._producer.produce(self.name(Topic.AUDIT), value, key, partition, headers=headers)
        self._producer.flush()
        if abort:
            self._producer.abort_transaction()
        else:
            self._producer.commit_transaction()

    def put(self, topic: Topic, value: bytes | None, key: bytes | None = None) -> None:
        """Write anything."""
        # The same partition as Faust's for the same key.
        producer = Producer({"bootstrap.servers": self.bootstrap, "partitioner": "murmur2_random", **QUIET})
        producer.produce(self.name(topic), value, key)
        producer.flush()

    def start(self, breaking: str = "-") -> Worker:
        rules = json.dumps([rule.model_dump(exclude_none=True) for rule in self.rules])
        arguments = [self.bootstrap, self.prefix, str(self.partitions), rules, breaking]
        worker = Worker([sys.executable, "-m", "tests.govern.worker", *arguments])
        self.workers.append(worker)
        return worker

    def read(self, topic: Topic) -> list[Message]:
        """Return every committed record of a topic, in each partition's order."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap, "group.id": "reader", "isolation.level": "read_committed",
                "enable.partition.eof": True, "enable.auto.commit": False, "fetch.wait.max.ms": 10, **QUIET,
            }
        )  # fmt: skip
        consumer.assign([Place(self.name(topic), p, 0) for p in range(self.partitions)])
        found, ended = [], 0
        while ended < self.partitions:
            for message in consumer.consume(1000, 0.02):
                if message.error():
                    ended += 1
                else:
                    found.append(message)
        consumer.close()
        return found

    def standings(self) -> dict[str, dict[str, Any]]:
        """Return the last record of each user."""
        return {standing["user"]: standing for standing in self.standing_records()}

    def standing_records(self) -> list[dict[str, Any]]:
        values = [m.value() or b"" for m in self.read(Topic.STANDING)]
        return [json.loads(value) for value in values if value.startswith(b'{"user"')]

    def wait(self, happened: Callable[[], object], seconds: float = 60, tend: Callable[[], None] | None = None) -> None:
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, "it did not happen"
            if tend:
                tend()
            time.sleep(0.1)

    def settled(self) -> bool:
        """Return whether everything on the topics that govern reads is committed as processed."""
        # Each topic makes the next one longer: what is committed is asked for before what is there.
        group = [ConsumerGroupTopicPartitions(f"{self.prefix}.govern")]
        found = self.admin.list_consumer_group_offsets(group)[f"{self.prefix}.govern"].result()
        committed = {(p.topic, p.partition): p.offset for p in found.topic_partitions}
        ends: defaultdict[tuple[str, int], int] = defaultdict(int)
        for topic in (Topic.AUDIT, Topic.CONDUCT, Topic.STANDING):
            for m in self.read(topic):
                ends[m.topic() or "", m.partition() or 0] = (m.offset() or 0) + 1
        return all(committed.get(tp, 0) >= end for tp, end in ends.items())

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()


def until_ms(standing: dict[str, Any]) -> int:
    return round(datetime.fromisoformat(standing["until"]).timestamp() * 1000) if standing["until"] else 0
