"""The mark stage: screened artifacts in; approved, or held where a mark cannot be read back, out."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from clearmark.errors import Reject
from clearmark.ids import ContentId, DecisionId
from clearmark.outcomes import Evidence, Subject
from clearmark.records import StageName
from clearmark.schemas.cloudevents import Envelope, MalformedEvent, Origin
from clearmark.screen.admit import Refusal, media_of
from clearmark.screen.decide import Verdict
from clearmark.screen.gate import gate
from clearmark.topology import MARKED_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from clearmark.mark.marked import Marked
    from clearmark.mark.marker import Marker
    from clearmark.outcomes import Writer
    from clearmark.records import Outcome, Record
    from clearmark.screen.policy import Policy
    from clearmark.state.views import Views
    from clearmark.store.objects import ObjectStore
    from clearmark.store.quarantine import Quarantine


class MarkStage:
    """Implements `clearmark.stage.Stage`.

    Args:
        policy: who may publish, and how reasons read.
        marker: puts marks on and reads them back.
        views: what is known of users and persons.
        writer: builds the records.
        store: takes marked artifacts that travel by reference.
        quarantine: opens artifacts that came by reference, and takes those that cannot be marked.
        cluster_id: part of the ids of records that are not ours.
        on_failed: told the name of each mark that could not be read back.
    """

    def __init__(
        self,
        policy: Policy,
        marker: Marker,
        views: Views,
        writer: Writer,
        store: ObjectStore,
        quarantine: Quarantine,
        cluster_id: str,
        on_failed: Callable[[str], None],
    ) -> None:
        self._policy, self._marker, self._views, self._writer = policy, marker, views, writer
        self._store, self._quarantine, self._cluster_id, self._on_failed = store, quarantine, cluster_id, on_failed

    def process(self, batch: Sequence[Record]) -> list[Outcome]:
        """Return one outcome per record.

        Raises:
            Retry: the cluster, the store or the sandbox does not answer.
        """
        self._views.catch_up()
        positions = self._views.positions()
        return [self._process(record, positions) for record in batch]

    def dead_letter(self, record: Record, error_class: str, attempt: int) -> Outcome:
        """Return the dead letter of a record, from its headers alone: they are ours."""
        return self._writer.dead_letter(self._subject(record), error_class, attempt)

    def _process(self, record: Record, views: Mapping[str, tuple[int, ...]]) -> Outcome:
        subject, evidence = self._subject(record), Evidence(views=views)
        try:
            Envelope.parse(record)
            # What was allowed when it was screened may have been forbidden since: the last look before release.
            entry = gate(subject, self._views, self._policy.admission)
            if entry.verdict is Verdict.BLOCK:
                return self._writer.blocked(subject, self._policy.explain(entry.codes), evidence)
            data, by_reference = self._content(record, subject)
        except Reject as error:
            return self._writer.dead_letter(subject, error.error_class, 1)
        if entry.verdict is Verdict.HOLD and subject.resolution is None:
            return self._refuse(subject, data, Refusal(entry.codes[0], hold=True), evidence)
        marked = self._marker.mark(data, subject.content_type, subject.content_id)
        if isinstance(marked, Refusal):
            return self._refuse(subject, data, marked, evidence)
        evidence = Evidence(marks=marked.marks, marked_sha256=marked.sha256, views=views)
        if marked.failed:
            for name in marked.failed:
                self._on_failed(name)
            return self._refuse(subject, data, Refusal("mark-failed", hold=True), evidence)
        return self._release(subject, marked, evidence, by_reference=by_reference)

    def _release(self, subject: Subject, marked: Marked, evidence: Evidence, *, by_reference: bool) -> Outcome:
        if not by_reference and len(marked.data) <= MARKED_LIMIT:
            return self._writer.approved(subject, marked.data, None, evidence)
        # Written before the transaction and never overwritten: a late zombie writes the same bytes.
        key = f"approved/{subject.decision_id}/{marked.sha256}"
        self._store.put_new(key, marked.data)
        return self._writer.approved(subject, None, self._store.uri(key), evidence)

    def _refuse(self, subject: Subject, data: bytes, refusal: Refusal, evidence: Evidence) -> Outcome:
        """Return the outcome of what passed screening and cannot be released."""
        reasons = self._policy.explain([refusal.code])
        if not refusal.hold:
            return self._writer.blocked(subject, reasons, evidence)
        sealed = self._quarantine.seal(StageName.MARK, subject.decision_id, data)
        return self._writer.held(subject, reasons, sealed, evidence)

    def _content(self, record: Record, subject: Subject) -> tuple[bytes, bool]:
        """Return the artifact's bytes and whether they came by reference; their digest is the screened one."""
        digest = subject.sha256 or ""
        if record.value is None:
            return self._quarantine.open(StageName.SCREEN, subject.decision_id, digest), True
        if hashlib.sha256(record.value).hexdigest() != digest:
            raise Reject("digest-mismatch", "a screened record is not what was screened", internal=True)
        return record.value, False

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
            e.purpose,
        )
