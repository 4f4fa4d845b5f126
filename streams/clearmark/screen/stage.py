"""The screen stage: ingress records in; screened, blocked, held or dead-lettered out."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from clearmark.errors import Reject
from clearmark.outcomes import Evidence, Subject
from clearmark.records import StageName
from clearmark.schemas.cloudevents import ATTRIBUTE_LIMIT, PREFIX, Origin, parse_ingress
from clearmark.screen.admit import IMAGE_TYPES, TEXT_TYPES, media_of
from clearmark.screen.decide import Judgement, Verdict
from clearmark.screen.gate import gate
from clearmark.screen.screening import Submission
from clearmark.topology import INLINE_LIMIT, Topic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clearmark.identify import Identifier
    from clearmark.outcomes import Writer
    from clearmark.records import Outcome, Record
    from clearmark.schemas.cloudevents import Artifact
    from clearmark.screen.screening import Screening
    from clearmark.state.views import Views
    from clearmark.store.claim import Claims
    from clearmark.store.quarantine import Quarantine

HELD_LIMIT = 64 * 1024 * 1024
"""Bytes of the largest artifact of another medium that is fetched in order to be held."""

_AT_ONCE = 64 * 1024 * 1024
"""Bytes of content that are fetched before they are judged: a batch of references may point to any amount."""

_TOO_LARGE = Judgement(Verdict.BLOCK, ("too-large",))


@dataclass(frozen=True, slots=True)
class _Item:
    """An artifact with its content; ``data`` is None where it is too large to be fetched, ``entry`` the gate's word."""

    subject: Subject
    artifact: Artifact
    data: bytes | None
    entry: Judgement


class ScreenStage:
    """Implements `clearmark.stage.Stage`.

    Args:
        screening: judges content.
        views: what is known of users, persons and features.
        identifier: gives ids to ingress positions.
        writer: builds the records.
        quarantine: takes held content, and content that came by reference on its way to mark.
        claims: fetches content that came by reference.
    """

    def __init__(
        self,
        screening: Screening,
        views: Views,
        identifier: Identifier,
        writer: Writer,
        quarantine: Quarantine,
        claims: Claims,
    ) -> None:
        self._screening, self._views, self._identifier, self._writer = screening, views, identifier, writer
        self._quarantine, self._claims = quarantine, claims
        self._features_seen = 0
        self._positions: dict[str, tuple[int, ...]] = {}

    def process(self, batch: Sequence[Record]) -> list[Outcome]:
        """Return one outcome per record; what the batch holds of one medium is classified together.

        Raises:
            Retry: the cluster, the store or the sandbox does not answer.
            Stop: a model or the feature library cannot be used.
        """
        self._catch_up()
        return [outcome for part in self._parts(batch) for outcome in self._judge(part)]

    def _parts(self, batch: Sequence[Record]) -> Iterator[list[_Item | Outcome]]:
        """Read a batch, in order and in parts of bounded size."""
        part: list[_Item | Outcome] = []
        size = 0
        for record in batch:
            part.append(found := self._read(record))
            size += len(found.data or b"") if isinstance(found, _Item) else 0
            if size >= _AT_ONCE:
                yield part
                part, size = [], 0
        yield part

    def _judge(self, read: list[_Item | Outcome]) -> list[Outcome]:
        items = [item for item in read if isinstance(item, _Item) and item.data is not None]
        submissions = [Submission(i.artifact.content_type, i.artifact.charset, i.data or b"") for i in items]
        judged = iter(self._screening.judge(submissions))
        return [
            self._route(item, _TOO_LARGE if item.data is None else next(judged)) if isinstance(item, _Item) else item
            for item in read
        ]

    def dead_letter(self, record: Record, error_class: str, attempt: int) -> Outcome:
        """Return the dead letter of a record from its position alone."""
        return self._writer.dead_letter(self._subject(record), error_class, attempt)

    def _catch_up(self) -> None:
        """Know everything that was committed before this batch."""
        self._views.catch_up()
        self._positions = self._views.positions()
        if self._features_seen != self._views.changes[Topic.FEATURES]:
            self._screening.library.refresh(self._views.features())
            self._features_seen = self._views.changes[Topic.FEATURES]

    def _subject(self, record: Record) -> Subject:
        decision_id, content_id = self._identifier.of(record.partition, record.offset)
        origin = Origin(record.topic, record.partition, record.offset, time_ms=record.timestamp_ms)
        return Subject(decision_id, content_id, origin, record.key)

    def _read(self, record: Record) -> _Item | Outcome:
        """Return the artifact of a record, or what becomes of it unseen.

        That is a dead letter when it is no event or cannot be fetched, blocked when its user may not publish it.
        """
        subject = self._subject(record)
        try:
            artifact = parse_ingress(record)
            subject = _named(subject, artifact)
            entry = gate(subject, self._views, self._screening.policy.admission)
            if entry.verdict is Verdict.BLOCK:
                return self._refused(subject, artifact, entry)
            if artifact.dataref is None:
                data = artifact.data
            else:
                data = self._claims.fetch(artifact.dataref, artifact.sha256 or "", self._limit(artifact))
        except Reject as error:
            digest = hashlib.sha256(record.value).hexdigest() if record.value is not None else None
            return self._writer.dead_letter(replace(_claimed(subject, record), sha256=digest), error.error_class, 1)
        digest = artifact.sha256 if data is None else hashlib.sha256(data).hexdigest()
        return _Item(replace(subject, sha256=digest), artifact, data, entry)

    def _refused(self, subject: Subject, artifact: Artifact, entry: Judgement) -> Outcome:
        """Return the outcome of an artifact that is not looked at: what lies behind a reference is not fetched."""
        digest = artifact.sha256 if artifact.data is None else hashlib.sha256(artifact.data).hexdigest()
        reasons = self._screening.policy.explain(entry.codes)
        return self._writer.blocked(replace(subject, sha256=digest), reasons, Evidence(views=self._positions))

    def _limit(self, artifact: Artifact) -> int:
        limits = self._screening.policy.limits
        if artifact.content_type in TEXT_TYPES:
            return limits.text_bytes
        return limits.image_bytes if artifact.content_type in IMAGE_TYPES else HELD_LIMIT

    def _route(self, item: _Item, judgement: Judgement) -> Outcome:
        subject, data = item.subject, item.data or b""
        models = self._screening.models(judgement)
        evidence = Evidence(judgement.categories, judgement.detectors, models, views=self._positions)
        if judgement.verdict is Verdict.ALLOW and item.entry.verdict is Verdict.HOLD:
            judgement = item.entry
        if judgement.verdict is Verdict.ALLOW:
            if item.artifact.dataref is None and len(data) <= INLINE_LIMIT:
                return self._writer.screened(subject, data, None, evidence)
            sealed = self._quarantine.seal(StageName.SCREEN, subject.decision_id, data)
            return self._writer.screened(subject, None, sealed.uri, evidence)
        reasons = self._screening.policy.explain(judgement.codes)
        if judgement.verdict is Verdict.BLOCK:
            return self._writer.blocked(subject, reasons, evidence)
        sealed = self._quarantine.seal(StageName.SCREEN, subject.decision_id, data)
        return self._writer.held(subject, reasons, sealed, evidence)


def _claimed(subject: Subject, record: Record) -> Subject:
    """Return the subject with what a malformed event says of itself, as far as it can be read."""
    said = {}
    for name in ("id", "source", "userid"):
        raw = record.header(f"{PREFIX}{name}") or b""
        with suppress(UnicodeDecodeError):
            said[name] = raw[:ATTRIBUTE_LIMIT].decode("utf-8")
    origin = replace(subject.origin, id=said.get("id", ""), source=said.get("source", ""))
    return replace(subject, origin=origin, user_id=said.get("userid") or subject.user_id)


def _named(subject: Subject, artifact: Artifact) -> Subject:
    origin = replace(subject.origin, id=artifact.id, source=artifact.source)
    return replace(
        subject,
        origin=origin,
        user_id=artifact.user_id,
        content_type=artifact.content_type,
        media=media_of(artifact.content_type),
        product=artifact.product,
        purpose=artifact.purpose,
        likenesses=artifact.likenesses,
        traceparent=artifact.traceparent,
    )
