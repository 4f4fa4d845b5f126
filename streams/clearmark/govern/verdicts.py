"""What a batch of conduct changes: users' standings, and keys of the table. Pure over what is known of the users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearmark.govern import messages
from clearmark.govern.conduct import Event, compact, good, standing_of
from clearmark.govern.messages import Seen
from clearmark.schemas import events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clearmark.govern.rules import ConductRule
    from clearmark.govern.users import User
    from clearmark.schemas.events import Standing


class Verdicts:
    """Takes a batch over, record by record.

    Attributes:
        standings: to be written, in order; a user may have several.
        changes: by partition and key, what the table's changelog must learn; None removes the key.
    """

    def __init__(self, rules: Sequence[ConductRule]) -> None:
        self._rules = rules
        self.standings: list[Standing] = []
        self.changes: dict[tuple[int, bytes], bytes | None] = {}
        self._written: dict[tuple[int, bytes], tuple[User, int]] = {}

    def take(self, partition: int, name: str, user: User, said: Event | Seen) -> None:
        """Take one record over into what is known of its user, and judge the user anew."""
        where = (partition, name.encode())
        if isinstance(said, Event):
            for change, value in _added(name, user, said):
                self.changes[partition, change] = value
        elif user.seen is None or user.seen.offset < said.offset:
            user.seen = said
            self.changes[where] = events.dump(said)
        standing = standing_of(name, user.events, self._rules)
        if where in self._written:
            held = self.standings[self._written[where][1]]
        else:
            held = user.seen.standing if user.seen else good(name)
        if standing != held:
            self._written[where] = (user, len(self.standings))
            self.standings.append(standing)

    def settle(self, offsets: Sequence[int]) -> None:
        """Learn the offsets at which the standings were written."""
        for where, (user, number) in self._written.items():
            user.seen = Seen(offsets[number], self.standings[number])
            self.changes[where] = events.dump(user.seen)


def _added(name: str, user: User, event: Event) -> list[tuple[bytes, bytes | None]]:
    """Add an event to a user; return the keys of the table that change."""
    if event in user.events:
        return []
    kept = set(compact([*user.events, event]))
    changes: list[tuple[bytes, bytes | None]] = [(messages.event_key(name, e), None) for e in user.events - kept]
    if event in kept:
        changes.append((messages.event_key(name, event), b"1"))
    user.events = kept
    return changes
