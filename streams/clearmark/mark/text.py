"""Mark a text: label, then code (R-MULTI-1); then read both back from the produced bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearmark.mark import code, label, place
from clearmark.mark.marked import Marked, digest
from clearmark.mark.read import read

if TYPE_CHECKING:
    from clearmark.ids import ContentId
    from clearmark.screen.policy import TextMarks


def mark(data: bytes, content_type: str, content_id: ContentId, key: bytes, required: TextMarks) -> Marked:
    """Return the text with its marks. Marking a marked text changes nothing but the content id it carries.

    Args:
        data: UTF-8 text.
        content_type: ``text/plain``, ``text/markdown`` or ``text/html``.
        content_id: what the code carries.
        key: authenticates the code.
        required: where the label stands, and from how many visible characters on there is a code.

    Raises:
        UnicodeDecodeError: the data is not UTF-8.
    """
    text = label.remove(code.strip(data.decode("utf-8"), key), content_type)
    needs_code = place.count(text, content_type) >= required.watermark_characters
    labelled = label.add(text, content_type, required.label)
    if needs_code:
        copy = code.encode(content_id, key)
        labelled = place.insert(labelled, place.places(labelled, content_type), copy)
    produced = labelled.encode("utf-8")
    return _checked(produced, content_type, content_id, key, required, needs_code=needs_code)


def _checked(
    produced: bytes, content_type: str, content_id: ContentId, key: bytes, required: TextMarks, *, needs_code: bool
) -> Marked:
    """Open the produced bytes again and name each mark that cannot be read from them."""
    text = produced.decode("utf-8")
    reading = read(text, content_type, key, required.watermark_characters)
    failed = []
    stands = label.stands(code.strip(text, key), content_type, required.label)
    if reading.marks.label.state != "valid" or not stands:
        failed.append("label")
    found = reading.content_ids
    if (needs_code and found != (str(content_id),)) or (not needs_code and found):
        failed.append("watermark")
    return Marked(produced, digest(produced), reading.marks, tuple(failed))
