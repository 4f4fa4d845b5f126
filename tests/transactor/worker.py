"""A worker process with a scripted stage: what a record's value says is what happens to it.

``ok...``: one output. ``boom``: an unknown exception. ``die``: the process kills itself.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from clearmark.records import Outcome, Output, Record, TopicName
from clearmark.transactor.kafka import KafkaConsumer, KafkaProducer
from clearmark.transactor.loop import Transactor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clearmark.transactor.settings import Settings


class ScriptedStage:
    """Writes to ``PREFIX.out``; dead letters to ``PREFIX.dead``."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def process(self, batch: Sequence[Record]) -> list[Outcome]:
        if any(r.value == b"boom" for r in batch):
            raise RuntimeError("boom")
        if any(r.value == b"die" for r in batch):
            os.kill(os.getpid(), signal.SIGKILL)
        return [self._outcome("out", r) for r in batch]

    def dead_letter(self, record: Record, error_class: str, attempt: int) -> Outcome:
        return self._outcome("dead", record, error_class.encode())

    def _outcome(self, topic: str, record: Record, why: bytes = b"") -> Outcome:
        origin = f"{record.partition}:{record.offset}".encode()
        return Outcome((Output(TopicName(f"{self._prefix}.{topic}"), record.key, why, (("origin", origin),)),))


def worker(bootstrap: str, prefix: str, slot: str, settings: Settings | None = None) -> Transactor:
    common = {"bootstrap.servers": bootstrap}
    consumer = KafkaConsumer(
        {**common, "group.id": prefix, "session.timeout.ms": 3000, "heartbeat.interval.ms": 500},
        [TopicName(f"{prefix}.in")],
    )
    producer = KafkaProducer(common, f"{prefix}.{slot}")
    return Transactor(ScriptedStage(prefix), consumer, producer, settings=settings)


def main() -> None:
    bootstrap, prefix, slot = sys.argv[1:]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    worker(bootstrap, prefix, slot).run(stop)


if __name__ == "__main__":
    main()
