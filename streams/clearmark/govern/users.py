"""What is known of users: their events and standings, as the table's changelog tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearmark.govern.messages import Seen, parse_key
from clearmark.schemas import events

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from clearmark.govern.conduct import Event


class User:
    """One user."""

    __slots__ = ("events", "seen")

    def __init__(self) -> None:
        self.events: set[Event] = set()
        self.seen: Seen | None = None


class Users:
    """Users by partition. To take a record of the changelog over twice, or an older one late, does no harm."""

    def __init__(self) -> None:
        self._partitions: dict[int, dict[str, User]] = {}

    def get(self, partition: int, name: str) -> User:
        """Return a user; one of whom nothing is known is empty."""
        users = self._partitions.setdefault(partition, {})
        found = users.get(name)
        if found is None:
            found = users[name] = User()
        return found

    def apply(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Take one record of the changelog over.

        Raises:
            Reject: govern did not write it.
        """
        name, event = parse_key(key)
        user = self.get(partition, name)
        if event is None:
            seen = events.load(Seen, value)
            if user.seen is None or user.seen.offset < seen.offset:
                user.seen = seen
        elif value is None:
            user.events.discard(event)
        else:
            user.events.add(event)

    def keep(self, partitions: AbstractSet[int]) -> None:
        """Forget the other partitions: another worker has them."""
        for partition in self._partitions.keys() - partitions:
            del self._partitions[partition]
