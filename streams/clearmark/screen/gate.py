"""Who may publish, and whose likeness may be shown: identity, standing and consent (R-DS-9, R-DS-10, R-DS-14, R-PI-1).

Pure over what is known of users and persons. `screen` asks before it looks at content, `mark` again before release.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from clearmark.records import Media
from clearmark.screen.decide import Judgement, Verdict

if TYPE_CHECKING:
    from clearmark.outcomes import Subject
    from clearmark.schemas import events
    from clearmark.screen.policy import Admission

_COVERS: Final = {
    Media.IMAGE: frozenset({"face", "likeness"}),
    Media.VIDEO: frozenset({"face", "likeness"}),
    Media.AUDIO: frozenset({"voice"}),
}
"""By medium, the scopes of which a consent needs at least one; a text or anything else needs any."""

_ALLOW: Final = Judgement(Verdict.ALLOW)


class Known(Protocol):
    """What is known of users and persons: `clearmark.state.views.Views`, or a dict in tests."""

    def identity(self, user_id: str) -> events.Identity | None:
        """Return a user's identity record."""
        ...

    def standing(self, user_id: str) -> events.Standing | None:
        """Return how a user stands."""
        ...

    def consent(self, subject: str) -> events.Consent | None:
        """Return the last consent record of a person."""
        ...


def gate(subject: Subject, known: Known, rules: Admission) -> Judgement:
    """Return whether an artifact may be published by its user, whatever it shows.

    Times count as of the moment at which the broker took the artifact, so that its outcome is the same when it is
    read again; revocations count as soon as they are known.

    Returns:
        block with every reason, hold (``user-limited``: each artifact of theirs needs a person), or allow.
    """
    at = datetime.fromtimestamp(subject.origin.time_ms / 1000, UTC)
    codes = []
    if rules.identity == "required" and (code := _identity(known.identity(subject.user_id), at)):
        codes.append(code)
    standing = known.standing(subject.user_id)
    level = standing.level if standing and not _over(standing.until, at) else "good"
    if level == "suspended":
        codes.append("user-suspended")
    if rules.consent == "required":
        codes += [c for person in subject.likenesses if (c := _consent(known.consent(person), subject, at))]
    if codes:
        return Judgement(Verdict.BLOCK, tuple(dict.fromkeys(codes)))
    return Judgement(Verdict.HOLD, ("user-limited",)) if level == "limited" else _ALLOW


def _identity(identity: events.Identity | None, at: datetime) -> str | None:
    if identity is None or identity.state != "verified":
        return "identity-missing"
    return "identity-expired" if _over(identity.expires, at) else None


def _consent(consent: events.Consent | None, subject: Subject, at: datetime) -> str | None:
    if consent is None:
        return "consent-missing"
    if consent.state == "revoked":
        return "consent-revoked"
    if _over(consent.until, at):
        return "consent-expired"
    begun = consent.since is None or _over(consent.since, at)
    wanted = _COVERS.get(subject.media, frozenset(consent.scope))
    covered = (
        bool(wanted & set(consent.scope))
        and (not consent.products or subject.product in consent.products)
        and (not consent.purposes or subject.purpose in consent.purposes)
    )
    return None if begun and covered else "consent-missing"


def _over(moment: str | None, at: datetime) -> bool:
    """Return whether a moment (RFC 3339) has come; one that is not given never comes."""
    return moment is not None and datetime.fromisoformat(moment) <= at
