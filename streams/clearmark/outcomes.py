"""The records that stages write: notices, dead letters, artifacts on their way, and the audit of each decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clearmark.digests import UNKNOWN_USER, user_digest
from clearmark.records import Media, Outcome, Output, StageName
from clearmark.schemas import cloudevents as ce
from clearmark.schemas import events
from clearmark.topology import Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from clearmark.ids import ContentId, DecisionId
    from clearmark.schemas.cloudevents import Origin
    from clearmark.topology import Topology


@dataclass(frozen=True, slots=True)
class Subject:
    """What a decision is about: an artifact and where it came from. ``sha256`` is that of its content."""

    decision_id: DecisionId
    content_id: ContentId
    origin: Origin
    key: bytes | None = None
    user_id: str = UNKNOWN_USER
    content_type: str = "application/octet-stream"
    media: Media = Media.OTHER
    sha256: str | None = None
    product: str | None = None
    likenesses: tuple[str, ...] = ()
    traceparent: str | None = None
    resolution: str | None = None
    purpose: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a decision rests on, for the audit."""

    categories: Mapping[str, float] | None = None
    detectors: Mapping[str, Mapping[str, float]] | None = None
    models: tuple[events.ModelRef, ...] = ()
    marks: events.Marks | None = None
    marked_sha256: str | None = None
    views: Mapping[str, tuple[int, ...]] | None = None


_NOTHING = Evidence()


class Writer:
    """Builds one stage's outcomes.

    Args:
        topology: names the topics.
        stage: who decides.
        policy: version of the policy.
        user_key: stands users' digests for their ids in the audit.
        now: the time, with its zone.
    """

    def __init__(
        self, topology: Topology, stage: StageName, policy: str, user_key: bytes, now: Callable[[], datetime]
    ) -> None:
        self._topology, self._stage, self._policy, self._user_key, self._now = topology, stage, policy, user_key, now

    def screened(self, subject: Subject, data: bytes | None, dataref: str | None, evidence: Evidence) -> Outcome:
        """Return the outcome of an artifact that may go on to mark."""
        output = self._artifact(Topic.SCREENED, ce.SCREENED, "screened", subject, data, dataref, subject.sha256 or "")
        return self._outcome(subject, "allow", output, (), evidence)

    def approved(self, subject: Subject, data: bytes | None, dataref: str | None, evidence: Evidence) -> Outcome:
        """Return the outcome of a marked artifact; ``evidence.marked_sha256`` is the digest of its bytes."""
        digest = evidence.marked_sha256 or ""
        output = self._artifact(Topic.APPROVED, ce.APPROVED, "approved", subject, data, dataref, digest)
        return self._outcome(subject, "approve", output, (), evidence)

    def blocked(self, subject: Subject, reasons: tuple[events.Reason, ...], evidence: Evidence = _NOTHING) -> Outcome:
        """Return the outcome of prohibited or unusable content."""
        notice = self._notice(Topic.BLOCKED, ce.BLOCKED, "blocked", subject, reasons, None)
        return self._outcome(subject, "block", notice, reasons, evidence)

    def held(
        self,
        subject: Subject,
        reasons: tuple[events.Reason, ...],
        quarantine: events.QuarantineRef,
        evidence: Evidence = _NOTHING,
    ) -> Outcome:
        """Return the outcome of content that a person must look at."""
        notice = self._notice(Topic.REVIEW, ce.HELD, "held", subject, reasons, quarantine)
        return self._outcome(subject, "hold", notice, reasons, evidence)

    def dead_letter(self, subject: Subject, error_class: str, attempt: int) -> Outcome:
        """Return the outcome of a record that cannot be processed."""
        origin = _ref(subject.origin)
        value = events.DeadLetter(str(subject.decision_id), origin, self._stage, error_class, attempt, subject.sha256)
        output = self._output(
            Topic.DEAD_LETTER, ce.DEAD_LETTERED, "deadlettered", subject, events.dump(value), subject.sha256 or ""
        )
        return self._outcome(subject, "dead-letter", output, (events.Reason(error_class, "", ""),), _NOTHING)

    def _outcome(
        self,
        subject: Subject,
        verdict: str,
        output: Output,
        reasons: tuple[events.Reason, ...],
        evidence: Evidence,
    ) -> Outcome:
        audit = self._audit(subject, verdict, reasons, evidence)
        return Outcome((output, audit), verdict, subject.media, tuple(r.code for r in reasons))

    def _audit(self, subject: Subject, verdict: str, reasons: tuple[events.Reason, ...], evidence: Evidence) -> Output:
        user = user_digest(self._user_key, subject.user_id)
        value = events.AuditDecision(
            str(subject.decision_id),
            str(subject.content_id),
            user,
            _ref(subject.origin),
            self._stage,
            verdict,
            subject.media.value,
            subject.content_type,
            subject.sha256,
            reasons,
            self._policy,
            self._time(),
            dict(evidence.categories or {}),
            {name: dict(scores) for name, scores in (evidence.detectors or {}).items()},
            evidence.models,
            subject.product,
            evidence.marked_sha256,
            evidence.marks,
            subject.resolution,
            dict(evidence.views or {}),
        )
        headers = self._envelope(
            ce.AUDIT_DECISION, f"{self._stage}.{verdict}", subject, subject.sha256 or "", user_id=user
        )
        key = str(subject.decision_id).encode()
        return Output(self._topology.name(Topic.AUDIT), key, events.dump(value), headers.headers())

    def _notice(
        self,
        topic: Topic,
        kind: str,
        outcome: str,
        subject: Subject,
        reasons: tuple[events.Reason, ...],
        quarantine: events.QuarantineRef | None,
    ) -> Output:
        value = events.Notice(
            str(subject.decision_id),
            str(subject.content_id),
            subject.user_id,
            subject.sha256 or "",
            subject.media.value,
            subject.content_type,
            reasons,
            self._policy,
            self._time(),
            quarantine,
        )
        return self._output(topic, kind, outcome, subject, events.dump(value), subject.sha256 or "")

    def _artifact(
        self,
        topic: Topic,
        kind: str,
        outcome: str,
        subject: Subject,
        data: bytes | None,
        dataref: str | None,
        digest: str,
    ) -> Output:
        envelope = self._envelope(kind, outcome, subject, digest, content_type=subject.content_type, dataref=dataref)
        return Output(self._topology.name(topic), _key(subject), data, envelope.headers())

    def _output(self, topic: Topic, kind: str, outcome: str, subject: Subject, value: bytes, digest: str) -> Output:
        headers = self._envelope(kind, outcome, subject, digest).headers()
        return Output(self._topology.name(topic), _key(subject), value, headers)

    def _envelope(
        self,
        kind: str,
        outcome: str,
        subject: Subject,
        digest: str,
        *,
        user_id: str | None = None,
        content_type: str = "application/json",
        dataref: str | None = None,
    ) -> ce.Envelope:
        return ce.Envelope(
            kind,
            outcome,
            subject.decision_id,
            subject.content_id,
            user_id or subject.user_id,
            subject.origin,
            self._policy,
            digest,
            content_type,
            dataref,
            subject.product,
            # Likenesses name persons; the audit keeps user digests only.
            () if user_id else subject.likenesses,
            subject.traceparent,
            subject.resolution,
            subject.purpose,
        )

    def _time(self) -> str:
        return self._now().isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _key(subject: Subject) -> bytes | None:
    return subject.key if subject.user_id == UNKNOWN_USER else subject.user_id.encode()


def _ref(origin: Origin) -> events.OriginRef:
    return events.OriginRef(origin.topic, origin.partition, origin.offset)
