"""(a) The transactor passing records through, against a transactional loop written by hand on confluent-kafka.

Both emit the same records with the same batch size. Both are timed after the transactor's probation (two batches),
which is printed beside it.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from clearmark.records import Outcome, Output, Record, TopicName
from clearmark.transactor.kafka import KafkaConsumer, KafkaProducer
from clearmark.transactor.loop import Transactor
from clearmark.transactor.observer import Observer
from clearmark.transactor.settings import Settings
from load.benches.machine import QUIET, medians

if TYPE_CHECKING:
    from collections.abc import Sequence

GOAL: Final = 0.85


class PassThrough:
    """A stage that writes each record as it came."""

    def __init__(self, target: str) -> None:
        self._target = TopicName(target)

    def process(self, batch: Sequence[Record]) -> list[Outcome]:
        return [Outcome((Output(self._target, r.key, r.value, r.headers),)) for r in batch]

    def dead_letter(self, record: Record, error_class: str, attempt: int) -> Outcome:
        raise AssertionError((record.offset, error_class, attempt))


class Counting(Observer):
    """Stops the transactor after so many records; the clock starts after ``warm`` of them."""

    def __init__(self, wanted: int, warm: int, stop: threading.Event) -> None:
        self.left, self._wanted, self._warm, self._stop = wanted, wanted, warm, stop
        self.begun = self.first = self.last = 0.0
        self.timed = 0

    def committed(self, records: Sequence[Record], outcomes: Sequence[Outcome]) -> None:
        del outcomes
        self.last = time.monotonic()
        self.begun = self.begun or self.last
        self.left -= len(records)
        if not self.first and self._wanted - self.left >= self._warm:
            self.first, self.timed = self.last, self.left
        if self.left <= 0:
            self._stop.set()


class Course:
    """One topic full of 1 KB records, and the way past it.

    Args:
        bootstrap: of the cluster.
        records: on the topic.
        batch: most records in one transaction.
    """

    def __init__(self, bootstrap: str, records: int, batch: int) -> None:
        self._common: dict[str, Any] = {**QUIET, "bootstrap.servers": bootstrap}
        self._records, self._batch = records, batch
        self._source = f"bench.{uuid.uuid4().hex}"
        self._target = f"{self._source}.out"
        admin = AdminClient(self._common)
        for future in admin.create_topics([NewTopic(name, 1, 1) for name in (self._source, self._target)]).values():
            future.result()
        self._fill()

    def _fill(self) -> None:
        producer = Producer({**self._common, "linger.ms": 20, "compression.type": "lz4"})
        for i in range(self._records):
            while True:
                try:
                    value = os.urandom(512).hex().encode()
                    producer.produce(self._source, value, str(i).encode(), headers=[("n", str(i))])
                    break
                except BufferError:
                    producer.poll(0.1)
        producer.flush()

    def ours(self) -> tuple[float, float]:
        """Return records per second of the transactor after its probation, and the seconds that this took."""
        stop, name = threading.Event(), uuid.uuid4().hex
        observer = Counting(self._records, 2 * self._batch, stop)
        transactor = Transactor(
            PassThrough(self._target),
            KafkaConsumer({**self._common, "group.id": name}, [TopicName(self._source)]),
            KafkaProducer(self._common, name),
            settings=Settings(max_batch_records=self._batch, probation_records=2 * self._batch),
            observer=observer,
        )
        transactor.run(stop)
        return observer.timed / (observer.last - observer.first), observer.first - observer.begun

    def by_hand(self) -> tuple[float, float]:
        """Return records per second of the plain loop: consume a batch, produce, send offsets, commit; and warm-up."""
        consumer, producer = self._clients()
        left, begun, first, timed = self._records, 0.0, 0.0, 0
        while left > 0:
            batch = [m for m in consumer.consume(self._batch, 0.5) if not m.error()]
            if not batch:
                continue
            producer.begin_transaction()
            for m in batch:
                producer.produce(self._target, m.value(), m.key(), headers=m.headers())
            last = batch[-1]
            place = TopicPartition(last.topic() or "", last.partition() or 0, (last.offset() or 0) + 1)
            producer.send_offsets_to_transaction([place], consumer.consumer_group_metadata())
            producer.commit_transaction()
            left -= len(batch)
            begun = begun or time.monotonic()
            if not first and self._records - left >= 2 * self._batch:
                first, timed = time.monotonic(), left
        seconds = time.monotonic() - first
        consumer.close()
        return timed / seconds, first - begun

    def _clients(self) -> tuple[Consumer, Producer]:
        name = uuid.uuid4().hex
        reading = {"isolation.level": "read_committed", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
        writing = {"linger.ms": 1, "compression.type": "lz4", "queue.buffering.max.messages": 1_000_000}
        consumer = Consumer({**self._common, **reading, "group.id": name})
        producer = Producer({**self._common, **writing, "transactional.id": name})
        producer.init_transactions()
        consumer.subscribe([self._source])
        return consumer, producer


def pass_through(bootstrap: str, records: int, batch: int, runs: int) -> None:
    course = Course(bootstrap, records, batch)
    course.by_hand()  # the broker's own warm-up
    pairs = []
    for i in range(runs):
        order = (course.ours, course.by_hand) if i % 2 else (course.by_hand, course.ours)
        found = {f.__name__: f() for f in order}
        (mine, probation), (rival, _) = found["ours"], found["by_hand"]
        pairs.append((mine, rival))
        print(f"    run {i + 1}: ours {mine:,.0f}/s, by hand {rival:,.0f}/s; probation {probation:.1f} s", flush=True)
    mine, rival, ratio = medians(pairs)
    said = f"(a) pass-through of 1 KB records: {mine:,.0f}/s against {rival:,.0f}/s by hand"
    print(f"{said}: ratio {ratio:.2f} (goal {GOAL})", flush=True)
