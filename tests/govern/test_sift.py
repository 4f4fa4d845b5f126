"""Which audit records mean something: those that the stages write, and those that nobody should."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearmark.digests import user_digest
from clearmark.errors import Reject
from clearmark.govern.conduct import Event, Kind
from clearmark.govern.sift import LIFT, conduct_of
from clearmark.ids import ContentId, DecisionId
from clearmark.operate.desk import audit
from clearmark.outcomes import Evidence, Subject, Writer
from clearmark.records import StageName
from clearmark.schemas.cloudevents import Origin
from clearmark.schemas.events import AuditAction, QuarantineRef, Reason
from clearmark.topology import Topology

if TYPE_CHECKING:
    from clearmark.records import Outcome, Output

KEY, T = b"k" * 32, 1_760_000_000_000
SUBJECT = Subject(DecisionId("ab" * 16), ContentId(7), Origin("in", 1, 2, time_ms=T), user_id="mallory")
USER = user_digest(KEY, "mallory")
BAD, ODD = (Reason("A.2.i", "", ""),), (Reason("user-suspended", "", ""),)


def writer(stage: StageName = StageName.SCREEN) -> Writer:
    return Writer(Topology(), stage, "p", KEY, lambda: datetime.now(UTC))


def said(outcome: Outcome) -> tuple[str, Event] | None:
    return told(outcome.outputs[-1])


def told(output: Output) -> tuple[str, Event] | None:
    return conduct_of(output.headers, output.value)


def event(kind: Kind) -> tuple[str, Event]:
    return USER, Event(T, "ab" * 16, kind)


def test_a_block_for_its_content_is_a_violation() -> None:
    assert said(writer().blocked(SUBJECT, BAD)) == event(Kind.VIOLATION)
    assert said(writer().blocked(SUBJECT, (*ODD, *BAD))) == event(Kind.VIOLATION)


def test_what_was_allowed_is_fine() -> None:
    assert said(writer().screened(SUBJECT, b"text", None, Evidence())) == event(Kind.FINE)


def test_everything_else_says_nothing() -> None:
    released = replace(SUBJECT, resolution="released")
    assert said(writer().blocked(SUBJECT, ODD)) is None
    assert said(writer().blocked(released, BAD)) is None
    assert said(writer().held(SUBJECT, BAD, QuarantineRef("u", "s", "k"))) is None
    assert said(writer().dead_letter(SUBJECT, "boom", 1)) is None
    assert said(writer(StageName.MARK).blocked(SUBJECT, BAD)) is None
    assert told(audit(Topology(), "1", AuditAction("standing.suspended", "govern", USER, "", "x"))) is None
    assert conduct_of((("ce_type", b"somebody.elses"),), b"") is None


def lift(at: str, subject: str = USER) -> Output:
    return audit(Topology(), "1", AuditAction(LIFT, "anna", subject, "appeal", at))


def test_a_lift_counts_from_its_time_and_has_one_id() -> None:
    found = told(lift("2025-10-09T08:53:20.000Z"))
    assert found is not None
    assert (found[0], found[1].time_ms, found[1].kind) == (USER, T, Kind.LIFT)
    assert told(lift("2025-10-09T08:53:20.000Z")) == found
    later = told(lift("2025-10-09T08:53:20.001Z"))
    assert later is not None
    assert later[1].id != found[1].id


@pytest.mark.parametrize(
    "output",
    [
        lift("yesterday"),
        lift("2025-10-09T08:53:20.000"),
        lift("0001-01-01T00:00:00Z"),
        lift("9999-01-01T00:00:00Z"),
        lift("2025-10-09T08:53:20Z", "mallory"),
        writer().blocked(replace(SUBJECT, origin=Origin("in", 1, 2)), BAD).outputs[-1],
        replace(lift("2025-10-09T08:53:20Z"), value=b"{}"),
        replace(lift("2025-10-09T08:53:20Z"), value=None),
        replace(lift("2025-10-09T08:53:20Z"), headers=(("ce_type", None),)),
    ],
)
def test_malformed_records_are_refused(output: Output) -> None:
    with pytest.raises(Reject):
        told(output)


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["clearmark.audit.decision.v1", "clearmark.audit.action.v1"]))
def test_any_bytes_are_refused_in_order(value: bytes, kind: str) -> None:
    with pytest.raises(Reject):
        conduct_of((("ce_type", kind.encode()),), value)
