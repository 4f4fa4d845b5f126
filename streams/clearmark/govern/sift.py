"""Which audit records say something about a user's conduct."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Final

from clearmark.errors import Reject
from clearmark.govern.conduct import Event, Kind, plausible
from clearmark.records import StageName
from clearmark.schemas import cloudevents as ce
from clearmark.schemas import events

if TYPE_CHECKING:
    from clearmark.records import Headers

LIFT: Final = "standing.lifted"
"""The action by which a person ends a user's standing and forgives what came before."""


class MalformedAudit(Reject):
    """An audit record that is not what its contract asks for; whoever wrote it, it is not ours to judge."""

    def __init__(self, message: str) -> None:
        super().__init__("malformed-audit", message)


def conduct_of(headers: Headers, value: bytes | None) -> tuple[str, Event] | None:
    """Return the user's digest and the event that an audit record means, or None where it means nothing here.

    A violation is a block by screen for a category of R-TAX-1, not following from a review; an artifact that screen
    allowed is fine. Whatever is blocked or held for another reason says nothing of the user's conduct.

    Raises:
        Reject: the record is malformed.
    """
    attributes = ce.attributes_of(headers)
    if attributes.get("type") == ce.AUDIT_DECISION:
        return _decision(events.load(events.AuditDecision, value), attributes.get("origintime", ""))
    if attributes.get("type") == ce.AUDIT_ACTION:
        return _lift(events.load(events.AuditAction, value), value or b"")
    return None


def _decision(decision: events.AuditDecision, time: str) -> tuple[str, Event] | None:
    if decision.stage != StageName.SCREEN or decision.resolution is not None:
        return None
    if decision.verdict == "allow":
        kind = Kind.FINE
    elif decision.verdict == "block" and any(reason.code.startswith("A.") for reason in decision.reasons):
        kind = Kind.VIOLATION
    else:
        return None
    if not time.isdecimal():
        raise MalformedAudit("ce_origintime is no number")
    return _event(decision.user, int(time), decision.decision_id, kind)


def _lift(action: events.AuditAction, value: bytes) -> tuple[str, Event] | None:
    if action.action != LIFT:
        return None
    try:
        at = datetime.fromisoformat(action.at)
    except ValueError:
        raise MalformedAudit("the time of an action is not RFC 3339") from None
    if at.tzinfo is None:
        raise MalformedAudit("the time of an action has no zone")
    # The same record has the same id, however often it is read; an action has no decision id.
    return _event(action.subject, round(at.timestamp() * 1000), hashlib.sha256(value).hexdigest()[:32], Kind.LIFT)


def _event(user: str, time_ms: int, event_id: str, kind: Kind) -> tuple[str, Event]:
    event = Event(time_ms, event_id, kind)
    if not plausible(user, event):
        raise MalformedAudit("user or id is not 32 hex digits, or the time is none that a broker's clock shows")
    return user, event
