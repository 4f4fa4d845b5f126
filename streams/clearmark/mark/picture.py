"""Mark a picture: label, then watermark, then metadata (R-MULTI-1); then read all three from the produced bytes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from clearmark.ids import ContentId
from clearmark.mark.image.encode import FORMATS, encode
from clearmark.mark.image.find import find
from clearmark.mark.image.label import draw
from clearmark.mark.marked import Marked, Reading, digest
from clearmark.mark.metadata import aigc, exif, xmp
from clearmark.mark.metadata.picture import labels
from clearmark.mark.watermark.detect import detect
from clearmark.mark.watermark.embed import SMALLEST, embed
from clearmark.schemas.events import MarkReport, Marks
from clearmark.screen.admit import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from clearmark.extract.picture import Picture
    from clearmark.extract.pool import Extractor
    from clearmark.mark.metadata.provider import Provider
    from clearmark.screen.policy import ImageMarks

_STRENGTHS: Final = (1.0, 1.6)
"""Of the watermark: what could not be read back is tried once more, stronger."""
_UNSUPPORTED: Final = MarkReport("unsupported")
_CANNOT: Final = Refusal("unsupported-media", hold=True)
_NO_ROOM: Final = Refusal("mark-failed", hold=True)


@dataclass(frozen=True, slots=True)
class PictureMarker:
    """Marks pictures and reads their marks.

    Attributes:
        key: of the watermark.
        provider: whose name or code the metadata bears.
        required: from which size on there is a watermark.
        extractor: decodes files.
    """

    key: bytes
    provider: Provider
    required: ImageMarks
    extractor: Extractor

    def mark(self, data: bytes, content_type: str, content_id: ContentId) -> Marked | Refusal:
        """Return the marked picture, or why it cannot be marked.

        Marking a marked picture changes nothing but the content id it carries; a label of another producer keeps its
        producer and gains us as propagator (R-META-6).

        Raises:
            Retry: the sandbox cannot be started.
        """
        picture = self.extractor.open(data, content_type)
        if isinstance(picture, Refusal):
            return picture
        if picture.format not in FORMATS or picture.frames > 1:
            return _CANNOT
        labelled = draw(picture.pixels)
        if labelled is None:
            return _NO_ROOM
        said = self._label(picture, content_id)
        packet = xmp.write(picture.xmp, said.to_json(), picture.format).packet
        kept = exif.without_location(picture.exif) if picture.exif else None
        marked: Marked | Refusal = _NO_ROOM
        for strength in _STRENGTHS if self._carries(picture) else _STRENGTHS[:1]:
            pixels = self._embed(labelled, picture, content_id, strength)
            marked = self._checked(encode(pixels, picture, packet, kept), content_type, content_id, said)
            if isinstance(marked, Refusal) or not marked.failed:
                break
        return marked

    def read(self, data: bytes, content_type: str) -> Reading | Refusal:
        """Return what a picture's marks say, wherever it comes from, or why it cannot be read.

        Raises:
            Retry: the sandbox cannot be started.
        """
        picture = self.extractor.open(data, content_type)
        return picture if isinstance(picture, Refusal) else self._read(picture, thorough=True)

    def _carries(self, picture: Picture) -> bool:
        return bool(min(picture.width, picture.height) >= max(self.required.watermark_side, SMALLEST))

    def _embed(
        self, pixels: NDArray[np.uint8], picture: Picture, content_id: ContentId, strength: float
    ) -> NDArray[np.uint8]:
        return embed(pixels, content_id, self.key, strength=strength) if self._carries(picture) else pixels

    def _label(self, picture: Picture, content_id: ContentId) -> aigc.Aigc:
        """Return the one label that replaces all that are there: ours, naming the first other producer among them."""
        code = self.provider.code
        for found in map(aigc.parse, labels(picture)):
            if found.values.get("ContentProducer", "") not in {"", code}:
                return aigc.propagated(found, code, content_id)
        return aigc.first(code, content_id)

    def _checked(self, produced: bytes, content_type: str, content_id: ContentId, said: aigc.Aigc) -> Marked | Refusal:
        """Open the produced bytes again and name each mark that cannot be read from them."""
        picture = self.extractor.open(produced, content_type)
        if isinstance(picture, Refusal):
            return Refusal("mark-failed", hold=True)
        reading = self._read(picture, thorough=False)
        marks, failed = reading.marks, []
        if marks.label.state != "valid":
            failed.append("label")
        if labels(picture) != (said.to_json(),) or marks.metadata.aigc != said.values():
            failed.append("metadata")
        carried = marks.watermark.content_id
        if carried != str(content_id) and (carried or self._carries(picture)):
            failed.append("watermark")
        return Marked(produced, digest(produced), marks, tuple(failed))

    def _read(self, picture: Picture, *, thorough: bool) -> Reading:
        metadata = _metadata(picture)
        watermark = self._watermark(picture, thorough=thorough)
        ids = dict.fromkeys(i for i in (watermark.content_id, *self._named(metadata.aigc or {})) if i)
        return Reading(
            Marks(_visible(picture, thorough=thorough), metadata, watermark, _UNSUPPORTED),
            tuple(ids),
        )

    def _watermark(self, picture: Picture, *, thorough: bool) -> MarkReport:
        # Looked for in small pictures, too: they may be cut out of a marked one.
        found = detect(picture.pixels, self.key, thorough=thorough)
        if found.content_id is None:
            return MarkReport("absent" if self._carries(picture) else "waived")
        return MarkReport("valid", content_id=str(found.content_id), false_alarm=found.false_alarm)

    def _named(self, values: Mapping[str, str]) -> Iterator[str]:
        """Yield the content ids that a label gives as ours: a later propagator leaves the producer's in place."""
        for party, number in (("ContentPropagator", "PropagateID"), ("ContentProducer", "ProduceID")):
            if values.get(party) == self.provider.code:
                with suppress(ValueError):  # a number that we gave under another scheme
                    yield str(ContentId.parse(values.get(number, "")))


def _metadata(picture: Picture) -> MarkReport:
    """Return what the metadata says. A label that is there again is a fault; labels that contradict are invalid."""
    found = [aigc.parse(text) for text in labels(picture)]
    if not found:
        return MarkReport("absent")
    first = next((label for label in found if label.values), found[0])
    values, faults = dict(first.values), first.faults
    if len(found) > 1:
        faults = (*faults, "there is more than one label (R-META-5)")
    agree = all(values.get(key, value) == value for label in found for key, value in label.values.items())
    return MarkReport("valid" if values and agree else "invalid", aigc=values, faults=faults)


def _visible(picture: Picture, *, thorough: bool) -> MarkReport:
    """Return what the label says; one that is too small or too faint is no label, and says why."""
    found = find(picture.pixels, thorough=thorough)
    if found is None:
        return MarkReport("absent")
    if not found.valid:
        return MarkReport("absent", text=found.text, faults=tuple(found.reasons))
    return MarkReport("valid", text=found.text, glyph_height=found.glyph_height, contrast=round(found.contrast, 1))
