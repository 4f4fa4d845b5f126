"""What govern tells itself on ``conduct``, and keeps in its table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

from clearmark.errors import Reject
from clearmark.govern.conduct import Event, Kind
from clearmark.schemas import cloudevents as ce
from clearmark.schemas import events
from clearmark.schemas.events import Standing  # noqa: TC001 - read at run time, to check values

if TYPE_CHECKING:
    from clearmark.records import Headers

_BETWEEN: Final = b"/"


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest record of a user that is known to lie on ``standing``: its offset there, and what it says."""

    offset: int
    standing: Standing


def dump(said: Event | Seen) -> bytes:
    """Return the value of a record on ``conduct``."""
    return orjson.dumps(said._asdict()) if isinstance(said, Event) else events.dump(said)


def load(value: bytes | None) -> Event | Seen:
    """Read the value of a record on ``conduct``.

    Raises:
        MalformedValue: govern did not write it.
    """
    try:
        return events.load(Event, value)
    except events.MalformedValue:
        return events.load(Seen, value)


def event_key(user: bytes, event: Event) -> bytes:
    """Return the key under which the table holds one event: the events of a user are a set of keys.

    One key an event, not one a user: of two workers that write at once, as in a rebalance, neither takes away what
    the other added.
    """
    return _BETWEEN.join((user, str(event.time_ms).encode(), event.kind.encode(), event.id.encode()))


def parse_key(key: bytes) -> tuple[bytes, Event | None]:
    """Return the user and the event of a key of the table; no event where it is the user's `Seen`.

    Raises:
        Reject: govern did not write it.
    """
    user, *parts = key.split(_BETWEEN)
    if not parts:
        return user, None
    try:
        time_ms, kind, event_id = parts
        return user, Event(int(time_ms), event_id.decode(), Kind(kind.decode()))
    except ValueError:
        raise Reject("malformed-key", "the table's changelog holds a key that govern did not write") from None


def headers(kind: str, event_id: str, user: str) -> Headers:
    """Return the CloudEvents attributes of a record about a user (a digest)."""
    pairs = {"specversion": ce.SPECVERSION, "id": event_id, "source": "clearmark", "type": kind, "userid": user}
    return (*((ce.PREFIX + name, text.encode()) for name, text in pairs.items()), ("content-type", b"application/json"))
