"""The mark stage: screened artifacts in; approved, or held where a mark cannot be read back, out."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from clearmark.errors import Reject
from clearmark.ids import ContentId, DecisionId
from clearmark.mark.text import mark
from clearmark.outcomes import Evidence, Subject
from clearmark.records import StageName
from clearmark.schemas.cloudevents import Envelope, MalformedEvent, Origin
from clearmark.screen.admit import TEXT_TYPES, media_of
from clearmark.topology import MARKED_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clearmark.outcomes import Writer
    from clearmark.records import Outcome, Record
    from clearmark.screen.policy import Policy
    from clearmark.store.objects import ObjectStore
    from clearmark.store.quarantine import Quarantine


class MarkStage:
    """Implements `clearmark.stage.Stage`.

    Args:
        policy: which marks are required.
        key: authenticates invisible codes.
        writer: builds the records.
        store: takes marked artifacts that travel by reference.
        quarantine: opens artifacts that came by reference, and takes those that cannot be marked.
        cluster_id: part of the ids of records that are not ours.
        on_failed: told the name of each mark that could not be read back.
    """

    def __init__(
        self,
        policy: Policy,
        key: bytes,
        writer: Writer,
        store: ObjectStore,
        quarantine: Quarantine,
        cluster_id: str,
        on_failed: Callable[[str], None],
    ) -> None:
        self._policy, self._key, self._writer = policy, key, writer
        self._store, self._quarantine, self._cluster_id, self._on_failed = store, quarantine, cluster_id, on_failed

    def process(self, batch: Sequence[Record]) -> list[Outcome]:
        """Return one outcome per record."""
        return [self._process(record) for record in batch]

    def dead_letter(self, record: Record, error_class: str, attempt: int) -> Outcome:
        """Return the dead letter of a record, from its headers alone: they are ours."""
        return self._writer.dead_letter(self._subject(record), error_class, attempt)

    def _process(self, record: Record) -> Outcome:
        subject = self._subject(record)
        try:
            Envelope.parse(record)
            data, by_reference = self._content(record, subject)
        except Reject as error:
            return self._writer.dead_letter(subject, error.error_class, 1)
        if subject.content_type not in TEXT_TYPES:
            return self._hold(subject, data, "unsupported-media", Evidence())
        marked = mark(data, subject.content_type, subject.content_id, self._key, self._policy.marks.text)
        evidence = Evidence(marks=marked.marks, marked_sha256=marked.sha256)
        if marked.failed:
            for name in marked.failed:
                self._on_failed(name)
            return self._hold(subject, data, "mark-failed", evidence)
        if not by_reference and len(marked.data) <= MARKED_LIMIT:
            return self._writer.approved(subject, marked.data, None, evidence)
        # Written before the transaction and never overwritten: a late zombie writes the same bytes.
        key = f"approved/{subject.decision_id}/{marked.sha256}"
        self._store.put_new(key, marked.data)
        return self._writer.approved(subject, None, self._store.uri(key), evidence)

    def _content(self, record: Record, subject: Subject) -> tuple[bytes, bool]:
        """Return the artifact's bytes and whether they came by reference; their digest is the screened one."""
        digest = subject.sha256 or ""
        if record.value is None:
            return self._quarantine.open(StageName.SCREEN, subject.decision_id, digest), True
        if hashlib.sha256(record.value).hexdigest() != digest:
            raise Reject("digest-mismatch", "a screened record is not what was screened", internal=True)
        return record.value, False

    def _hold(self, subject: Subject, data: bytes, code: str, evidence: Evidence) -> Outcome:
        sealed = self._quarantine.seal(StageName.MARK, subject.decision_id, data)
        return self._writer.held(subject, self._policy.explain([code]), sealed, evidence)

    def _subject(self, record: Record) -> Subject:
        try:
            e = Envelope.parse(record)
        except MalformedEvent:
            # Not written by Clearmark: known by its own position, and by no content id of an ingress record.
            decision_id = DecisionId.of(self._cluster_id, record.topic, record.partition, record.offset)
            origin = Origin(record.topic, record.partition, record.offset, time_ms=record.timestamp_ms)
            return Subject(decision_id, ContentId(0), origin, record.key)
        return Subject(
            e.decision_id,
            e.content_id,
            e.origin,
            record.key,
            e.user_id,
            e.content_type,
            media_of(e.content_type),
            e.sha256 or None,
            e.product,
            e.likenesses,
            e.traceparent,
            e.resolution,
        )
