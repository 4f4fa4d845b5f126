"""Govern's table: users in memory, brought back from the changelog topic by Faust."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from faust.stores import memory
from faust.tables.table import Table

from clearmark.errors import Reject
from clearmark.govern.users import Users

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from faust.types import TP, EventT

_log = structlog.get_logger("clearmark.govern")


class Shelf(memory.Store[bytes, bytes]):
    """Local state is a copy and nothing else: it is empty at each start, and complete when recovery has ended.

    It knows up to which record of the changelog it is complete, so that a partition that stays with this worker in a
    rebalance is not read from its beginning again.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.users = Users()
        self._complete: dict[int, int] = {}

    def apply_changelog_batch(
        self, batch: Iterable[EventT[bytes]], to_key: Callable[[Any], Any], to_value: Callable[[Any], Any]
    ) -> None:
        """Take records of the changelog over."""
        del to_key, to_value
        for event in batch:
            m = event.message
            try:
                self.users.apply(m.partition, m.key or b"", m.value)
            except Reject as error:
                _log.warning("record skipped", record=f"{m.topic}/{m.partition}/{m.offset}", reason=error.error_class)
            self._complete[m.partition] = max(m.offset, self._complete.get(m.partition, -1))

    def wrote(self, partition: int, offset: int) -> None:
        """Learn where this worker's own record lies; behind a record of another worker, nothing is complete."""
        if offset == self._complete.get(partition, -1) + 1:
            self._complete[partition] = offset

    def persisted_offset(self, tp: TP) -> int | None:
        """Return up to which record of the changelog there is no need to read it."""
        return self._complete.get(tp.partition)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Forget what another worker has now."""
        del standby_tps
        owned = {tp.partition for tp in active_tps}
        self.users.keep(owned)
        self._complete = {partition: offset for partition, offset in self._complete.items() if partition in owned}


class ConductTable(Table[bytes, bytes]):
    """A Faust table on a `Shelf`."""

    data: Shelf

    def _new_store(self) -> Shelf:
        return Shelf("memory://", self.app, self, table_name=self.name, loop=self.loop)
