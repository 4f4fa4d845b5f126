"""What a file's marks say of it: the verdicts of R-LM-6, from our own marks and from labels of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from clearmark.mark.marked import digest
from clearmark.mark.metadata import aigc
from clearmark.schemas.events import VerifyReport
from clearmark.screen.admit import Refusal, media_of

if TYPE_CHECKING:
    from clearmark.mark.marked import Reading
    from clearmark.mark.marker import Marker
    from clearmark.schemas.events import MediaName

Verdict = Literal["confirmed", "possible", "suspected", "none"]


class Unreadable(Exception):
    """A file whose marks cannot be read; says why by a reason code."""


def verify(name: str, data: bytes, content_type: str, marker: Marker) -> VerifyReport:
    """Return the report on one file.

    An authenticated watermark confirms, and so does a metadata label that says so, whoever wrote it. A visible label
    alone, even one too small to count, or a mark that cannot be read is a trace that anyone may have left: suspected.

    Raises:
        Unreadable: the file is not what its type says, or its medium cannot be read.
        UnicodeDecodeError: a text is not UTF-8.
        Retry: the sandbox cannot be started.
    """
    reading = marker.read(data, content_type)
    if isinstance(reading, Refusal):
        raise Unreadable(reading.code)
    content_id = reading.content_ids[0] if len(reading.content_ids) == 1 else None
    media: MediaName = media_of(content_type).value
    return VerifyReport(name, digest(data), media, _verdict(reading), content_id, reading.consistent, reading.marks)


def _verdict(reading: Reading) -> Verdict:
    marks = reading.marks
    if marks.watermark.content_id:
        return "confirmed"
    if marks.metadata.aigc:
        return aigc.meaning(marks.metadata.aigc)
    damaged = "invalid" in (marks.metadata.state, marks.watermark.state)
    return "suspected" if marks.label.text or damaged else "none"


def exit_code(report: VerifyReport) -> int:
    """Return 0 confirmed and consistent, 3 invalid or contradictory, 1 anything else."""
    if not report.consistent:
        return 3
    return 0 if report.verdict == "confirmed" else 1
