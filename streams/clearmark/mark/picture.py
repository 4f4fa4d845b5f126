"""Mark a picture: label, then watermark, then metadata (R-MULTI-1); then read all three from the produced bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

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
    import numpy as np
    from numpy.typing import NDArray

    from clearmark.extract.picture import Picture
    from clearmark.extract.pool import Extractor
    from clearmark.ids import ContentId
    from clearmark.mark.metadata.provider import Provider
    from clearmark.schemas.events import MarkState
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
        others = [aigc.parse(text) for text in labels(picture)]
        if others:
            return aigc.propagated(others[0], self.provider.code, content_id)
        return aigc.first(self.provider.code, content_id)

    def _checked(self, produced: bytes, content_type: str, content_id: ContentId, said: aigc.Aigc) -> Marked | Refusal:
        """Open the produced bytes again and name each mark that cannot be read from them."""
        picture = self.extractor.open(produced, content_type)
        if isinstance(picture, Refusal):
            return Refusal("mark-failed", hold=True)
        reading = self._read(picture, thorough=False)
        marks, failed = reading.marks, []
        if marks.label.state != "valid":
            failed.append("label")
        if marks.metadata.state != "valid" or marks.metadata.aigc != said.values():
            failed.append("metadata")
        wanted = str(content_id) if self._carries(picture) else None
        if marks.watermark.content_id != wanted:
            failed.append("watermark")
        return Marked(produced, digest(produced), marks, tuple(failed))

    def _read(self, picture: Picture, *, thorough: bool) -> Reading:
        metadata, named = self._metadata(picture)
        watermark = self._watermark(picture, thorough=thorough)
        ids = dict.fromkeys(i for i in (watermark.content_id, named) if i)
        return Reading(
            Marks(_visible(picture, thorough=thorough), metadata, watermark, _UNSUPPORTED),
            tuple(ids),
        )

    def _watermark(self, picture: Picture, *, thorough: bool) -> MarkReport:
        if min(picture.width, picture.height) < SMALLEST:
            return MarkReport("waived")
        found = detect(picture.pixels, self.key, thorough=thorough)
        if found.content_id is None:
            return MarkReport("absent" if self._carries(picture) else "waived")
        return MarkReport("valid", content_id=str(found.content_id), false_alarm=found.false_alarm)

    def _metadata(self, picture: Picture) -> tuple[MarkReport, str | None]:
        """Return what the metadata says, and the content id that it names as ours, if it does."""
        found = [aigc.parse(text) for text in labels(picture)]
        if not found:
            return MarkReport("absent"), None
        reading = found[0]
        faults = reading.faults
        if len(found) > 1:
            faults = (*faults, "there is more than one label (R-META-5)")
        state: MarkState = "invalid" if len(found) > 1 or not reading.values else "valid"
        ours = reading.values.get("ContentPropagator") == self.provider.code
        named = reading.values.get("PropagateID") if ours else None
        return MarkReport(state, aigc=dict(reading.values), faults=faults), named or None


def _visible(picture: Picture, *, thorough: bool) -> MarkReport:
    """Return what the label says; one that is too small or too faint is no label, and says why."""
    found = find(picture.pixels, thorough=thorough)
    if found is None:
        return MarkReport("absent")
    if not found.valid:
        return MarkReport("absent", text=found.text, faults=tuple(found.reasons))
    return MarkReport("valid", text=found.text, glyph_height=found.glyph_height, contrast=round(found.contrast, 1))
