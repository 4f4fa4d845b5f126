"""Changes of consent records: what a person agreed to about their face, voice or likeness (R-DS-14, R-PI-1)."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Final, cast

from clearmark.digests import subject_digest
from clearmark.operate.desk import Change
from clearmark.operate.moments import end_of, rfc3339
from clearmark.operate.rows import changes
from clearmark.schemas.events import Consent, Scope
from clearmark.topology import Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

SCOPES: Final = ("face", "voice", "likeness")
COLUMNS: Final = ("subject", "scope", "products", "purposes", "until", "evidence", "guardian", "born")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
GUARDED_BELOW: Final = 14
"""Years of age below which a guardian must agree (R-PI-1)."""


def granted(
    key: bytes,
    subject: str,
    scope: Sequence[str],
    now: datetime,
    *,
    products: Sequence[str] = (),
    purposes: Sequence[str] = (),
    until: str | None = None,
    evidence: str | None = None,
    guardian: str | None = None,
    born: date | None = None,
) -> Change:
    """Return the change that records a person's consent; it replaces what was recorded of them before.

    Args:
        key: stands digests for subject and guardian.
        subject: the reference that publishers give in ``ce_likenesses``.
        scope: of `SCOPES`.
        now: the time, with its zone.
        products: the only products it holds for; empty: all.
        purposes: the only purposes (``ce_purpose``) it holds for; empty: all.
        until: a date or moment after which it no longer holds.
        evidence: SHA-256 of the signed form, in hex.
        guardian: who agreed for a person under 14.
        born: the person's date of birth; not kept.

    Raises:
        ValueError: the scope is empty or unknown, the end has passed, a name cannot be used, or a guardian is missing.
    """
    if not subject.strip() or subject != subject.strip() or "," in subject:
        raise ValueError("a subject reference is not empty, has no comma, and no white space at its ends")
    if not scope or (unknown := [s for s in scope if s not in SCOPES]):
        named = f"{unknown[0]!r} is none of them" if scope else "it is empty"
        raise ValueError(f"a scope is one or more of {', '.join(SCOPES)}: {named}")
    if born is not None and _years(born, now.date()) < GUARDED_BELOW and not guardian:
        raise ValueError(f"for a person under {GUARDED_BELOW} a guardian must agree: name the guardian")
    end = end_of(until) if until else None
    if end is not None and datetime.fromisoformat(end) <= now:
        raise ValueError("the end of the consent has passed")
    digest = subject_digest(key, subject)
    at = rfc3339(now)
    record = Consent(
        digest, "granted", at, cast("tuple[Scope, ...]", tuple(dict.fromkeys(scope))), tuple(products),
        tuple(purposes), at, end, evidence, subject_digest(key, guardian) if guardian else None,
    )  # fmt: skip
    return Change("consent.granted", digest, topic=Topic.CONSENTS, value=record, details={"scope": ",".join(scope)})


def revoked(known: Consent, reason: str, now: datetime) -> Change:
    """Return the change that takes a consent back: a record of its own, never a tombstone."""
    record = Consent(
        known.subject, "revoked", rfc3339(now), known.scope, known.products, known.purposes, known.since,
        known.until, known.evidence, known.guardian,
    )  # fmt: skip
    return Change("consent.revoked", known.subject, reason, Topic.CONSENTS, record)


def imported(lines: Iterable[str], key: bytes, now: datetime, on_bad: Callable[[int, str], None]) -> Iterator[Change]:
    """Yield a change for each good line of a CSV file with the columns of `COLUMNS`; lists are separated by ``;``.

    Args:
        lines: of the file; the first names the columns.
        key: stands digests for subjects and guardians.
        now: the time, with its zone.
        on_bad: told the number of each bad line and what is wrong with it; the line is left out.

    Raises:
        ValueError: the first line does not name the columns.
    """

    def change(row: Mapping[str, str]) -> Change:
        scope, products, purposes = ([p.strip() for p in row[c].split(";") if p.strip()] for c in COLUMNS[1:4])
        if row["evidence"] and not _SHA256.fullmatch(row["evidence"]):
            raise ValueError("evidence is a SHA-256 in 64 lower-case hex digits")
        return granted(
            key, row["subject"], scope, now, products=products, purposes=purposes, until=row["until"] or None,
            evidence=row["evidence"] or None, guardian=row["guardian"] or None,
            born=date.fromisoformat(row["born"]) if row["born"] else None,
        )  # fmt: skip

    return changes(lines, COLUMNS, 2, change, on_bad)


def _years(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
