"""From the bytes of a file to upright 8-bit pixels and metadata. Pure; in production it runs in a sandboxed child.

Pillow opens one format, the one that the first bytes name, never what else it would know.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Final

from PIL import Image
from PIL.MpoImagePlugin import MpoImageFile
from PIL.PngImagePlugin import PngImageFile

from clearmark.extract.metadata import collect
from clearmark.extract.orientation import SIDEWAYS, TURNS
from clearmark.extract.picture import Picture
from clearmark.extract.pixels import flatten, is_grey, raw_mode, to_array
from clearmark.extract.sniff import BOMB, UNREADABLE, sniff
from clearmark.extract.survey import survey
from clearmark.screen.admit import Refusal

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

    from clearmark.extract.limits import ExtractLimits
    from clearmark.extract.picture import Format

    Box = tuple[float, float, float, float]

_BROKEN: Final = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, RuntimeError, AssertionError,
    struct.error, zlib.error,
)  # fmt: skip
"""What Pillow raises on a broken file. Anything else is a fault of ours and ends the child."""
_EXPANDS: Final = ("Decompressed data too large", "Too much memory used", "out of memory")
"""How Pillow's messages begin when compressed metadata grows beyond its bounds."""
_SETTINGS: Final = frozenset({"bbox", "blend", "default_image", "disposal", "interlace", "transparency"})
"""Pillow keeps a PNG's texts where it keeps these settings: such a keyword would change how pixels are read."""
_GAP: Final = 2.0
"""How many times larger than the thumbnail the cheap reduction before the resampling may leave it."""


def decode(data: bytes, content_type: str, limits: ExtractLimits, longest: int = 0) -> Picture | Refusal:
    """Return the picture, or why there is none: never an exception for what the file holds.

    Args:
        data: the file.
        content_type: its declared media type.
        limits: what it may cost. Memory and time are the sandbox's to limit.
        longest: side of a thumbnail, in pixels; 0 for the whole picture. Smaller pictures stay as they are. Each pixel
            of a thumbnail is a mean over all that it covers: with the usual few-tap filters a picture can be made to
            look different when it is shrunk (Xiao et al., USENIX Security 2019).
    """
    kind = sniff(data, content_type, limits)
    if isinstance(kind, Refusal):
        return kind
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _decode(data, kind, limits, longest)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        return BOMB
    except _BROKEN as error:
        return BOMB if str(error).startswith(_EXPANDS) else UNREADABLE


def _decode(data: bytes, kind: Format, limits: ExtractLimits, longest: int) -> Picture | Refusal:
    container = survey(kind, data, limits.frames)
    if container is None:
        return UNREADABLE
    if limits.forbid(*container.size):
        return BOMB
    image = Image.open(BytesIO(data), formats=(kind,))
    size = image.size
    if limits.forbid(*size):
        return BOMB
    if kind == "PNG" and any(tile.extents != (0, 0, *size) for tile in image.tile):
        return UNREADABLE  # an animation frame's place is claimed for the whole picture
    raw, fit = raw_mode(image), _fit(size, longest)
    box = _draft(image, fit) if fit != size else None
    image.load()
    if isinstance(image, PngImageFile) and not _SETTINGS.isdisjoint(image.text):
        return UNREADABLE
    flat, grey, pages = flatten(image, raw, data), is_grey(image, raw), _pages(image)
    meta = collect(image, limits.metadata_bytes)
    del image  # and with it the decoder, which may hold the canvas twice more
    if flat.size != fit:
        flat = flat.resize(fit, Image.Resampling.BILINEAR, box, reducing_gap=_GAP)
    turn = TURNS.get(meta.orientation)
    width, height = size[::-1] if turn in SIDEWAYS else size
    return Picture(
        to_array(flat if turn is None else flat.transpose(turn)),
        kind,
        width,
        height,
        grey=grey,
        frames=min(pages or container.frames, limits.frames),
        icc=meta.icc,
        exif=meta.exif,
        xmp=meta.xmp,
        texts=meta.texts,
        quantization=meta.quantization,
        subsampling=meta.subsampling,
        lossless=container.lossless,
        trimmed=meta.trimmed,
    )


def _fit(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Return the size of the thumbnail: sides in proportion, none above the longest allowed, none below 1."""
    scale = longest / max(size) if 0 < longest < max(size) else 1.0
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _draft(image: ImageFile, fit: tuple[int, int]) -> Box | None:
    """Let a JPEG's decoder shrink, as far as is cheap, and return the part of its result that the picture fills."""
    drafted = image.draft(None, (int(fit[0] * _GAP), int(fit[1] * _GAP)))
    return drafted[1] if drafted else None


def _pages(image: ImageFile) -> int:
    """Return how many pictures a multi-picture JPEG says it has; 0 for any other."""
    return image.n_frames if isinstance(image, MpoImageFile) else 0
