"""The stages' own functions without Kafka: what the plain loop does, and all that is read from and put into records."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from clearmark.digests import user_digest
from clearmark.mark.stage import MarkStage
from clearmark.records import Record, StageName, TopicPartition
from clearmark.schemas import events
from clearmark.screen.stage import ScreenStage
from clearmark.state.views import Views
from clearmark.store.claim import Claims
from clearmark.topology import STATE, Topic
from load.benches.inputs import USERS, headers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clearmark.identify import Identifier
    from clearmark.mark.marker import Marker
    from clearmark.outcomes import Writer
    from clearmark.records import Outcome, TopicName
    from clearmark.screen.policy import Policy
    from clearmark.screen.screening import Screening
    from clearmark.stage import Stage
    from clearmark.wiring import Surroundings
    from load.benches.inputs import Item


class Written:
    """Implements `clearmark.state.views.Log` over records in memory, all of them on partition 0."""

    def __init__(self, records: Mapping[TopicName, list[Record]]) -> None:
        self.positions: dict[TopicPartition, int] = {}
        self._records = records

    def committed_ends(self, topics: Sequence[TopicName]) -> dict[TopicPartition, int]:
        return {TopicPartition(topic, 0): len(self._records.get(topic, ())) for topic in topics}

    def read(self, ends: Mapping[TopicPartition, int]) -> Iterator[Record]:
        for tp, end in ends.items():
            yield from self._records.get(tp.topic, [])[self.positions.get(tp, 0) : end]
            self.positions[tp] = end

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, slots=True)
class Stages:
    """`ScreenStage.process` and `MarkStage.process`, one after the other."""

    ingress: TopicName
    screen: Stage
    mark: Stage

    @classmethod
    def of(cls, around: Surroundings, policy: Policy, screening: Screening, marker: Marker, ids: Identifier) -> Self:
        """Return the stages over views in memory, which know all users."""
        topology, key = around.config.topics.topology(), around.keys.digests
        known = _identities(topology.name(Topic.IDENTITIES), key)

        def views(topics: Sequence[Topic]) -> Views:
            return Views(Written(known), topology, topics, key)

        def writer(stage: StageName) -> Writer:
            return around.writer(stage, policy)

        store, vault, claims = around.store, around.quarantine, Claims([], {})
        screen = ScreenStage(screening, views(STATE), ids, writer(StageName.SCREEN), vault, claims)
        rights = views((Topic.IDENTITIES, Topic.CONSENTS, Topic.STANDING))
        mark = MarkStage(policy, marker, rights, writer(StageName.MARK), store, vault, "bench", lambda _: None)
        return cls(topology.name(Topic.INGRESS), screen, mark)

    def run(self, items: Sequence[Item], batch: int) -> None:
        """Do it, batch by batch.

        Raises:
            AssertionError: one was not approved.
        """
        records = list(_ingress(self.ingress, items))
        for at in range(0, len(records), batch):
            screened = self.screen.process(records[at : at + batch])
            approved = self.mark.process([_passed_on(outcome, at + i) for i, outcome in enumerate(screened)])
            assert all(outcome.verdict == "approve" for outcome in approved), {o.reasons for o in approved}


def _passed_on(outcome: Outcome, offset: int) -> Record:
    """Return the record that mark reads where screen has allowed an artifact."""
    assert outcome.verdict == "allow", outcome.reasons
    output = outcome.outputs[0]
    return Record(output.topic, 0, offset, 0, output.key, output.value, output.headers)


def _ingress(topic: TopicName, items: Sequence[Item]) -> Iterator[Record]:
    now = time.time_ns() // 1_000_000
    for i, item in enumerate(items):
        encoded = tuple((name, str(value).encode()) for name, value in headers(item, i))
        yield Record(topic, 0, i, now, b"k", item.data, encoded)


def _identities(topic: TopicName, key: bytes) -> dict[TopicName, list[Record]]:
    made = []
    for i, user in enumerate(USERS):
        digest = user_digest(key, user)
        value = events.Identity(digest, "mobile", "0" * 32, "verified", "2026-01-01T00:00:00.000Z")
        made.append(Record(topic, 0, i, 0, digest.encode(), events.dump(value)))
    return {topic: made}
