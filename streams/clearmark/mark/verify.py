"""What a file's marks say of it: the verdicts of R-LM-6, from our own marks and from labels of others."""

from __future__ import annotations

from typing import Literal

from clearmark.mark.read import digest, read
from clearmark.schemas.events import VerifyReport

Verdict = Literal["confirmed", "possible", "suspected", "none"]


def verify(name: str, data: bytes, content_type: str, key: bytes, watermark_characters: int) -> VerifyReport:
    """Return the report on one text.

    An authenticated code confirms. A visible label alone is a trace that anyone may have written: suspected.

    Raises:
        UnicodeDecodeError: the text is not UTF-8.
    """
    reading = read(data.decode("utf-8"), content_type, key, watermark_characters)
    verdict: Verdict = "none"
    if reading.content_ids:
        verdict = "confirmed"
    elif reading.marks.label.state == "valid":
        verdict = "suspected"
    content_id = reading.content_ids[0] if len(reading.content_ids) == 1 else None
    return VerifyReport(name, digest(data), "text", verdict, content_id, reading.consistent, reading.marks)


def exit_code(report: VerifyReport) -> int:
    """Return 0 confirmed and consistent, 3 invalid or contradictory, 1 anything else."""
    if not report.consistent:
        return 3
    return 0 if report.verdict == "confirmed" else 1
