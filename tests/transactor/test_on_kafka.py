"""The transactor on real Kafka: each committed record has exactly one outcome, whatever befalls the workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from clearmark.errors import Fenced, Stop
from clearmark.transactor.settings import Settings
from tests.transactor.worker import worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clearmark.kafka.node import EmbeddedKafka

pytestmark = pytest.mark.kafka
QUIET = {"log_level": 0}


@pytest.fixture
def prefix(kafka: EmbeddedKafka) -> str:
    name = f"t{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap, **QUIET})
    made = admin.create_topics([NewTopic(f"{name}.{t}", 2, 1) for t in ("in", "out", "dead")])
    for future in made.values():
        future.result()
    return name


def publish(kafka: EmbeddedKafka, prefix: str, values: Sequence[bytes | None], *, abort: bool = False) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": uuid.uuid4().hex, **QUIET})
    producer.init_transactions()
    producer.begin_transaction()
    for i, value in enumerate(values):
        producer.produce(f"{prefix}.in", value, partition=i % 2)
    if abort:
        producer.flush()
        producer.abort_transaction()
    else:
        producer.commit_transaction()


def outcomes(kafka: EmbeddedKafka, prefix: str, expected: int, timeout_s: float = 60) -> Counter[tuple[str, bytes]]:
    """Read until the expected number is there and nothing more comes for a second."""
    consumer = Consumer(
        {
            **QUIET,
            "bootstrap.servers": kafka.bootstrap,
            "group.id": uuid.uuid4().hex,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe([f"{prefix}.out", f"{prefix}.dead"])
    found: Counter[tuple[str, bytes]] = Counter()
    deadline = time.monotonic() + timeout_s
    quiet_since = time.monotonic()
    while time.monotonic() < deadline:
        message = consumer.poll(0.1)
        if message is None or message.error():
            if found.total() >= expected and time.monotonic() - quiet_since > 1:
                break
            continue
        quiet_since = time.monotonic()
        headers = dict(message.headers() or [])
        origin = headers["origin"]
        assert isinstance(origin, bytes)
        found[(message.topic() or "").rpartition(".")[2], origin] += 1
    consumer.close()
    return found


def split(found: Counter[tuple[str, bytes]]) -> tuple[int, int]:
    assert max(found.values(), default=0) <= 1, "a record has two outcomes"
    origins = Counter(origin for _, origin in found)
    assert max(origins.values(), default=0) <= 1, "a record has outcomes of two kinds"
    kinds = Counter(kind for kind, _ in found)
    return kinds["out"], kinds["dead"]


@contextmanager
def process(kafka: EmbeddedKafka, prefix: str, slot: str) -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen([sys.executable, "-m", "tests.transactor.worker", kafka.bootstrap, prefix, slot])
    try:
        yield running
    finally:
        running.send_signal(signal.SIGCONT)
        running.kill()
        running.wait()


@contextmanager
def thread(kafka: EmbeddedKafka, prefix: str, settings: Settings | None = None) -> Iterator[None]:
    stop = threading.Event()
    running = threading.Thread(target=worker(kafka.bootstrap, prefix, "a", settings).run, args=(stop,))
    running.start()
    try:
        yield
    finally:
        stop.set()
        running.join()


def test_each_record_has_one_outcome_and_aborted_ones_have_none(kafka: EmbeddedKafka, prefix: str) -> None:
    publish(kafka, prefix, [b"ok"] * 500)
    publish(kafka, prefix, [b"ok"] * 500, abort=True)
    publish(kafka, prefix, [b"ok", None, b"", b"\xff"] * 1000)
    with thread(kafka, prefix):
        assert split(outcomes(kafka, prefix, 4500)) == (4500, 0)


def test_an_unknown_exception_costs_only_its_record(kafka: EmbeddedKafka, prefix: str) -> None:
    publish(kafka, prefix, [b"ok"] * 301 + [b"boom"] + [b"ok"] * 300)
    with thread(kafka, prefix):
        assert split(outcomes(kafka, prefix, 602)) == (601, 1)


def test_too_many_internal_failures_stop_the_stage(kafka: EmbeddedKafka, prefix: str) -> None:
    publish(kafka, prefix, [b"boom"] * 100)
    with pytest.raises(Stop, match="internal reasons"):
        worker(kafka.bootstrap, prefix, "a", Settings(dead_letter_limit=5)).run(threading.Event())
    assert outcomes(kafka, prefix, 0, timeout_s=4).total() == 0


def test_a_second_worker_of_the_slot_takes_over(kafka: EmbeddedKafka, prefix: str) -> None:
    first, failed = worker(kafka.bootstrap, prefix, "a"), threading.Event()

    def run_first() -> None:
        with pytest.raises(Fenced, match="has taken the slot"):
            first.run(threading.Event())
        failed.set()

    running = threading.Thread(target=run_first)
    running.start()
    publish(kafka, prefix, [b"ok"] * 10)
    assert split(outcomes(kafka, prefix, 10)) == (10, 0)
    with process(kafka, prefix, "a"):
        time.sleep(3)  # both are members; the first owns partitions until its next transaction is fenced
        publish(kafka, prefix, [b"ok"] * 200)
        assert split(outcomes(kafka, prefix, 210)) == (210, 0)
    running.join(30)
    assert failed.is_set()


def test_workers_killed_and_paused_lose_and_repeat_nothing(kafka: EmbeddedKafka, prefix: str) -> None:
    for i in range(6):
        with process(kafka, prefix, "a") as a, process(kafka, prefix, "b") as b:
            publish(kafka, prefix, [b"ok"] * 700)
            time.sleep(1.0 + 0.3 * i)
            if i % 2:
                os.kill(a.pid, signal.SIGSTOP)  # past its session timeout, then continued
                time.sleep(4)
                publish(kafka, prefix, [b"ok"] * 300)
                os.kill(a.pid, signal.SIGCONT)
                time.sleep(2)
            b.kill()
    with process(kafka, prefix, "a"):
        assert split(outcomes(kafka, prefix, 6 * 700 + 3 * 300)) == (6 * 700 + 3 * 300, 0)


def test_a_record_that_kills_its_worker_is_dead_lettered_at_the_third_attempt(
    kafka: EmbeddedKafka, prefix: str
) -> None:
    publish(kafka, prefix, [b"ok"] * 60 + [b"die"] + [b"ok"] * 60)
    deaths = 0
    for _ in range(5):
        with process(kafka, prefix, "a") as running:
            try:
                running.wait(12)
            except subprocess.TimeoutExpired:
                break
            deaths += 1
    assert deaths == 2
    assert split(outcomes(kafka, prefix, 121)) == (120, 1)
