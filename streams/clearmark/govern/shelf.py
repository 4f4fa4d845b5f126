"""Govern's table: users' events and standings in memory, brought back from the changelog topic by Faust."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from faust.stores import memory
from faust.tables.table import Table

from clearmark.govern.messages import Seen, parse_key
from clearmark.schemas import events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from faust.types import TP, EventT

    from clearmark.govern.conduct import Event


class User:
    """What is known of one user."""

    __slots__ = ("events", "seen")

    def __init__(self) -> None:
        self.events: set[Event] = set()
        self.seen: Seen | None = None


class Shelf(memory.Store[bytes, bytes]):
    """Holds users by partition of the changelog. Applying a record twice, or an older one late, does no harm.

    Local state is a copy and nothing else: it is empty at each start, and complete when recovery has ended.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._users: dict[int, dict[bytes, User]] = {}

    def user(self, partition: int, user: bytes) -> User:
        """Return what is known of a user."""
        users = self._users.setdefault(partition, {})
        found = users.get(user)
        if found is None:
            found = users[user] = User()
        return found

    def apply_changelog_batch(
        self, batch: Iterable[EventT[bytes]], to_key: Callable[[Any], Any], to_value: Callable[[Any], Any]
    ) -> None:
        """Take records of the changelog over."""
        del to_key, to_value
        for event in batch:
            self.apply(event.message.partition, event.message.key or b"", event.message.value)

    def apply(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Take one record of the changelog over.

        Raises:
            Reject: govern did not write it.
        """
        name, event = parse_key(key)
        user = self.user(partition, name)
        if event is None:
            seen = events.load(Seen, value)
            if user.seen is None or user.seen.offset < seen.offset:
                user.seen = seen
        elif value is None:
            user.events.discard(event)
        else:
            user.events.add(event)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Forget the partitions that another worker has now."""
        del standby_tps
        owned = {tp.partition for tp in active_tps}
        for partition in self._users.keys() - owned:
            del self._users[partition]


class ConductTable(Table[bytes, bytes]):
    """A Faust table on a `Shelf`."""

    data: Shelf

    def _new_store(self) -> Shelf:
        return Shelf("memory://", self.app, self, table_name=self.name, loop=self.loop)
