"""A decoded picture: what the sandboxed child hands back to the stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Format = Literal["PNG", "JPEG", "WEBP", "GIF"]


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, upright (EXIF orientation applied), 8 bits a channel.

    Attributes:
        pixels: ``[height, width, 3]`` RGB, or ``[height, width, 4]`` RGBA where the file has transparency.
        format: of the file.
        width: of the upright original, in pixels; ``pixels`` may be smaller where a thumbnail was asked for.
        height: as ``width``.
        grey: whether the file holds luminance only.
        frames: how many frames the file has; ``pixels`` is the first.
        icc: the ICC profile of ``pixels`` (dropped where the colours were converted, as from CMYK).
        exif: the EXIF block as in the file.
        xmp: the XMP packet as in the file.
        texts: PNG text chunks, keyword and text, without XMP.
        quantization: a JPEG's tables by number, 64 values each, row by row, as Pillow reads and takes them.
        subsampling: a JPEG's chroma subsampling as Pillow numbers it (0, 1, 2), or -1.
        lossless: whether a WebP is lossless.
        trimmed: whether metadata was left out because it is larger than what is kept.
    """

    pixels: NDArray[np.uint8]
    format: Format
    width: int
    height: int
    grey: bool = False
    frames: int = 1
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()
    quantization: dict[int, tuple[int, ...]] | None = None
    subsampling: int = -1
    lossless: bool = False
    trimmed: bool = False
