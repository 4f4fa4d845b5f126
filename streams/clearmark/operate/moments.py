"""Dates and times as people write them and as records hold them (RFC 3339, UTC)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta


def rfc3339(moment: datetime) -> str:
    """Return a moment as records hold it, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def end_of(text: str) -> str:
    """Return the first moment after a date (``2026-12-31``: through that day, UTC), or a moment as it is given.

    Raises:
        ValueError: it is neither a date nor a moment with its zone.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("a moment needs its zone, such as 2026-12-31T18:00:00+08:00") from None
        return rfc3339(moment)
    return rfc3339(datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1))
