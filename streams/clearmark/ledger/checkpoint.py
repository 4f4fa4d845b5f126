"""What the ledger has counted, kept in the store, so that retention may delete the records that were counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import orjson

from clearmark.errors import Stop
from clearmark.ledger.account import Partition
from clearmark.records import Terminal, TopicName, TopicPartition

if TYPE_CHECKING:
    from clearmark.store.objects import ObjectStore

VERSION: Final = 1


@dataclass(slots=True)
class State:
    """The account and how far each topic has been read into it."""

    partitions: dict[int, Partition] = field(default_factory=dict)
    positions: dict[TopicPartition, int] = field(default_factory=dict)


class Checkpoints:
    """Numbered objects under ``ledger/TOPIC_ID/``; the highest number counts.

    Args:
        store: where they lie.
        topic_id: the ingress topic's id: a re-created topic starts over.
    """

    def __init__(self, store: ObjectStore, topic_id: str) -> None:
        # Kafka's ids are Base64, whose signs mean something in a path.
        self._store, self._folder = store, f"ledger/{topic_id.replace('/', '_').replace('+', '-')}"
        self._next = 0

    def load(self) -> State:
        """Return the last state; an empty one where there is none.

        Raises:
            Stop: it cannot be read.
            Retry: the store does not answer.
        """
        names = sorted(self._store.list(self._folder))
        if not names:
            return State()
        self._next = int(names[-1].rpartition("/")[2].partition(".")[0]) + 1
        try:
            return _parse(orjson.loads(self._store.get(names[-1])))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            remedy = "run 'clearmark ledger --deep', which reads the topics alone; then remove the damaged object"
            raise Stop(f"the ledger's checkpoint {names[-1]} is damaged", remedy=remedy) from None

    def save(self, state: State) -> None:
        """Write the state under the next number; another ledger's checkpoint of that number stands.

        Raises:
            Retry: the store does not answer.
        """
        self._store.put_new(f"{self._folder}/{self._next:012d}.json", orjson.dumps(_plain(state)))
        self._next += 1


def _plain(state: State) -> dict[str, object]:
    return {
        "version": VERSION,
        "positions": [[tp.topic, tp.partition, offset] for tp, offset in state.positions.items()],
        "partitions": [
            {
                "partition": number,
                "first": p.first,
                "through": p.through,
                "counts": {kind.value: count for kind, count in p.counts.items()},
                "open": [[offset, at, kind.value if kind else None] for offset, (at, kind) in p.open.items()],
                "early": [[offset, kind.value] for offset, kind in p.early.items()],
                "duplicated": sorted(p.duplicated),
            }
            for number, p in state.partitions.items()
        ],
    }


def _parse(value: dict[str, object]) -> State:
    if value["version"] != VERSION:
        raise ValueError("version")
    state = State()
    positions, partitions = value["positions"], value["partitions"]
    assert isinstance(positions, list)
    assert isinstance(partitions, list)
    for topic, number, offset in positions:
        state.positions[TopicPartition(TopicName(topic), number)] = offset
    for p in partitions:
        state.partitions[p["partition"]] = Partition(
            p["first"],
            p["through"],
            Counter({Terminal(kind): count for kind, count in p["counts"].items()}),
            {offset: (at, Terminal(kind) if kind else None) for offset, at, kind in p["open"]},
            {offset: Terminal(kind) for offset, kind in p["early"]},
            set(p["duplicated"]),
        )
    return state
