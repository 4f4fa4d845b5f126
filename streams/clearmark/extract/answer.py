"""What a child said, believed only as far as it can be checked: the file may have taken the child over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from clearmark.extract.picture import Format, Picture
from clearmark.extract.sandbox import PROTECTIONS
from clearmark.extract.sniff import BOMB, MISMATCH, UNREADABLE
from clearmark.screen.admit import Refusal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from clearmark.extract.limits import ExtractLimits

_REFUSALS: Final = (BOMB, MISMATCH, UNREADABLE)
"""What a decoder may say; size, type and time are judged outside."""
_Positive = Annotated[int, Field(ge=1)]
_Table = Annotated[tuple[Annotated[int, Field(ge=0, le=0xFFFF)], ...], Field(min_length=64, max_length=64)]
_Tables = Annotated[tuple[tuple[Annotated[int, Field(ge=0, le=15)], _Table], ...], Field(max_length=16)]


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class _Hello(_Said):
    protections: tuple[str, ...]


class _Refused(_Said):
    code: str
    hold: bool


class Described(_Said):
    """All of a picture but its pixels, in range each for itself."""

    format: Format
    width: _Positive
    height: _Positive
    shape: tuple[_Positive, _Positive, Literal[3, 4]]
    grey: bool
    frames: _Positive
    icc: Base64Bytes | None
    exif: Base64Bytes | None
    xmp: Base64Bytes | None
    texts: tuple[tuple[str, str], ...]
    quantization: _Tables | None
    subsampling: Annotated[int, Field(ge=-1, le=2)]
    lossless: bool
    trimmed: bool

    def picture(self, pixels: NDArray[np.uint8]) -> Picture:
        """Return the picture, given its pixels."""
        return Picture(
            pixels,
            self.format,
            self.width,
            self.height,
            grey=self.grey,
            frames=self.frames,
            icc=self.icc,
            exif=self.exif,
            xmp=self.xmp,
            texts=self.texts,
            quantization=None if self.quantization is None else dict(self.quantization),
            subsampling=self.subsampling,
            lossless=self.lossless,
            trimmed=self.trimmed,
        )


def hello(text: bytes) -> frozenset[str]:
    """Return the protections that a child says are active.

    Raises:
        ValueError: it is not of that form.
    """
    return PROTECTIONS.intersection(_Hello.model_validate_json(text).protections)


def refusal(text: bytes) -> Refusal:
    """Return a refusal.

    Raises:
        ValueError: it is not of that form, or none that a decoder gives.
    """
    said = _Refused.model_validate_json(text)
    refused = Refusal(said.code, said.hold)
    if refused not in _REFUSALS:
        raise ValueError("no refusal of a decoder")
    return refused


def describe(text: bytes, declared: Format, longest: int, limits: ExtractLimits) -> Described:
    """Return all of a picture but its pixels.

    Raises:
        ValueError: it is not of that form, or not what was asked for, or beyond the limits.
    """
    said = Described.model_validate_json(text)
    upright = (said.height, said.width)
    shown = said.shape[:2]
    wanted = max(upright) if not longest else min(longest, max(upright))
    metadata = sum(len(block) for block in (said.icc, said.exif, said.xmp) if block is not None)
    metadata += sum(len(key.encode()) + len(value.encode()) for key, value in said.texts)
    if (
        said.format != declared
        or limits.forbid(said.width, said.height)
        or said.frames > limits.frames
        or metadata > limits.metadata_bytes
        or max(shown) != wanted
        or (wanted == max(upright) and shown != upright)
        or any(side > whole for side, whole in zip(shown, upright, strict=True))
    ):
        raise ValueError("a picture that was not asked for")
    return said
