"""What the transactor needs from a log: a consumer group and a transactional producer, in Kafka's own terms.

`clearmark.transactor.kafka` is the real thing, `clearmark.transactor.memory` the twin; one contract suite
runs against both. All methods are called from one thread; rebalance listeners run inside `Consumer.poll`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from clearmark.errors import ClearmarkError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clearmark.records import Output, Record, TopicPartition


class TransactionAborted(ClearmarkError):
    """The transaction was rolled back; its outputs and offsets do not exist.

    Args:
        stale: the group generation that the batch was read under has passed: the results must be dropped and
            the records read again from the committed offsets (by whoever owns the partition now).
        culprit: index of the output that the broker refuses whatever is tried (too large), else None.
    """

    def __init__(self, message: str, *, stale: bool = False, culprit: int | None = None) -> None:
        super().__init__(message)
        self.stale = stale
        self.culprit = culprit


class Committed(NamedTuple):
    """A committed position and the metadata string beside it. ``offset`` is None where nothing was committed."""

    offset: int | None
    metadata: str = ""


class Generation(Protocol):
    """Opaque token of the group membership at one moment; a commit under an old one is fenced."""


class RebalanceListener(Protocol):
    """Told of partitions as they come and go, inside `Consumer.poll`."""

    def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """Partitions were added to this member."""

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        """Partitions were taken from this member, in order or because its session was lost."""


class Consumer(Protocol):
    """A member of a consumer group that reads committed records only (``read_committed``)."""

    def subscribe(self, listener: RebalanceListener) -> None:
        """Join the group, with cooperative rebalancing."""

    def poll(self, max_records: int, timeout_s: float) -> list[Record]:
        """Return up to ``max_records`` records, after at most ``timeout_s`` seconds; keeps the membership alive.

        Raises:
            Retry: the cluster does not answer; poll again.
            Stop: the group or the credentials refuse this member.
        """
        ...

    def generation(self) -> Generation:
        """Return the membership token of now, to be captured with a batch."""
        ...

    def committed(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Committed]:
        """Return committed positions and their metadata."""
        ...

    def commit_metadata(self, positions: Mapping[TopicPartition, Committed]) -> None:
        """Commit positions with metadata outside any transaction (probation's attempt counts).

        Raises:
            TransactionAborted: ``stale``; the generation has passed.
        """

    def seek(self, tp: TopicPartition, offset: int) -> None:
        """Read the partition from this offset on."""

    def pause(self) -> None:
        """Fetch nothing from any assigned partition until `resume`."""

    def resume(self) -> None:
        """Fetch again."""

    def close(self) -> None:
        """Leave the group."""


class Producer(Protocol):
    """A transactional producer whose transactional id is stable for its slot."""

    def init(self) -> None:
        """Take the transactional id over: fence a predecessor and end its open transaction.

        Raises:
            Retry: the cluster does not answer.
            Stop: the cluster refuses.
        """

    def transact(
        self,
        outputs: Sequence[Output],
        positions: Mapping[TopicPartition, Committed],
        generation: Generation,
    ) -> None:
        """Write outputs and consumer positions in one transaction, and commit it.

        Raises:
            TransactionAborted: nothing was written; ``stale`` and ``culprit`` say what to do about it.
            Retry: the outcome is not known or the cluster does not answer: nothing of it may be assumed.
            Fenced: another producer took the transactional id.
            Stop: the producer cannot go on.
        """

    def close(self) -> None:
        """Release the connections; an open transaction is left to the successor."""
