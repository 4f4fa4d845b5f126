"""Mark artifacts and read their marks, each medium in its way: the stage and the offline commands use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearmark.mark.picture import PictureMarker
from clearmark.mark.read import read
from clearmark.mark.text import mark
from clearmark.screen.admit import IMAGE_TYPES, TEXT_TYPES, Refusal

if TYPE_CHECKING:
    from clearmark.extract.pool import Extractor
    from clearmark.ids import ContentId
    from clearmark.mark.marked import Marked, Reading
    from clearmark.mark.metadata.provider import Provider
    from clearmark.screen.policy import MarkRequirements


class Marker:
    """Knows the media.

    Args:
        required: marks by medium.
        key: authenticates invisible marks.
        provider: whose name or code metadata bears.
        extractor: decodes pictures.
    """

    def __init__(self, required: MarkRequirements, key: bytes, provider: Provider, extractor: Extractor) -> None:
        self._required, self._key, self.extractor = required, key, extractor
        self._pictures = PictureMarker(key, provider, required.image, extractor)

    def mark(self, data: bytes, content_type: str, content_id: ContentId) -> Marked | Refusal:
        """Return the artifact with its marks, or why it cannot be marked.

        Raises:
            Retry: the sandbox cannot be started.
            UnicodeDecodeError: a text is not UTF-8.
        """
        if content_type in TEXT_TYPES:
            return mark(data, content_type, content_id, self._key, self._required.text)
        if content_type in IMAGE_TYPES:
            return self._pictures.mark(data, content_type, content_id)
        return Refusal("unsupported-media", hold=True)

    def read(self, data: bytes, content_type: str) -> Reading | Refusal:
        """Return what an artifact's marks say, or why it cannot be read.

        Raises:
            Retry: the sandbox cannot be started.
            UnicodeDecodeError: a text is not UTF-8.
        """
        if content_type in TEXT_TYPES:
            return read(data.decode("utf-8"), content_type, self._key, self._required.text.watermark_characters)
        if content_type in IMAGE_TYPES:
            return self._pictures.read(data, content_type)
        return Refusal("unsupported-media", hold=True)
