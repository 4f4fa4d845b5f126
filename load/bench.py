"""Throughput and latency, as ratios within one run: ``python load/bench.py``.

(a) the transactor passing 1 KB records through, against a hand-written transactional loop on confluent-kafka that
    emits the same records with the same batch size; goal at least 0.85 of it. Both are timed from record 2,000 on:
    the transactor's probation after a start (the first 2,000 records in small batches) is printed beside it.
(b) screen and mark through Kafka and the transactor, against the same pure functions in a plain loop over the same
    texts; goal at least 0.7. Workers and loop are bound to one and the same core each, the broker to the others; the
    figure with a core for each worker is printed beside it.
(c) latency from ingress to approved at half of (b)'s throughput, p50 and p99.

Pairs alternate, and the medians of their ratios are printed: the machine may be shared and noisy.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from clearmark import wiring
from clearmark.config import Config, load
from clearmark.demo.texts import chinese
from clearmark.init import init
from clearmark.kafka.node import EmbeddedKafka, free_ports
from clearmark.mark.text import mark
from clearmark.records import Outcome, Output, Record, TopicName
from clearmark.schemas import cloudevents as ce
from clearmark.topology import Topic
from clearmark.transactor.kafka import KafkaConsumer, KafkaProducer
from clearmark.transactor.loop import Transactor
from clearmark.transactor.observer import Observer
from clearmark.transactor.settings import Settings
from clearmark.up.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BATCH = 1000
WARM = 2 * BATCH
"""Records before the clock starts: the transactor's probation."""
QUIET = {"log_level": 0}


class PassThrough:
    """A stage that writes each record as it came."""

    def __init__(self, target: str) -> None:
        self._target = TopicName(target)

    def process(self, batch: Sequence[Record]) -> list[Outcome]:
        return [Outcome((Output(self._target, r.key, r.value, r.headers),)) for r in batch]

    def dead_letter(self, record: Record, error_class: str, attempt: int) -> Outcome:
        raise AssertionError((record.offset, error_class, attempt))


class Counting(Observer):
    """Stops the transactor after so many records."""

    def __init__(self, wanted: int, stop: threading.Event) -> None:
        self.left, self._wanted, self._stop = wanted, wanted, stop
        self.begun = self.first = self.last = 0.0
        self.timed = 0

    def committed(self, records: Sequence[Record], outcomes: Sequence[Outcome]) -> None:
        del outcomes
        self.last = time.monotonic()
        self.begun = self.begun or self.last
        self.left -= len(records)
        if not self.first and self._wanted - self.left >= WARM:
            self.first, self.timed = self.last, self.left
        if self.left <= 0:
            self._stop.set()


def topics(bootstrap: str, *names: str) -> None:
    admin = AdminClient({**QUIET, "bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(name, 1, 1) for name in names]).values():
        future.result()


def fill(bootstrap: str, topic: str, records: int) -> None:
    producer = Producer({**QUIET, "bootstrap.servers": bootstrap, "linger.ms": 20, "compression.type": "lz4"})
    for i in range(records):
        while True:
            try:
                producer.produce(topic, os.urandom(512).hex().encode(), str(i).encode(), headers=[("n", str(i))])
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()


def ours(bootstrap: str, source: str, target: str, records: int) -> tuple[float, float]:
    """Return records per second of the transactor after its probation, and the seconds that this took."""
    stop = threading.Event()
    observer = Counting(records, stop)
    name = uuid.uuid4().hex
    common = {**QUIET, "bootstrap.servers": bootstrap}
    transactor = Transactor(
        PassThrough(target),
        KafkaConsumer({**common, "group.id": name}, [TopicName(source)]),
        KafkaProducer(common, name),
        settings=Settings(max_batch_records=BATCH),
        observer=observer,
    )
    transactor.run(stop)
    return observer.timed / (observer.last - observer.first), observer.first - observer.begun


def by_hand(bootstrap: str, source: str, target: str, records: int) -> tuple[float, float]:
    """Return records per second of the plain loop: consume a batch, produce, send offsets, commit; and warm-up."""
    name = uuid.uuid4().hex
    common = {**QUIET, "bootstrap.servers": bootstrap}
    consumer = Consumer(
        {
            **common,
            "group.id": name,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    producer = Producer(
        {
            **common,
            "transactional.id": name,
            "linger.ms": 1,
            "compression.type": "lz4",
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    producer.init_transactions()
    consumer.subscribe([source])
    left, begun, first, timed = records, 0.0, 0.0, 0
    while left > 0:
        batch = [m for m in consumer.consume(BATCH, 0.5) if not m.error()]
        if not batch:
            continue
        producer.begin_transaction()
        for m in batch:
            producer.produce(target, m.value(), m.key(), headers=m.headers())
        last = batch[-1]
        place = TopicPartition(last.topic() or "", last.partition() or 0, (last.offset() or 0) + 1)
        producer.send_offsets_to_transaction([place], consumer.consumer_group_metadata())
        producer.commit_transaction()
        left -= len(batch)
        begun = begun or time.monotonic()
        if not first and records - left >= WARM:
            first, timed = time.monotonic(), left
    seconds = time.monotonic() - first
    consumer.close()
    return timed / seconds, first - begun


def pass_through(bootstrap: str, records: int, runs: int) -> None:
    source = f"bench.{uuid.uuid4().hex}"
    topics(bootstrap, source, f"{source}.out")
    fill(bootstrap, source, records)
    by_hand(bootstrap, source, f"{source}.out", records)  # the broker's own warm-up
    pairs = []
    for i in range(runs):
        order = (ours, by_hand) if i % 2 else (by_hand, ours)
        found = {f: f(bootstrap, source, f"{source}.out", records) for f in order}
        (mine, probation), (rival, _) = found[ours], found[by_hand]
        pairs.append((mine, rival))
        print(f"    run {i + 1}: ours {mine:,.0f}/s, by hand {rival:,.0f}/s; probation {probation:.1f} s", flush=True)
    ratio = statistics.median(a / b for a, b in pairs)
    mine, rival = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"(a) pass-through of 1 KB records: {mine:,.0f}/s against {rival:,.0f}/s by hand: ratio {ratio:.2f} (goal 0.85)"
    )


def texts(count: int) -> list[str]:
    """Return texts of about 600 characters each, all different."""
    pieces = list(chinese())
    return ["".join(pieces[(i + k) % len(pieces)] for k in range(12)) + f"（{i}）" for i in range(count)]


def event(text: str, i: int) -> tuple[bytes, list[tuple[str, str | bytes | None]]]:
    user = f"user-{i % 50}"
    headers: list[tuple[str, str | bytes | None]] = [
        ("ce_specversion", "1.0"),
        ("ce_id", str(i)),
        ("ce_source", "bench"),
        ("ce_type", ce.SUBMITTED),
        ("ce_userid", user),
        ("content-type", "text/plain"),
    ]
    return text.encode(), headers


def plain_loop(config: Config, files: Sequence[str]) -> float:
    """Return texts per second of the same stages' functions without Kafka, in one thread, batch by batch."""
    around = wiring.Surroundings(config, config.load_keys(os.environ), wiring.open_store(config), "bench", "bench")
    stage = wiring.screen_stage(around)
    rules = wiring.load_policy(config)
    ingress = config.topics.topology().name(Topic.INGRESS)
    now = int(datetime.now(UTC).timestamp() * 1000)
    records = []
    for i, text in enumerate(files):
        value, headers = event(text, i)
        encoded = tuple((k, str(v).encode()) for k, v in headers)
        records.append(Record(ingress, 0, i, now, b"k", value, encoded))
    begun = time.monotonic()
    for at in range(0, len(records), BATCH):
        for record, outcome in zip(records[at : at + BATCH], stage.process(records[at : at + BATCH]), strict=True):
            assert outcome.verdict == "allow", outcome.reasons
            parsed = ce.Envelope.parse(Record(ingress, 0, 0, 0, None, None, outcome.outputs[0].headers))
            done = mark(record.value or b"", "text/plain", parsed.content_id, around.keys.watermark, rules.marks.text)
            assert not done.failed
    return len(files) / (time.monotonic() - begun)


class Pipeline:
    """Screen and mark as worker processes on Kafka, one core each where the system allows."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.bootstrap = bootstrap
        self.prefix = f"bench-{uuid.uuid4().hex[:8]}"
        init(folder)
        environment = {
            **os.environ,
            "CLEARMARK_CONFIG": str(folder / "clearmark.toml"),
            "CLEARMARK_BOOTSTRAP_SERVERS": bootstrap,
            "CLEARMARK_TOPICS_PREFIX": self.prefix,
            "CLEARMARK_TOPICS_PARTITIONS": "1",
        }
        self.config = load(None, environment)
        apply = [sys.executable, "-m", "clearmark.cli", "topics", "apply"]
        subprocess.run(apply, env=environment, check=True, stdout=subprocess.DEVNULL)
        self.supervisor = Supervisor(folder / "logs", environment, lambda _: None)
        self._ports = free_ports(2)

    def start(self) -> None:
        """Start the workers and wait until they are ready."""
        for stage, port in zip(("screen", "mark"), self._ports, strict=True):
            self.supervisor.add(stage, ("worker", stage, "--slot", "bench", "--metrics-port", str(port)), port)
        while not self.supervisor.ready:
            self.supervisor.tend()
            time.sleep(0.05)

    def throughput(self, files: Sequence[str]) -> float:
        """Return texts per second once both workers are past their probation."""
        self.publish([*texts(2 * WARM), *files])
        at, _ = self.approved(2 * WARM, len(files))
        return len(files) / (at[-1] - at[0])

    def publish(self, files: Sequence[str], rate: float = 0) -> None:
        """Publish texts, at a rate or as fast as it goes."""
        producer = Producer({**QUIET, "bootstrap.servers": self.bootstrap, "linger.ms": 2})
        begun = time.monotonic()
        for i, text in enumerate(files):
            value, headers = event(text, i)
            producer.produce(f"{self.prefix}.ingress.v1", value, b"k", headers=headers)
            producer.poll(0)
            if rate:
                time.sleep(max(0.0, begun + i / rate - time.monotonic()))
        producer.flush()

    def approved(self, skip: int, wanted: int) -> tuple[list[float], list[float]]:
        """Return arrival times and latencies, in seconds, of approved records after the first ``skip``."""
        consumer = Consumer(
            {**QUIET, "bootstrap.servers": self.bootstrap, "group.id": "bench", "isolation.level": "read_committed"}
        )
        consumer.assign([TopicPartition(f"{self.prefix}.approved.v1", 0, 0)])
        at: list[float] = []
        latency: list[float] = []
        seen = 0
        while len(at) < wanted:
            for m in consumer.consume(500, 0.02):
                seen += 1
                if seen > skip:
                    headers = dict(m.headers() or [])
                    at.append(time.monotonic())
                    latency.append(time.time() - int(headers["ce_origintime"] or 0) / 1000)
        consumer.close()
        return at, latency


@contextmanager
def one_core() -> Iterator[None]:
    """Bind what runs inside, child processes too, to one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def whole_path(bootstrap: str, count: int, runs: int) -> None:
    files = texts(count)
    pairs = []
    with tempfile.TemporaryDirectory(prefix="clearmark-bench-") as scratch:
        for i in range(runs):
            pipeline = Pipeline(bootstrap, Path(scratch) / str(i))
            try:
                with one_core():
                    pipeline.start()
                throughput = pipeline.throughput(files)
            finally:
                pipeline.supervisor.close()
            with one_core():
                plain = plain_loop(pipeline.config, files)
            pairs.append((throughput, plain))
            print(f"    run {i + 1}: through Kafka {throughput:,.0f}/s, plain loop {plain:,.0f}/s", flush=True)
        ratio = statistics.median(a / b for a, b in pairs)
        mine, bound = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(
            f"(b) screen + mark on one core: {mine:,.0f} texts/s against {bound:,.0f}/s in a plain loop on one core: "
            f"ratio {ratio:.2f} (goal 0.7)",
            flush=True,
        )
        pipeline = Pipeline(bootstrap, Path(scratch) / "free")
        try:
            pipeline.start()
            print(f"    with a core for each worker: {pipeline.throughput(files):,.0f} texts/s", flush=True)
            _latency(pipeline, mine / 2, 2 * WARM + count)
        finally:
            pipeline.supervisor.close()


def _latency(pipeline: Pipeline, rate: float, skip: int) -> None:
    files = texts(int(rate * 10))
    publisher = threading.Thread(target=pipeline.publish, args=(files, rate))
    publisher.start()
    _, latency = pipeline.approved(skip, len(files))
    publisher.join()
    found = sorted(latency[len(latency) // 5 :])
    p50, p99 = found[len(found) // 2], found[int(len(found) * 0.99)]
    print(
        f"(c) ingress to approved at {rate:,.0f} texts/s: p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms", flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=60_000, help="records of (a) in each run")
    parser.add_argument("--texts", type=int, default=6_000, help="texts of (b) in each run")
    parser.add_argument("--runs", type=int, default=5)
    a = parser.parse_args()
    with EmbeddedKafka() as kafka:
        pass_through(kafka.bootstrap, a.records, a.runs)
        whole_path(kafka.bootstrap, a.texts, max(1, a.runs - 2))


if __name__ == "__main__":
    main()
