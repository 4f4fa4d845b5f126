"""What marking gives, and what reading marks gives, whatever the medium."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clearmark.schemas.events import Marks


@dataclass(frozen=True, slots=True)
class Marked:
    """The produced bytes, their digest, and what was read back from them. ``failed`` names marks that are not there."""

    data: bytes
    sha256: str
    marks: Marks
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What an artifact's marks say. ``content_ids`` are all that were found, each once; more than one contradict."""

    marks: Marks
    content_ids: tuple[str, ...]

    @property
    def consistent(self) -> bool:
        """Whether no mark is damaged and none contradicts another."""
        states = (self.marks.label.state, self.marks.metadata.state, self.marks.watermark.state)
        return len(self.content_ids) <= 1 and "invalid" not in states


def digest(data: bytes) -> str:
    """Return the SHA-256 of a file's bytes in hex."""
    return hashlib.sha256(data).hexdigest()
