"""A worker with a scripted stage: what a record's value says is what happens to it.

``boom``: an unknown exception. ``die``: the worker is killed. ``huge``: an output that no broker takes. ``slow``: the
batch takes two seconds. Anything else: one output. As a process: ``python -m tests.transactor.worker BOOTSTRAP PREFIX
SLOT CRASH SETTINGS``, where CRASH is ``never``, ``before`` (the second transaction), ``inside`` it, or ``pause``: the
process stops itself before it, until it is continued.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from clearmark.errors import Fenced, Stop
from clearmark.records import Outcome, Output, Record, TopicName
from clearmark.transactor.kafka import KafkaConsumer, KafkaProducer
from clearmark.transactor.loop import Transactor
from clearmark.transactor.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SESSION_S = 3.0
LARGEST = 1 << 20
FENCED, STOPPED = 3, 4


class ScriptedStage:
    """Writes to ``PREFIX.out``; dead letters to ``PREFIX.dead``."""

    def __init__(self, prefix: str, die: Callable[[], None]) -> None:
        self._prefix, self._die = prefix, die

    def process(self, batch: Sequence[Record]) -> list[Outcome]:
        values = {r.value for r in batch}
        if b"boom" in values:
            raise RuntimeError("boom")
        if b"die" in values:
            self._die()
        if b"slow" in values:
            time.sleep(2)
        return [self._outcome("out", r, b"x" * (LARGEST + 1) if r.value == b"huge" else b"") for r in batch]

    def dead_letter(self, record: Record, error_class: str, attempt: int) -> Outcome:
        return self._outcome("dead", record, error_class.encode())

    def _outcome(self, topic: str, record: Record, why: bytes) -> Outcome:
        origin = f"{record.partition}:{record.offset}".encode()
        return Outcome((Output(TopicName(f"{self._prefix}.{topic}"), record.key, why, (("origin", origin),)),))


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingProducer(KafkaProducer):
    """Kills its process before its second transaction, or with its records written and nothing committed."""

    def __init__(self, settings: dict[str, Any], transactional_id: str, crash: str, **more: Any) -> None:
        super().__init__(settings, transactional_id, **more)
        self._crash, self._transactions = crash, 0

    def transact(self, *arguments: Any) -> None:
        self._transactions += 1
        if self._transactions == 2 and self._crash == "before":
            die()
        if self._transactions == 2 and self._crash == "pause":
            os.kill(os.getpid(), signal.SIGSTOP)
        if self._transactions == 2 and self._crash == "inside":
            self._producer.begin_transaction()
            self._produce(arguments[0])
            self._producer.flush()
            die()
        super().transact(*arguments)


def main() -> int:
    bootstrap, prefix, slot, crash, settings = sys.argv[1:]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    common = {"bootstrap.servers": bootstrap, "log_level": 0}
    member = {"group.id": prefix, "session.timeout.ms": int(SESSION_S * 1000), "heartbeat.interval.ms": 500}
    consumer = KafkaConsumer({**common, **member}, [TopicName(f"{prefix}.in")])
    # Longer than any test waits: only the successor may end an abandoned transaction.
    producer = DyingProducer(
        common, f"{prefix}.{slot}", crash, transaction_timeout_ms=600_000, max_message_bytes=LARGEST
    )
    try:
        Transactor(ScriptedStage(prefix, die), consumer, producer, settings=Settings(**json.loads(settings))).run(stop)
    except Fenced:
        return FENCED
    except Stop:
        return STOPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
