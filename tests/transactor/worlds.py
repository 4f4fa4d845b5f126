"""Two worlds for one contract suite: real Kafka with worker processes, and the twin with worker threads."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from clearmark.errors import Fenced, Stop
from clearmark.records import Output, TopicName, TopicPartition
from clearmark.transactor.loop import Transactor
from clearmark.transactor.memory import MemoryConsumer, MemoryLog, MemoryProducer
from clearmark.transactor.settings import Settings
from tests.transactor.worker import FENCED, LARGEST, SESSION_S, STOPPED, ScriptedStage

if TYPE_CHECKING:
    from collections.abc import Sequence

QUIET = {"log_level": 0}
SAME = (("ce_id", b"the-same"), ("content-type", b"application/x-nobody-knows"))
"""Headers of every record: neither a repeated id nor a strange type may matter to the transactor."""
Found = Counter[tuple[str, str, bytes]]
"""How often (topic, origin, error class) was seen."""


class Worker(Protocol):
    """One running worker."""

    def kill(self) -> None: ...
    def pause(self) -> None: ...
    def proceed(self) -> None: ...
    def stop(self) -> int | None: ...
    def wait(self, seconds: float) -> int | None:
        """Return how it ended: 0, FENCED, STOPPED, another number when killed, None when it still runs."""
        ...


class World(Protocol):
    """A log with workers on it."""

    def publish(self, values: Sequence[bytes | None], *, abort: bool = False) -> None: ...
    def start(self, slot: str, crash: str = "never", **settings: Any) -> Worker: ...
    def outcomes(self) -> Found: ...
    def close(self) -> None: ...


class Process:
    """A worker process on Kafka."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(command)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGCONT)
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def proceed(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> int | None:
        self._process.terminate()
        return self.wait(30)

    def wait(self, seconds: float) -> int | None:
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None


class KafkaWorld:
    """Topics of its own on the session's Kafka."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap, self._prefix = bootstrap, f"t{uuid.uuid4().hex[:8]}"
        admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
        for future in admin.create_topics(
            [NewTopic(f"{self._prefix}.{t}", 2, 1) for t in ("in", "out", "dead")]
        ).values():
            future.result()
        self._workers: list[Process] = []
        self._found: Found = Counter()
        self._consumer = Consumer(
            {
                **QUIET,
                "bootstrap.servers": bootstrap,
                "group.id": uuid.uuid4().hex,
                "isolation.level": "read_committed",
            }
        )
        places = [(t, p) for t in ("out", "dead") for p in range(2)]
        from confluent_kafka import TopicPartition as Place  # noqa: PLC0415 - ours has the same name

        self._consumer.assign([Place(f"{self._prefix}.{t}", p, 0) for t, p in places])

    def publish(self, values: Sequence[bytes | None], *, abort: bool = False) -> None:
        producer = Producer({"bootstrap.servers": self._bootstrap, "transactional.id": uuid.uuid4().hex, **QUIET})
        producer.init_transactions()
        producer.begin_transaction()
        for i, value in enumerate(values):
            producer.produce(f"{self._prefix}.in", value, None if i % 3 else b"k", i % 2, headers=list(SAME))
        producer.flush()
        if abort:
            producer.abort_transaction()
        else:
            producer.commit_transaction()

    def start(self, slot: str, crash: str = "never", **settings: Any) -> Worker:
        arguments = [self._bootstrap, self._prefix, slot, crash, json.dumps(settings)]
        worker = Process([sys.executable, "-m", "tests.transactor.worker", *arguments])
        self._workers.append(worker)
        return worker

    def outcomes(self) -> Found:
        for message in self._consumer.consume(1000, 0.1):
            if not message.error():
                headers: dict[str, Any] = dict(message.headers() or [])
                topic = (message.topic() or "").rpartition(".")[2]
                self._found[topic, headers["origin"].decode(), (message.value() or b"")[:40]] += 1
        return self._found

    def close(self) -> None:
        for worker in self._workers:
            worker.kill()
        self._consumer.close()


class Killed(BaseException):
    """Stands for SIGKILL in a thread."""


class Thread:
    """A worker thread on the twin: killed and paused at its next touch of log or stage."""

    def __init__(self) -> None:
        self.dead, self.gate, self.ended = threading.Event(), threading.Event(), threading.Event()
        self.stopping, self.status = threading.Event(), 0
        self.gate.set()

    def touch(self) -> None:
        self.gate.wait()
        if self.dead.is_set():
            raise Killed

    def die(self) -> None:
        self.dead.set()
        raise Killed

    def run(self, transactor: Transactor) -> None:
        try:
            transactor.run(self.stopping)
        except Killed:
            self.status = -9
        except Fenced:
            self.status = FENCED
        except Stop:
            self.status = STOPPED
        self.ended.set()

    def kill(self) -> None:
        self.dead.set()
        self.gate.set()
        self.ended.wait(30)

    def pause(self) -> None:
        self.gate.clear()

    def proceed(self) -> None:
        self.gate.set()

    def stop(self) -> int | None:
        self.stopping.set()
        return self.wait(30)

    def wait(self, seconds: float) -> int | None:
        return self.status if self.ended.wait(seconds) else None


class MortalConsumer(MemoryConsumer):
    """A twin consumer that dies and pauses with its worker; a killed one does not leave its group."""

    def __init__(self, worker: Thread, log: MemoryLog, group: str, topics: Sequence[TopicName]) -> None:
        super().__init__(log, group, topics, SESSION_S)
        self._worker = worker

    def poll(self, max_records: int, timeout_s: float) -> list[Any]:
        self._worker.touch()
        return super().poll(max_records, timeout_s)

    def commit_metadata(self, positions: Any) -> None:
        self._worker.touch()
        super().commit_metadata(positions)


class MortalProducer(MemoryProducer):
    """A twin producer that dies with its worker, or at its second transaction."""

    def __init__(self, worker: Thread, log: MemoryLog, transactional_id: str, crash: str) -> None:
        super().__init__(log, transactional_id)
        self._worker, self._crash, self._transactions = worker, crash, 0

    def transact(self, *arguments: Any) -> None:
        self._worker.touch()
        self._transactions += 1
        if self._transactions == 2 and self._crash == "before":
            self._worker.die()
        if self._transactions == 2 and self._crash == "pause":
            self._worker.pause()
            self._worker.touch()
        super().transact(*arguments)

    def _inside(self) -> None:
        if self._transactions == 2 and self._crash == "inside":
            self._worker.die()


class MemoryWorld:
    """The twin."""

    def __init__(self) -> None:
        self._log = MemoryLog({TopicName(f"t.{t}"): 2 for t in ("in", "out", "dead")}, LARGEST)
        self._workers: list[Thread] = []

    def publish(self, values: Sequence[bytes | None], *, abort: bool = False) -> None:
        topic = TopicName("t.in")
        outputs = [(i % 2, Output(topic, None if i % 3 else b"k", value, SAME)) for i, value in enumerate(values)]
        self._log.publish(topic, outputs, abort=abort)

    def start(self, slot: str, crash: str = "never", **settings: Any) -> Worker:
        worker = Thread()
        transactor = Transactor(
            ScriptedStage("t", worker.die),
            MortalConsumer(worker, self._log, "g", [TopicName("t.in")]),
            MortalProducer(worker, self._log, slot, crash),
            settings=Settings(**settings),
        )
        threading.Thread(target=worker.run, args=(transactor,), daemon=True).start()
        self._workers.append(worker)
        return worker

    def outcomes(self) -> Found:
        found: Found = Counter()
        for topic in ("out", "dead"):
            for p in range(2):
                records, _ = self._log.read(TopicPartition(TopicName(f"t.{topic}"), p), 0, 1 << 30)
                for record in records:
                    origin = (record.header("origin") or b"").decode()
                    found[topic, origin, (record.value or b"")[:40]] += 1
        time.sleep(0.05)
        return found

    def close(self) -> None:
        for worker in self._workers:
            worker.kill()
