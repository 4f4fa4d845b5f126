"""Who may publish (R-DS-9, R-DS-14, R-PI-1): every way through the gate."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from clearmark.ids import ContentId, DecisionId
from clearmark.outcomes import Subject
from clearmark.records import Media
from clearmark.schemas.cloudevents import Origin
from clearmark.screen.decide import Verdict
from clearmark.screen.gate import gate
from clearmark.screen.policy import Admission
from tests.state.twin import MemoryState, views

AT = datetime(2026, 6, 1, tzinfo=UTC)
ORIGIN = Origin("clearmark.ingress.v1", 0, 0, time_ms=int(AT.timestamp() * 1000))
SUBJECT = Subject(DecisionId("0" * 32), ContentId(1), ORIGIN, user_id="alice", media=Media.IMAGE)
REQUIRED = Admission()
EARLIER, LATER = "2026-05-31T23:59:59.999Z", "2026-06-01T00:00:00.001Z"


def judged(
    state: MemoryState, subject: Subject = SUBJECT, rules: Admission = REQUIRED
) -> tuple[Verdict, tuple[str, ...]]:
    view = views(state)
    view.catch_up()
    found = gate(subject, view, rules)
    return found.verdict, found.codes


@pytest.mark.parametrize(
    ("identity", "codes"),
    [
        ({}, ()),
        ({"expires": LATER}, ()),
        ({"expires": EARLIER}, ("identity-expired",)),
        ({"expires": "2026-06-01T00:00:00Z"}, ("identity-expired",)),
        ({"state": "revoked"}, ("identity-missing",)),
        (None, ("identity-missing",)),
    ],
)
def test_identity(identity: dict[str, str] | None, codes: tuple[str, ...]) -> None:
    state = MemoryState()
    if identity is not None:
        state.verify("alice", **identity)
    assert judged(state) == (Verdict.BLOCK if codes else Verdict.ALLOW, codes)
    optional = Admission(identity="optional")
    assert judged(state, rules=optional) == (Verdict.ALLOW, ())


@pytest.mark.parametrize(
    ("level", "until", "verdict", "codes"),
    [
        ("good", None, Verdict.ALLOW, ()),
        ("warned", LATER, Verdict.ALLOW, ()),
        ("limited", LATER, Verdict.HOLD, ("user-limited",)),
        ("limited", EARLIER, Verdict.ALLOW, ()),
        ("suspended", LATER, Verdict.BLOCK, ("user-suspended",)),
        ("suspended", None, Verdict.BLOCK, ("user-suspended",)),
        ("suspended", EARLIER, Verdict.ALLOW, ()),
    ],
)
def test_standing(level: str, until: str | None, verdict: Verdict, codes: tuple[str, ...]) -> None:
    state = MemoryState()
    state.verify("alice")
    state.stand("alice", level, until)
    assert judged(state) == (verdict, codes)


@pytest.mark.parametrize(
    ("consent", "codes"),
    [
        (None, ("consent-missing",)),
        ({"state": "revoked", "scope": ("face",)}, ("consent-revoked",)),
        ({"scope": ("face",)}, ()),
        ({"scope": ("likeness",)}, ()),
        ({"scope": ("voice",)}, ("consent-missing",)),
        ({"scope": ("face",), "until": LATER}, ()),
        ({"scope": ("face",), "until": EARLIER}, ("consent-expired",)),
        ({"scope": ("face",), "since": LATER}, ("consent-missing",)),
        ({"scope": ("face",), "products": ("story",)}, ()),
        ({"scope": ("face",), "products": ("games",)}, ("consent-missing",)),
        ({"scope": ("face",), "purposes": ("advertising",)}, ("consent-missing",)),
        ({"scope": ("face",), "purposes": ("fiction",)}, ()),
    ],
)
def test_consent(consent: dict[str, object] | None, codes: tuple[str, ...]) -> None:
    state = MemoryState()
    state.verify("alice")
    if consent is not None:
        state.consent("person", **consent)  # type: ignore[arg-type]
    subject = replace(SUBJECT, likenesses=("person",), product="story", purpose="fiction")
    assert judged(state, subject) == (Verdict.BLOCK if codes else Verdict.ALLOW, codes)
    assert judged(state, subject, Admission(consent="optional")) == (Verdict.ALLOW, ())


@pytest.mark.parametrize(
    ("media", "scope", "passes"),
    [
        (Media.AUDIO, "voice", True),
        (Media.AUDIO, "face", False),
        (Media.VIDEO, "face", True),
        (Media.VIDEO, "voice", False),
        (Media.TEXT, "voice", True),
        (Media.TEXT, "likeness", True),
    ],
)
def test_the_scope_fits_the_medium(media: Media, scope: str, passes: bool) -> None:
    state = MemoryState()
    state.verify("alice")
    state.consent("person", scope=(scope,))
    verdict, _ = judged(state, replace(SUBJECT, media=media, likenesses=("person",)))
    assert (verdict is Verdict.ALLOW) == passes


def test_every_reason_is_given_once_and_every_person_counts() -> None:
    state = MemoryState()
    state.stand("alice", "suspended")
    state.consent("one", scope=("face",))
    subject = replace(SUBJECT, likenesses=("one", "two", "three"))
    assert judged(state, subject) == (Verdict.BLOCK, ("identity-missing", "user-suspended", "consent-missing"))
