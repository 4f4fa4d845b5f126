"""The transactor: consume, process, and produce in one Kafka transaction a batch.

Two threads. The *log thread* (the caller of `Transactor.run`) owns consumer and producer: it polls, forms batches,
and runs the transactions, so rebalances (which happen inside a poll) never fall into a transaction. The *stage
thread* runs the stage. While the stage works on one batch, the log thread commits the one before and collects the
next, so a slow batch never loses its partitions and a commit's wait is not lost.

A batch passes three places, each holding at most one: ``pending`` (collected) -> ``working`` (with the stage) ->
``done`` (waiting for its transaction). Only results are ever transacted, so slow work never meets the
transaction timeout. Group membership is captured with the batch: results of partitions revoked since are dropped,
and a batch of an old generation is fenced by the broker and read again.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from clearmark.errors import Reject, Retry, Stop
from clearmark.transactor import bisect
from clearmark.transactor.dead_letters import DeadLetterLimit
from clearmark.transactor.observer import Observer
from clearmark.transactor.ports import TransactionAborted
from clearmark.transactor.probation import Probation
from clearmark.transactor.settings import Settings
from clearmark.transactor.work import Work, first_offsets, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event

    from clearmark.records import Outcome, Record, TopicPartition
    from clearmark.stage import Stage
    from clearmark.transactor.ports import Consumer, Producer


class Transactor:
    """Runs one stage over one consumer group membership until told to stop.

    Args:
        stage: what is done with the records.
        consumer: the group membership.
        producer: the transactional producer of this worker's slot.
        settings: bounds.
        observer: told what happens.
        clock: seconds from a monotonic clock.
    """

    def __init__(
        self,
        stage: Stage,
        consumer: Consumer,
        producer: Producer,
        *,
        settings: Settings | None = None,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stage = stage
        self._consumer = consumer
        self._producer = producer
        self._settings = settings or Settings()
        self._observer = observer or Observer()
        self._clock = clock
        self._probation = Probation(self._settings)
        self._limit = DeadLetterLimit(self._settings.dead_letter_limit, self._settings.dead_letter_window)
        self._pending: list[Record] = []
        self._pending_bytes = 0
        self._working: Work | None = None
        self._future: Future[list[Outcome]] | None = None
        self._started = 0.0
        self._done: Work | None = None
        self._owned: set[TopicPartition] = set()
        self._fresh: set[TopicPartition] = set()
        self._paused = False
        self._repause = False
        self._unanswered = False
        """Whether the cluster did not answer about markers: polling again is the wait before the next try."""
        self._internal = 0
        self.polled_at = 0.0
        """When the log thread last polled, by `clock`: a worker is alive while this moves."""

    @property
    def assigned_partitions(self) -> int:
        """How many partitions this worker owns; readiness is one poll with an assignment."""
        return len(self._owned)

    def run(self, stop: Event) -> None:
        """Work until ``stop`` is set, then finish the batch at work and leave the group.

        Raises:
            Stop: the process must end, non-zero.
        """
        self._persist(self._producer.init, stop)
        executor = ThreadPoolExecutor(1, thread_name_prefix="stage")
        try:
            self._consumer.subscribe(self)
            while not stop.is_set():
                self.step(executor)
            self._finish(executor)
            self._consumer.close()
            self._producer.close()
        except Stop:
            self._release_markers(set(self._owned))
            self._consumer.close()
            raise
        finally:
            executor.shutdown(wait=False, cancel_futures=True)

    def step(self, executor: ThreadPoolExecutor) -> None:
        """Do one round: collect a result, start the next batch, commit the result, poll."""
        self._collect()
        if not self._probation.active or self._done is None:
            self._start(executor)
        self._commit()
        self._poll()

    # Rebalances: called inside Consumer.poll, so in the log thread and never within a transaction.

    def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """Take partitions over: on probation, after their markers were read."""
        self._owned.update(partitions)
        self._fresh.update(partitions)
        self._repause = self._paused
        self._observer.assignment(len(self._owned))

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        """Forget partitions: what was read of them is dropped before anything is produced."""
        gone = set(partitions)
        self._release_markers(gone)
        self._owned -= gone
        self._fresh -= gone
        self._probation.forget(partitions)
        self._set_pending([record for record in self._pending if record.tp not in gone])
        for work in (self._working, self._done):
            if work is not None:
                work.lost |= gone
        self._observer.assignment(len(self._owned))

    # The three places.

    def _poll(self) -> None:
        busy = self._future is not None or self._done is not None
        room = self._settings.max_batch_records - len(self._pending)
        full = room <= 0 or self._pending_bytes >= self._settings.max_batch_bytes
        if full and not self._paused and self._clock() - self.polled_at < self._settings.pause_after_s:
            # A pause throws fetched records away, so a batch that ends soon is waited for first.
            if self._future is not None:
                wait([self._future], timeout=self._settings.linger_s)
                return
            if not self._unanswered and not any(work and work.not_before for work in (self._working, self._done)):
                return
        self._unanswered = False
        if full and (not self._paused or self._repause):
            self._consumer.pause()
            self._paused, self._repause = True, False
        elif self._paused and not full:
            self._consumer.resume()
            self._paused = False
        timeout = self._settings.linger_s if busy or self._pending else self._settings.idle_poll_s
        try:
            records = self._consumer.poll(max(1, room), timeout)
        except Retry as error:
            self._observer.retrying(error.message, 0.0)
            return
        self.polled_at = self._clock()
        self._pending.extend(records)
        self._pending_bytes += sum(map(size_of, records))

    def _start(self, executor: ThreadPoolExecutor) -> None:
        """Hand a batch to the stage, if there is one and the stage is free."""
        if self._future is not None:
            return
        if self._working is None and not self._form():
            return
        work = self._working
        if work is None or self._clock() < work.not_before:
            return
        self._started = self._clock()
        self._future = executor.submit(self._process, work)

    def _form(self) -> bool:
        """Make the next batch out of pending records; on probation, leave a marker first."""
        if self._fresh and self._done is None and not self._read_markers():
            return False
        if not self._pending or (self._fresh and self._done is not None):
            return False
        if self._probation.active and self._done is not None:
            return False
        count = self._batch_end(self._probation.take(self._pending))
        work = Work(self._pending[:count], self._consumer.generation())
        if self._probation.active and not self._mark(work):
            return False
        self._set_pending(self._pending[count:])
        self._working = work
        return True

    def _batch_end(self, count: int) -> int:
        """Return how many of the first ``count`` pending records stay within the byte bound (at least one)."""
        total = 0
        for i, record in enumerate(self._pending[:count]):
            total += size_of(record)
            if total >= self._settings.max_batch_bytes:
                return i + 1
        return count

    def _read_markers(self) -> bool:
        fresh = list(self._fresh)
        try:
            self._probation.begin(self._consumer.committed(fresh))
        except Retry as error:
            self._observer.retrying(error.message, 0.0)
            self._unanswered = True
            return False
        self._fresh.clear()
        return True

    def _mark(self, work: Work) -> bool:
        try:
            self._consumer.commit_metadata(self._probation.marks(work.records))
        except TransactionAborted:
            self._rewind([work.records])
            return False
        except Retry as error:
            self._observer.retrying(error.message, 0.0)
            self._unanswered = True
            return False
        return True

    def _process(self, work: Work) -> list[Outcome]:
        """Run the stage; in the stage thread."""
        if self._probation.active and self._probation.condemned(work.records):
            record, attempt = work.records[0], self._settings.max_attempts
            self._rejected(record, Reject("crash", internal=True), "")
            return [self._stage.dead_letter(record, "crash", attempt)]
        return bisect.process(self._stage, work.records, self._rejected)

    def _rejected(self, record: Record, reject: Reject, where: str) -> None:
        self._internal += reject.internal
        self._observer.dead_lettered(record, reject.error_class, where)

    def _collect(self) -> None:
        """Move a finished batch from working to done."""
        if self._future is None or self._done is not None or not self._future.done():
            return
        future, work = self._future, self._working
        self._future = None
        assert work is not None
        internal, self._internal = self._internal, 0
        if work.discarded:
            self._working = None
            return
        try:
            work.outcomes = future.result()
        except Retry as error:
            self._back_off(work, error.message)
            return
        self._observer.processed(len(work.records), self._clock() - self._started)
        self._limit.count(len(work.records), internal)
        work.failures, work.not_before = 0, 0.0
        self._working, self._done = None, work

    def _commit(self) -> None:
        """Run the transaction of the batch that is done."""
        work = self._done
        if work is None or self._clock() < work.not_before:
            return
        work.drop_lost()
        if not work.records:
            self._done = None
            return
        begun = self._clock()
        outputs = [output for outcome in work.outcomes for output in outcome.outputs]
        try:
            self._producer.transact(outputs, work.positions(), work.generation)
        except TransactionAborted as error:
            self._aborted(work, error, self._clock() - begun)
            return
        except Retry as error:
            self._back_off(work, error.message)
            return
        self._done = None
        self._probation.passed(len(work.records))
        self._observer.transaction("committed", self._clock() - begun)
        self._observer.committed(work.records, work.outcomes)

    def _aborted(self, work: Work, error: TransactionAborted, seconds: float) -> None:
        self._observer.transaction("stale" if error.stale else "aborted", seconds)
        if error.stale:
            self._rewind([work.records])
        elif error.culprit is not None:
            self._condemn(work, error.culprit)
        else:
            self._back_off(work, error.message)

    def _condemn(self, work: Work, culprit: int) -> None:
        """Replace the outcome whose output the broker refuses by a dead letter; the rest stands."""
        for i, outcome in enumerate(work.outcomes):
            culprit -= len(outcome.outputs)
            if culprit < 0:
                self._rejected(work.records[i], Reject("record-too-large", internal=True), "")
                work.outcomes[i] = self._stage.dead_letter(work.records[i], "record-too-large", 1)
                internal, self._internal = self._internal, 0
                self._limit.count(0, internal)
                return

    def _rewind(self, batches: list[list[Record]]) -> None:
        """Drop everything in hand and read it again from where this worker last committed."""
        if self._working is not None:
            batches.append(self._working.live())
            self._working.discarded = True
            if self._future is None:
                self._working = None
        if self._done is not None:
            batches.append(self._done.live())
            self._done = None
        batches.append(self._pending)
        for tp, offset in first_offsets(batches).items():
            if tp in self._owned:
                self._consumer.seek(tp, offset)
        self._set_pending([])

    def _back_off(self, work: Work, reason: str) -> None:
        work.failures += 1
        if work is self._done and work.failures > self._settings.abort_limit:
            raise Stop(f"{work.failures} transactions in a row failed: {reason}", remedy="look at the brokers")
        wait_s = self._settings.wait(work.failures)
        work.not_before = self._clock() + wait_s
        self._observer.retrying(reason, wait_s)

    def _set_pending(self, records: list[Record]) -> None:
        self._pending = records
        self._pending_bytes = sum(map(size_of, records))

    def _finish(self, executor: ThreadPoolExecutor) -> None:
        """Finish the batch at work and commit it; what is merely pending is left to the successor."""
        self._set_pending([])
        if self._working is not None and self._future is None:
            self._working = None
        while self._future is not None or self._done is not None:
            if self._future is not None and self._done is None:
                wait([self._future], timeout=self._settings.linger_s)
            self._collect()
            if self._working is not None and self._future is None:
                self._working = None
            self._commit()
            self._poll()
            self._set_pending([])
        executor.shutdown()

    def _release_markers(self, partitions: set[TopicPartition]) -> None:
        """A stop or a rebalance is no crash: take the markers of batches in hand back."""
        for work in (self._working, self._done):
            clean = (
                {tp: p for tp, p in self._probation.release(work.live()).items() if tp in partitions} if work else {}
            )
            if not clean:
                continue
            try:
                self._consumer.commit_metadata(clean)
            except (TransactionAborted, Retry) as error:
                self._observer.retrying(error.message, 0.0)  # the partition is lost: its markers count as an attempt

    def _persist(self, action: Callable[[], None], stop: Event) -> None:
        failures = 0
        while not stop.is_set():
            try:
                action()
            except Retry as error:
                failures += 1
                self._observer.retrying(error.message, self._settings.wait(failures))
                stop.wait(self._settings.wait(failures))
            else:
                return
