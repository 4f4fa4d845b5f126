"""What an operator changes: a record on a state topic and its audit record, in one Kafka transaction."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import IsolationLevel, KafkaException, Producer
from confluent_kafka.admin import AdminClient, OffsetSpec

from clearmark.errors import Retry, Stop
from clearmark.kafka.tail import offsets
from clearmark.operate.moments import rfc3339
from clearmark.records import Output, TopicName, TopicPartition
from clearmark.schemas import cloudevents as ce
from clearmark.schemas import events
from clearmark.topology import Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from confluent_kafka import KafkaError, Message

    from clearmark.topology import Topology

_CALL_S: Final = 30.0
_CHUNK: Final = 5000
"""Changes in one transaction of an import."""

_TYPES: Final = {
    Topic.IDENTITIES: ce.IDENTITY,
    Topic.CONSENTS: ce.CONSENT,
    Topic.STANDING: ce.STANDING,
    Topic.FEATURES: ce.FEATURE,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One change: the new value of a key of a state topic (None: the audit record alone), and how it is audited."""

    action: str
    subject: str
    reason: str = ""
    topic: Topic | None = None
    value: object = None
    details: Mapping[str, str] | None = None


class StateDesk:
    """Writes changes; returns when they are committed.

    Args:
        settings: librdkafka properties.
        admin: asks for offsets.
        topology: names the topics.
        operator: who changes, for the audit.
        now: the time, with its zone.
        new_id: gives a fresh id for each audit record.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        admin: AdminClient,
        topology: Topology,
        operator: str,
        now: Callable[[], datetime],
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._topology, self._operator, self._now, self._new_id = topology, operator, now, new_id
        # An id of its own: two operators do not fence each other, and an abandoned transaction ends by its timeout.
        name = f"{topology.prefix}.operator.{uuid.uuid4().hex}"
        self._producer = Producer({**settings, "transactional.id": name, "transaction.timeout.ms": 10_000})
        self._begun = False
        self._admin = admin
        self._written: dict[TopicPartition, int] = {}

    def write(self, changes: Iterable[Change], on_written: Callable[[int], None] = lambda _: None) -> int:
        """Write changes in order, in transactions of some thousands; return how many.

        Args:
            changes: what to write.
            on_written: told how many more are committed.

        Raises:
            Retry: the cluster does not answer.
            Stop: the cluster refuses.
        """
        stream, total = iter(changes), 0
        while chunk := list(islice(stream, _CHUNK)):
            self._commit([output for change in chunk for output in self._outputs(change)])
            total += len(chunk)
            on_written(len(chunk))
        self._await_readers()
        return total

    def _await_readers(self) -> None:
        """Wait until readers are shown what was written: brokers end a transaction a moment after its commit."""
        deadline = time.monotonic() + _CALL_S
        while self._written:
            try:
                ends = offsets(self._admin, [*self._written], OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)
            except KafkaException as exception:
                raise Retry(f"the change is written, its end is not known: {exception.args[0].name()}") from None
            self._written = {tp: offset for tp, offset in self._written.items() if ends[tp] <= offset}
            if time.monotonic() > deadline:
                raise Retry("the change is written, but readers are not shown it yet")
            if self._written:
                time.sleep(0.005)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            tp = TopicPartition(TopicName(message.topic() or ""), message.partition() or 0)
            self._written[tp] = message.offset() or 0

    def _outputs(self, change: Change) -> list[Output]:
        at = rfc3339(self._now())
        value = events.AuditAction(
            change.action, self._operator, change.subject, change.reason, at, dict(change.details or {})
        )
        outputs = [audit(self._topology, self._new_id(), value)]
        if change.topic is not None:
            key, kind = change.subject.encode(), _TYPES[change.topic]
            headers = _headers(kind, f"{change.subject}.{at}")
            outputs.append(Output(self._topology.name(change.topic), key, events.dump(change.value), headers))
        return outputs

    def _commit(self, outputs: list[Output]) -> None:
        try:
            if not self._begun:
                self._producer.init_transactions(_CALL_S)
                self._begun = True
            self._producer.begin_transaction()
            for o in outputs:
                while True:
                    try:
                        self._producer.produce(
                            o.topic, o.value, o.key, headers=list(o.headers), on_delivery=self._delivered
                        )
                        break
                    except BufferError:
                        self._producer.poll(0.1)
            self._producer.commit_transaction(_CALL_S)
        except KafkaException as exception:
            error = exception.args[0]
            if error.retriable() and not error.txn_requires_abort():
                raise Retry(f"the change was not written: {error.name()}", remedy="try again") from None
            raise Stop(f"the change was not written: {error.name()}", remedy="check brokers and ACLs") from None


def audit(topology: Topology, action_id: str, value: events.AuditAction) -> Output:
    """Return the audit record of an action that is not about one artifact: its own id stands for a decision's."""
    headers = _headers(ce.AUDIT_ACTION, f"{action_id}.{value.action}", decisionid=action_id, userid=value.subject)
    return Output(topology.name(Topic.AUDIT), action_id.encode(), events.dump(value), headers)


def _headers(kind: str, event_id: str, **more: str) -> tuple[tuple[str, bytes], ...]:
    pairs = {"specversion": ce.SPECVERSION, "id": event_id, "source": "clearmark", "type": kind, **more}
    return (*((ce.PREFIX + name, text.encode()) for name, text in pairs.items()), ("content-type", b"application/json"))
