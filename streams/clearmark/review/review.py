"""What a reviewer does with held artifacts: list, release, reject. One Kafka transaction a decision."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from confluent_kafka import KafkaException, Producer

from clearmark.errors import Reject, Retry, Stop
from clearmark.kafka.tail import Tail
from clearmark.records import Output, StageName
from clearmark.schemas import cloudevents as ce
from clearmark.schemas import events
from clearmark.topology import INLINE_LIMIT, Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from typing import Any

    from confluent_kafka.admin import AdminClient

    from clearmark.ids import DecisionId
    from clearmark.records import Record
    from clearmark.schemas.cloudevents import Envelope
    from clearmark.store.quarantine import Quarantine
    from clearmark.topology import Topology

Resolution = Literal["released", "rejected"]
_CALL_S: Final = 20.0


class Held:
    """An artifact that waits: its notice with the attributes it came with."""

    def __init__(self, envelope: Envelope, notice: events.Notice) -> None:
        self.envelope, self.notice = envelope, notice


class ReviewDesk:
    """Reads the review topics and writes decisions.

    Args:
        settings: librdkafka properties of the producer.
        reader: those of a reader.
        admin: asks for offsets.
        topology: names the topics.
        quarantine: opens held content.
        now: the time, with its zone.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        reader: Mapping[str, Any],
        admin: AdminClient,
        topology: Topology,
        quarantine: Quarantine,
        now: Callable[[], datetime],
    ) -> None:
        self._settings, self._reader, self._admin = dict(settings), reader, admin
        self._topology, self._quarantine, self._now = topology, quarantine, now

    def waiting(self) -> list[Held]:
        """Return what is held and not decided on, in the topic's order.

        Raises:
            Retry: the cluster does not answer.
        """
        held: dict[str, Held] = {}
        open_: Counter[str] = Counter()
        for record in self._read(Topic.REVIEW):
            notice = events.load(events.Notice, record.value)
            # A released artifact whose marks failed is held a second time, and waits for a second decision.
            held[notice.decision_id] = Held(ce.Envelope.parse(record), notice)
            open_[notice.decision_id] += 1
        for record in self._read(Topic.REVIEWS):
            open_[events.load(events.Review, record.value).decision_id] -= 1
        return [h for decision_id, h in held.items() if open_[decision_id] > 0]

    def decide(self, decision_id: DecisionId, resolution: Resolution, reviewer: str, reason: str) -> None:
        """Write a reviewer's decision; a release goes on to the mark stage like any other artifact.

        Raises:
            Reject: the artifact does not wait, or its quarantine object does not open.
            Retry: the cluster or the store does not answer.
            Stop: the cluster refuses.
        """
        producer = self._producer(decision_id)  # fences another reviewer at the same artifact
        held = next((h for h in self.waiting() if h.notice.decision_id == str(decision_id)), None)
        if held is None:
            raise Reject("not-waiting", f"no artifact {decision_id} waits for review: see 'clearmark review list'")
        outputs = [*self._records(held, resolution, reviewer, reason)]
        if resolution == "released":
            outputs.insert(0, self._released(held))
        try:
            producer.begin_transaction()
            for output in outputs:
                producer.produce(output.topic, output.value, output.key, headers=list(output.headers))
            producer.commit_transaction(_CALL_S)
        except KafkaException as error:
            raise Stop(f"the decision was not written: {error.args[0].name()}", remedy="try again") from None

    def _producer(self, decision_id: DecisionId) -> Producer:
        name = f"{self._topology.prefix}.review.{decision_id}"
        producer = Producer({**self._settings, "transactional.id": name, "transaction.timeout.ms": 30_000})
        try:
            producer.init_transactions(_CALL_S)
        except KafkaException as error:
            raise Retry(f"review: {error.args[0].name()}") from None
        return producer

    def _released(self, held: Held) -> Output:
        """Return the artifact on its way to mark, by reference where it is large."""
        notice = held.notice
        assert notice.quarantine is not None
        decision_id = held.envelope.decision_id
        stage = notice.quarantine.uri.rsplit("/", 3)[1]
        data = self._quarantine.open(stage, decision_id, notice.sha256)
        dataref = None
        if len(data) > INLINE_LIMIT:
            dataref = self._quarantine.seal(StageName.SCREEN, decision_id, data).uri
        envelope = replace(
            held.envelope,
            type=ce.SCREENED,
            outcome="screened",
            sha256=notice.sha256,
            content_type=notice.content_type,
            dataref=dataref,
            resolution="released",
        )
        topic = self._topology.name(Topic.SCREENED)
        return Output(topic, notice.user_id.encode(), None if dataref else data, envelope.headers())

    def _records(
        self, held: Held, resolution: Literal["released", "rejected"], reviewer: str, reason: str
    ) -> list[Output]:
        """Return the decision and its audit record."""
        at = self._now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        decision_id = str(held.envelope.decision_id)
        key = decision_id.encode()
        review = events.Review(decision_id, resolution, reviewer, reason, at)
        action = events.AuditAction(f"review.{resolution}", reviewer, decision_id, reason, at)
        base = replace(
            held.envelope, type=ce.AUDIT_ACTION, outcome=f"review.{resolution}", user_id="-", sha256=held.notice.sha256,
            likenesses=(), resolution=None,
        )  # fmt: skip
        return [
            Output(self._topology.name(Topic.REVIEWS), key, events.dump(review), base.headers()),
            Output(self._topology.name(Topic.AUDIT), key, events.dump(action), base.headers()),
        ]

    def _read(self, topic: Topic) -> Iterator[Record]:
        """Yield every committed record of a topic as of now."""
        tail = Tail(self._reader, self._admin)
        try:
            extents = tail.extents([self._topology.name(topic)])
            tail.positions.update({tp: extent.first for tp, extent in extents.items()})
            yield from tail.read({tp: extent.stable for tp, extent in extents.items()})
        finally:
            tail.close()
