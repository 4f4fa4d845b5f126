"""The metadata of an opened picture, as it stands in the file and no more than a limit of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PIL.JpegImagePlugin import JpegImageFile, get_sampling
from PIL.PngImagePlugin import PngImageFile

from clearmark.extract.orientation import orientation

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_XMP_TEXT: Final = "XML:com.adobe.xmp"
"""Where, row by row, the n-th value of a JPEG's table stands (ITU-T T.81, figure 5)."""
_ICC_SPACE: Final = slice(16, 20)
"""Where an ICC profile's header names its colour space (ICC.1)."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What `clearmark.extract.picture.Picture` says beside pixels, and the EXIF orientation."""

    orientation: int
    icc: bytes | None
    exif: bytes | None
    xmp: bytes | None
    texts: tuple[tuple[str, str], ...]
    quantization: dict[int, tuple[int, ...]] | None
    subsampling: int
    trimmed: bool


def collect(image: ImageFile, most: int) -> Metadata:
    """Return the metadata of a loaded picture; blocks that do not fit into what is kept are left out whole.

    Args:
        image: the picture, loaded.
        most: bytes kept, of all blocks together.
    """
    texts = _texts(image)
    exif = None if "exif" in texts else _block(image, "exif")  # a text of that name is no EXIF block to any viewer
    budget = _Budget(most)
    return Metadata(
        orientation=orientation(exif or b""),
        exif=budget.keep(exif),
        xmp=budget.keep(_block(image, "xmp")),
        icc=budget.keep(_rgb_profile(_block(image, "icc_profile"))),
        texts=tuple((key, text) for key, text in texts.items() if key != _XMP_TEXT and budget.fits(key, text)),
        quantization=_tables(image) if isinstance(image, JpegImageFile) else None,
        subsampling=get_sampling(image),
        trimmed=budget.exceeded,
    )


class _Budget:
    """Keeps what still fits, and remembers whether anything did not."""

    def __init__(self, most: int) -> None:
        self._left = most
        self.exceeded = False

    def keep(self, block: bytes | None) -> bytes | None:
        return block if block is not None and self._take(len(block)) else None

    def fits(self, *texts: str) -> bool:
        return self._take(sum(len(text.encode()) for text in texts))

    def _take(self, size: int) -> bool:
        if size > self._left:
            self.exceeded = True
            return False
        self._left -= size
        return True


def _texts(image: ImageFile) -> dict[str, str]:
    return {str(key): str(text) for key, text in image.text.items()} if isinstance(image, PngImageFile) else {}


def _block(image: ImageFile, name: str) -> bytes | None:
    block = image.info.get(name)
    return block if isinstance(block, bytes) else None


def _rgb_profile(profile: bytes | None) -> bytes | None:
    """Return the profile if it is one of RGB, as the pixels are; a grey or CMYK one no longer fits them."""
    return profile if profile and profile[_ICC_SPACE] == b"RGB " else None


def _tables(image: JpegImageFile) -> dict[int, tuple[int, ...]]:
    """Return the quantization tables row by row, as Pillow reads them and takes them when it writes."""
    return {number: tuple(table) for number, table in image.quantization.items()}
