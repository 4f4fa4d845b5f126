"""The pure functions of screen and mark in a plain loop: what is left when Kafka and all records are taken away."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clearmark.mark.marked import Marked
from clearmark.outcomes import Subject
from clearmark.schemas.cloudevents import Origin
from clearmark.schemas.events import Consent, Identity, Standing
from clearmark.screen.admit import media_of
from clearmark.screen.decide import Verdict
from clearmark.screen.gate import gate
from clearmark.screen.screening import Submission
from load.benches.inputs import USERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clearmark.identify import Identifier
    from clearmark.mark.marker import Marker
    from clearmark.screen.policy import Policy
    from clearmark.screen.screening import Screening
    from load.benches.inputs import Item


class Everybody:
    """Implements `clearmark.screen.gate.Known`: each user is verified, none has violated anything."""

    def __init__(self) -> None:
        at = "2026-01-01T00:00:00.000Z"
        self._known = {user: Identity(user, "mobile", "0" * 32, "verified", at) for user in USERS}

    def identity(self, user_id: str) -> Identity | None:
        return self._known.get(user_id)

    def standing(self, user_id: str) -> Standing | None:
        del user_id
        return None

    def consent(self, subject: str) -> Consent | None:
        del subject
        return None


@dataclass(frozen=True, slots=True)
class Plain:
    """What is called in turn: gate and judge a batch, then mark each."""

    policy: Policy
    screening: Screening
    marker: Marker
    identifier: Identifier

    def run(self, items: Sequence[Item], batch: int) -> None:
        """Do it, batch by batch.

        Raises:
            AssertionError: one was not allowed, or a mark could not be read back.
        """
        known = Everybody()
        for at in range(0, len(items), batch):
            part = items[at : at + batch]
            subjects = list(self._subjects(part, at))
            for subject in subjects:
                assert gate(subject, known, self.policy.admission).verdict is Verdict.ALLOW
            submissions = [Submission(item.content_type, None, item.data) for item in part]
            judged = self.screening.judge(submissions)
            for item, subject, judgement in zip(part, subjects, judged, strict=True):
                assert judgement.verdict is Verdict.ALLOW, judgement.codes
                marked = self.marker.mark(item.data, item.content_type, subject.content_id)
                assert isinstance(marked, Marked), marked
                assert not marked.failed, marked.failed

    def _subjects(self, items: Sequence[Item], begin: int) -> Iterator[Subject]:
        now = time.time_ns() // 1_000_000
        for i, item in enumerate(items, begin):
            decision_id, content_id = self.identifier.of(0, i)
            origin = Origin("bench", 0, i, time_ms=now)
            kind = item.content_type
            yield Subject(decision_id, content_id, origin, b"k", USERS[i % len(USERS)], kind, media_of(kind))
