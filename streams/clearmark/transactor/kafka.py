"""The transactor's ports on real Kafka: confluent-kafka, its errors turned into Retry, Stop or TransactionAborted."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn

import structlog
from confluent_kafka import Consumer as _Consumer
from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import Producer as _Producer
from confluent_kafka import TopicPartition as _TopicPartition

from clearmark.errors import Fenced, Retry, Stop
from clearmark.kafka.messages import record_of
from clearmark.records import TopicName, TopicPartition
from clearmark.transactor.ports import Committed, TransactionAborted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from clearmark.records import Output, Record
    from clearmark.transactor.ports import Generation, RebalanceListener

_CALL_S: Final = 10.0
"""Seconds that one call to the cluster may take before it counts as unanswered."""

_HUNG_S: Final = 15.0
"""Seconds after which a call that ignores its own time limit counts as hung."""

_RESOLVE_S: Final = 60.0
"""Seconds that a commit whose outcome is unknown is asked for again before the process ends."""

_LOG: Final = structlog.get_logger("clearmark.transactor")

_STALE: Final = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError._ASSIGNMENT_LOST,  # noqa: SLF001 - confluent-kafka's names of local errors begin so
    }
)
_FENCED: Final = frozenset(
    {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}  # noqa: SLF001
)
_HOPELESS: Final = frozenset(
    {
        KafkaError._AUTHENTICATION,  # noqa: SLF001
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
_TOO_LARGE: Final = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})


def _error_of(exception: KafkaException) -> KafkaError:
    error = exception.args[0]
    assert isinstance(error, KafkaError)
    return error


def _raise(error: KafkaError, doing: str) -> NoReturn:
    """Turn a client error outside transactions into Retry or Stop."""
    message = f"{doing}: {error.name()}"
    if error.code() in _HOPELESS or error.fatal():
        raise Stop(message, remedy="check topics, credentials and ACLs ('clearmark topics show')")
    raise Retry(message)


class KafkaConsumer:
    """`ports.Consumer` on a confluent-kafka consumer.

    Args:
        settings: librdkafka properties; isolation, commits, offset reset and assignor are set here.
        topics: what to subscribe to.
    """

    def __init__(self, settings: Mapping[str, Any], topics: Sequence[TopicName]) -> None:
        self._topics: list[str] = list(topics)
        self._failed: KafkaError | None = None
        self._revoked: set[TopicPartition] = set()
        self._fresh: list[_TopicPartition] = []
        self._lost: dict[TopicPartition, None] = {}
        self._consumer = _Consumer(
            {
                "fetch.queue.backoff.ms": 20,  # the default lets a consumer that was full stand still for a second
                **settings,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "error",  # see _find_place
                "partition.assignment.strategy": "cooperative-sticky",
            }
        )

    def subscribe(self, listener: RebalanceListener) -> None:
        """Join the group, with cooperative rebalancing."""

        def assigned(_: _Consumer, partitions: list[_TopicPartition]) -> None:
            self._fresh += partitions
            listener.assigned([_tp(p) for p in partitions])

        def revoked(_: _Consumer, partitions: list[_TopicPartition]) -> None:
            gone = [_tp(p) for p in partitions]
            self._revoked.update(gone)
            for tp in gone:
                self._lost.pop(tp, None)
            listener.revoked(gone)

        self._consumer.subscribe(self._topics, on_assign=assigned, on_revoke=revoked, on_lost=revoked)

    def poll(self, max_records: int, timeout_s: float) -> list[Record]:
        """Return up to ``max_records`` records; waits for the first only."""
        if self._failed is not None:
            error, self._failed = self._failed, None
            _raise(error, "fetch")
        for tp in list(self._lost):
            self._find_place(tp)
            self._lost.pop(tp, None)
        try:
            first = self._consumer.poll(timeout_s)
        except KafkaException as exception:
            _raise(_error_of(exception), "poll")
        if self._fresh:
            # librdkafka remembers a pause of a partition that was lost meanwhile; ours ends with the assignment.
            fresh, self._fresh = self._fresh, []
            self._consumer.resume(fresh)
        if first is None:
            return []
        self._revoked.clear()
        more: list[Message] = []
        if max_records > 1:
            try:
                more = self._consumer.consume(max_records - 1, 0)
            except KafkaException as exception:
                self._failed = _error_of(exception)  # told at the next poll: the first record must not be lost
        records = self._records([first, *more])
        if records and self._revoked and records[0].tp in self._revoked:
            del records[0]  # its partition was taken away while the others were fetched
        return records

    def _records(self, messages: Sequence[Message]) -> list[Record]:
        """Turn messages into records; an error among them is told at the next poll, so that no record is lost."""
        records = []
        for m in messages:
            error = m.error()
            if error is not None:
                if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
                    self._lost[TopicPartition(TopicName(m.topic() or ""), m.partition() or 0)] = None
                else:
                    self._failed = error
                continue
            records.append(record_of(m))
        return records

    def _find_place(self, tp: TopicPartition) -> None:
        """Read a partition from where it has to be read, where the client does not know or no longer trusts its place.

        The client loses its place at the first start of a group, and when a broker that was killed cannot vouch for
        the epochs of its log. Left alone it would read everything again from the first record.

        Raises:
            Retry: the cluster does not answer.
            Stop: what was processed is no longer in the log.
        """
        partition = _TopicPartition(tp.topic, tp.partition)
        try:
            read = self._consumer.position([partition])[0].offset
            first, end = self._consumer.get_watermark_offsets(partition, _CALL_S)
        except KafkaException as exception:
            _raise(_error_of(exception), "find the place to read from")
        place = read if read >= 0 else self.committed([tp])[tp].offset
        if place is not None and place > end:
            message = f"{tp.topic}/{tp.partition} ends at {end}, and was processed up to {place}"
            raise Stop(message, remedy="the log was cut: find out by whom before going on")
        _LOG.warning("place found", partition=f"{tp.topic}/{tp.partition}", read=read, committed=place, first=first)
        self._consumer.incremental_unassign([partition])  # a partition without a place cannot be sought
        self._consumer.incremental_assign([_TopicPartition(tp.topic, tp.partition, max(first, place or 0))])

    def generation(self) -> Generation:
        """Return the group metadata of now."""
        try:
            token: Generation = self._consumer.consumer_group_metadata()
        except KafkaException as exception:
            _raise(_error_of(exception), "group metadata")
        return token

    def committed(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Committed]:
        """Return committed positions and their metadata."""
        try:
            found = self._consumer.committed([_TopicPartition(tp.topic, tp.partition) for tp in partitions], _CALL_S)
        except KafkaException as exception:
            _raise(_error_of(exception), "read committed offsets")
        for p in found:
            if p.error is not None:
                _raise(p.error, "read committed offsets")
        return {_tp(p): Committed(p.offset if p.offset >= 0 else None, p.metadata or "") for p in found}

    def commit_metadata(self, positions: Mapping[TopicPartition, Committed]) -> None:
        """Commit positions with metadata outside any transaction."""
        try:
            done = self._consumer.commit(offsets=_offsets(positions), asynchronous=False)
        except KafkaException as exception:
            self._commit_failed(_error_of(exception))
            return
        for p in done or ():
            if p.error is not None:
                self._commit_failed(p.error)

    @staticmethod
    def _commit_failed(error: KafkaError) -> None:
        if error.code() in _STALE:
            raise TransactionAborted(f"commit: {error.name()}", stale=True)
        _raise(error, "commit")

    def seek(self, tp: TopicPartition, offset: int) -> None:
        """Read the partition from this offset on."""
        try:
            self._consumer.seek(_TopicPartition(tp.topic, tp.partition, offset))
        except KafkaException as exception:
            # The partition is not fetched yet (just assigned): set where its fetching begins instead.
            if _error_of(exception).code() != KafkaError._STATE:  # noqa: SLF001
                _raise(_error_of(exception), "seek")
            self._consumer.incremental_assign([_TopicPartition(tp.topic, tp.partition, offset)])

    def pause(self) -> None:
        """Fetch nothing from any assigned partition until `resume`."""
        self._consumer.pause(self._consumer.assignment())

    def resume(self) -> None:
        """Fetch again."""
        self._consumer.resume(self._consumer.assignment())

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()


class KafkaProducer:
    """`ports.Producer` on a confluent-kafka producer.

    Args:
        settings: librdkafka properties.
        transactional_id: stable for the worker's slot, so that a restart ends its predecessor's transaction.
        transaction_timeout_ms: after this the broker ends an abandoned transaction by itself.
        max_message_bytes: largest record that is tried.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        transactional_id: str,
        *,
        transaction_timeout_ms: int = 10_000,
        max_message_bytes: int = 8 * 1024 * 1024,
    ) -> None:
        self._id = transactional_id
        self._refused: dict[int, KafkaError] = {}
        self._producer = _Producer(
            {
                "linger.ms": 1,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 1_000_000,
                "queue.buffering.max.kbytes": 512 * 1024,
                **settings,
                "transactional.id": transactional_id,
                "transaction.timeout.ms": transaction_timeout_ms,
                "message.timeout.ms": transaction_timeout_ms,
                "message.max.bytes": max_message_bytes,
                "enable.idempotence": True,
                "delivery.report.only.error": True,
            }
        )

    def init(self) -> None:
        """Take the transactional id over."""
        try:
            self._producer.init_transactions(_CALL_S)
        except KafkaException as exception:
            error = _error_of(exception)
            if error.retriable():
                raise Retry(f"init transactions: {error.name()}") from None
            raise self._stop(error, "init transactions") from None

    def transact(
        self, outputs: Sequence[Output], positions: Mapping[TopicPartition, Committed], generation: Generation
    ) -> None:
        """Write outputs and consumer positions in one transaction, and commit it."""
        self._refused.clear()
        sending = False
        try:
            self._producer.begin_transaction()
            self._produce(outputs)
            sending = True
            self._until(
                partial(_bounded, partial(self._producer.send_offsets_to_transaction, _offsets(positions), generation))
            )
            sending = False
            self._until(self._producer.commit_transaction)
        except KafkaException as exception:
            error = _error_of(exception)
            if error.code() in _FENCED or (error.fatal() and not error.txn_requires_abort()):
                raise self._stop(error, "transaction") from None
            self._abort()
            stale = sending and error.code() in _STALE
            raise TransactionAborted(error.name(), stale=stale, culprit=self._culprit()) from None

    def close(self) -> None:
        """Release the connections."""
        self._producer.purge()

    def _produce(self, outputs: Sequence[Output]) -> None:
        produce = self._producer.produce
        for i, output in enumerate(outputs):
            while True:
                try:
                    produce(
                        output.topic,
                        output.value,
                        output.key,
                        on_delivery=partial(self._delivered, i),
                        headers=list(output.headers),
                    )
                except BufferError:
                    self._producer.poll(0.1)  # the local queue is full: let it drain
                except KafkaException as exception:
                    self._refused[i] = _error_of(exception)
                    raise
                else:
                    break

    def _delivered(self, i: int, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._refused[i] = error

    def _culprit(self) -> int | None:
        return next((i for i, error in sorted(self._refused.items()) if error.code() in _TOO_LARGE), None)

    def _until(self, call: Callable[[float], Any]) -> None:
        """Repeat a call whose outcome is not known until it is; a process that cannot learn it must end."""
        deadline = time.monotonic() + _RESOLVE_S
        while True:
            try:
                call(_CALL_S)
            except KafkaException as exception:
                error = _error_of(exception)
                if not error.retriable() or error.txn_requires_abort():
                    raise
                if time.monotonic() > deadline:
                    raise self._stop(error, "transaction with unknown outcome") from None
            else:
                return

    def _abort(self) -> None:
        try:
            self._until(self._producer.abort_transaction)
        except KafkaException as exception:
            raise self._stop(_error_of(exception), "abort") from None

    def _stop(self, error: KafkaError, doing: str) -> Stop:
        if error.code() in _FENCED:
            return Fenced(
                f"another worker has taken the slot of transactional id {self._id}",
                remedy="give each worker of a stage a --slot of its own",
            )
        return Stop(f"{doing}: {error.name()}", remedy="look at the brokers; a restart takes up where this ended")


def _bounded(call: Callable[[float], Any], timeout_s: float) -> None:
    """Make a call that may never return, and give it up in time.

    librdkafka 2.x can wait for ever for a group coordinator that went away (its issues 5456 and 5511). Only a new
    process helps: the client's threads are stuck with the call.

    Raises:
        KafkaException: as the call raised it.
        Stop: it does not return.
    """
    failed: list[BaseException] = []

    def run() -> None:
        try:
            call(timeout_s)
        except KafkaException as exception:
            failed.append(exception)

    thread = threading.Thread(target=run, daemon=True, name="transaction")
    thread.start()
    thread.join(_HUNG_S)
    if thread.is_alive():
        raise Stop("the Kafka client hangs in a transaction", remedy="a restart takes up where this ended")
    if failed:
        raise failed[0]


def _tp(p: _TopicPartition) -> TopicPartition:
    return TopicPartition(TopicName(p.topic), p.partition)


def _offsets(positions: Mapping[TopicPartition, Committed]) -> list[_TopicPartition]:
    return [
        _TopicPartition(tp.topic, tp.partition, position.offset or 0, position.metadata)
        for tp, position in positions.items()
    ]
