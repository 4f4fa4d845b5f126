"""What a transactor tells, as metrics and log lines."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from clearmark.observe import metrics as m
from clearmark.transactor.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clearmark.records import Outcome, Record


class WorkerObserver(Observer):
    """Counts and logs one stage's work.

    Args:
        stage: its name.
        metrics: where it is counted.
        now: seconds since 1970.
    """

    def __init__(self, stage: str, metrics: m.Metrics, now: Callable[[], float] = time.time) -> None:
        self._stage, self._metrics, self._now = stage, metrics, now
        self._log = structlog.get_logger("clearmark.worker").bind(stage=stage)

    def committed(self, records: Sequence[Record], outcomes: Sequence[Outcome]) -> None:
        """Count decisions and their latency."""
        now = self._now()
        for record, outcome in zip(records, outcomes, strict=True):
            self._metrics.count(m.DECISIONS, self._stage, outcome.media, outcome.verdict)
            age = max(0.0, now - record.timestamp_ms / 1000)
            self._metrics.observe(m.LATENCY, age, self._stage)
            if outcome.verdict == "dead-letter":
                self._metrics.count(m.DEAD_LETTERS, self._stage, outcome.reasons[0])
        self._metrics.observe(m.BATCH, len(records), self._stage)
        self._metrics.set(m.LAG, max(0.0, now - records[-1].timestamp_ms / 1000), self._stage)

    def processed(self, records: int, seconds: float) -> None:
        """Time the stage's work."""
        del records
        self._metrics.observe(m.DURATION, seconds, self._stage, "process")

    def transaction(self, result: str, seconds: float) -> None:
        """Time the transaction."""
        self._metrics.count(m.TRANSACTIONS, self._stage, result)
        self._metrics.observe(m.DURATION, seconds, self._stage, "transaction")
        if result != "committed":
            self._log.warning("transaction not committed", result=result)

    def dead_lettered(self, record: Record, error_class: str, where: str) -> None:
        """Log a record that failed, by its position."""
        position = f"{record.topic}/{record.partition}/{record.offset}"
        self._log.error("record dead-lettered", record=position, error_class=error_class, where=where)

    def retrying(self, reason: str, wait_s: float) -> None:
        """Log a retry."""
        self._metrics.count(m.RETRIES, self._stage)
        self._log.warning("retrying", reason=reason, wait_s=round(wait_s, 3))

    def assignment(self, partitions: int) -> None:
        """Log a rebalance."""
        self._metrics.set(m.PARTITIONS, partitions, self._stage)
        self._log.info("partitions assigned", partitions=partitions)
