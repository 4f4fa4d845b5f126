"""What a stage is to the transactor: a function from a batch of records to what becomes of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clearmark.records import Outcome, Record


class Stage(Protocol):
    """A stage does no Kafka I/O: the transactor reads its records and writes its outcomes."""

    def process(self, batch: Sequence[Record]) -> Sequence[Outcome]:
        """Return one outcome per record, in order. Must give the same outcome when a record comes again.

        Runs in a thread of its own, never twice at a time.

        Raises:
            Retry: the surroundings failed; the same batch is tried again.
            Reject: raised for a batch of one record, that record is dead-lettered; otherwise the batch is bisected.
            Stop: the process must end.
        """
        ...

    def dead_letter(self, record: Record, error_class: str, attempt: int) -> Outcome:
        """Return the dead-letter outcome of a record, from its position alone: its content may be what kills."""
        ...
