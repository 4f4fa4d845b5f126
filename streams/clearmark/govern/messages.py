"""What govern tells itself on ``conduct``, and keeps in its table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from clearmark.errors import Reject
from clearmark.govern.conduct import Event, Kind, plausible
from clearmark.schemas import cloudevents as ce
from clearmark.schemas import events
from clearmark.schemas.events import Standing  # noqa: TC001 - read at run time, to check values

if TYPE_CHECKING:
    from clearmark.records import Headers


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest record of a user that is known to lie on ``standing``: its offset there, and what it says."""

    offset: int
    standing: Standing


def dump(said: Event | Seen) -> bytes:
    """Return the value of a record on ``conduct``."""
    return orjson.dumps(said._asdict()) if isinstance(said, Event) else events.dump(said)


def load(key: bytes | None, value: bytes | None) -> tuple[str, Event | Seen]:
    """Read a record on ``conduct``: a user, and what is said of them.

    Raises:
        Reject: govern did not write it.
    """
    user = (key or b"").decode("ascii", "replace")
    try:
        event = events.load(Event, value)
    except events.MalformedValue:
        seen = events.load(Seen, value)
        if seen.standing.user != user:
            raise
        return user, seen
    if not plausible(user, event):
        raise events.MalformedValue("conduct")
    return user, event


def event_key(user: str, event: Event) -> bytes:
    """Return the key under which the table holds one event: the events of a user are a set of keys.

    One key an event, not one a user: of two workers that write at once, as in a rebalance, neither takes away what
    the other added.
    """
    return f"{user}/{event.time_ms}/{event.kind}/{event.id}".encode()


def parse_key(key: bytes) -> tuple[str, Event | None]:
    """Return the user and the event of a key of the table; no event where it is the user's `Seen`.

    Raises:
        Reject: govern did not write it.
    """
    try:
        user, *parts = key.decode("ascii").split("/")
        if not parts:
            return user, None
        time_ms, kind, event_id = parts
        event = Event(int(time_ms), event_id, Kind(kind))
    except ValueError:
        event = None
    if event is None or not plausible(user, event):
        raise Reject("malformed-key", "the table's changelog holds a key that govern did not write")
    return user, event


def headers(kind: str, event_id: str, user: str) -> Headers:
    """Return the CloudEvents attributes of a record about a user (a digest)."""
    pairs = {"specversion": ce.SPECVERSION, "id": event_id, "source": "clearmark", "type": kind, "userid": user}
    return (*((ce.PREFIX + name, text.encode()) for name, text in pairs.items()), ("content-type", b"application/json"))
