"""Changes of identity records: what is kept of a person is a digest and the method (R-DS-9, R-GA-11)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

from clearmark.digests import number_digest, user_digest
from clearmark.operate.desk import Change
from clearmark.operate.moments import end_of, rfc3339
from clearmark.operate.numbers import METHODS, BadNumber, normalise
from clearmark.operate.rows import changes
from clearmark.schemas.events import Identity
from clearmark.topology import Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Literal

COLUMNS: Final = ("user", "method", "number", "expires")


def verified(key: bytes, user: str, method: str, number: str, expires: str | None, now: datetime) -> Change:
    """Return the change that records a user's verified identity.

    Args:
        key: stands digests for user and number.
        user: the operator's account id.
        method: one of `METHODS`.
        number: as the person gave it; it does not leave this function.
        expires: a date or moment after which the record no longer holds; None for never.
        now: the time, with its zone.

    Raises:
        BadNumber: the number cannot be one of its kind.
        ValueError: user or expiry say nothing that has a meaning.
    """
    if not user.strip() or user != user.strip():
        raise ValueError("the user id is empty or begins or ends with white space")
    if method not in METHODS:
        raise BadNumber(f"there is no method of this name: use one of {', '.join(METHODS)}")
    normal = normalise(method, number, now.astimezone(UTC).date())
    until = end_of(expires) if expires else None
    if until is not None and datetime.fromisoformat(until) <= now:
        raise ValueError("the expiry date has passed")
    digest = user_digest(key, user)
    kind = cast("Literal['mobile', 'resident-id', 'uscc', 'network-id', 'passport']", method)
    record = Identity(digest, kind, number_digest(key, method, normal), "verified", rfc3339(now), until)
    return Change("identity.verified", digest, topic=Topic.IDENTITIES, value=record, details={"method": method})


def revoked(known: Identity, reason: str, now: datetime) -> Change:
    """Return the change that takes a user's identity record back: a record of its own, never a tombstone."""
    record = Identity(known.user, known.method, known.number, "revoked", rfc3339(now), known.expires)
    return Change("identity.revoked", known.user, reason, Topic.IDENTITIES, record)


def imported(lines: Iterable[str], key: bytes, now: datetime, on_bad: Callable[[int, str], None]) -> Iterator[Change]:
    """Yield a change for each good line of a CSV file with the columns user, method, number, expires.

    Args:
        lines: of the file; the first names the columns.
        key: stands digests for users and numbers.
        now: the time, with its zone.
        on_bad: told the number of each bad line and what is wrong with it; the line is left out.

    Raises:
        ValueError: the first line does not name the columns.
    """

    def change(row: Mapping[str, str]) -> Change:
        return verified(key, row["user"], row["method"], row["number"], row["expires"] or None, now)

    return changes(lines, COLUMNS, 3, change, on_bad)
