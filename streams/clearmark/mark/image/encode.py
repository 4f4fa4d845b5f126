"""Write a picture's file again: the same format, near its own quality, with its profile and the metadata given.

The same input gives the same bytes. Measured on 512 px photographs, one core: JPEG 2 ms; PNG level 3 takes half the
time of level 6 for 8 % more bytes; WebP method 2 takes 60 % of the time of method 4 for 2 % more, and lossless WebP
method 0 a quarter of the time of method 4 for 10 % more.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from clearmark.mark.metadata.picture import kept_texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clearmark.extract.picture import Format, Picture

FORMATS: Final[tuple[Format, ...]] = ("PNG", "JPEG", "WEBP")
"""What can be written. A picture in another format, or with more than one frame, has to be held."""

_QUALITY: Final = 90
"""Of a JPEG that tells no tables, and of a lossy WebP, which does not tell its quality."""
_LOWEST: Final = 50
"""Marks must survive: tables that are coarser than those of this quality give way to them."""
_LOWEST_MEAN: Final = 57.625
"""Mean of the luminance table of quality 50 (ITU-T T.81, table K.1)."""
_STEPS: Final = range(1, 256)
"""What a baseline JPEG's tables hold."""
_COLOURS: Final = 3


def encode(pixels: NDArray[np.uint8], picture: Picture, xmp: bytes, exif: bytes | None) -> bytes:
    """Return the file.

    Args:
        pixels: ``[height, width, 3]`` RGB or ``[height, width, 4]`` RGBA: marked.
        picture: what the file was; gives format, quality, profile and texts.
        xmp: the packet with the label.
        exif: the block that goes along.

    Raises:
        ValueError: the format is none of `FORMATS`, or the picture has more than one frame.
    """
    if picture.format not in FORMATS or picture.frames != 1:
        raise ValueError(f"cannot write {picture.frames} frames of {picture.format}")
    common = {name: value for name, value in (("icc_profile", picture.icc), ("exif", exif)) if value}
    stream = io.BytesIO()
    if picture.format == "PNG":
        info = _texts(picture, xmp)
        _image(pixels, picture).save(stream, "PNG", compress_level=3, pnginfo=info, **common)
    elif picture.format == "JPEG":
        image = _image(pixels[..., :_COLOURS], picture)
        image.save(stream, "JPEG", xmp=xmp, **_jpeg_quality(picture, image.mode), **common)
    else:
        quality: dict[str, Any] = {"quality": _QUALITY, "method": 2}
        if picture.lossless:
            quality = {"lossless": True, "exact": True, "quality": 50, "method": 0}
        Image.fromarray(pixels).save(stream, "WEBP", xmp=xmp, **quality, **common)
    return stream.getvalue()


def _image(pixels: NDArray[np.uint8], picture: Picture) -> Image.Image:
    """Return the picture; a grey one as luminance, if its marks left it grey."""
    colours = pixels[..., :_COLOURS]
    if not picture.grey or (colours != colours[..., :1]).any():
        return Image.fromarray(pixels)
    if pixels.shape[2] == _COLOURS:
        return Image.fromarray(np.ascontiguousarray(pixels[..., 0]))
    return Image.fromarray(np.ascontiguousarray(pixels[..., [0, 3]]), "LA")


def _texts(picture: Picture, xmp: bytes) -> PngInfo:
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp)
    for keyword, text in kept_texts(picture):
        info.add_text(keyword, text)
    return info


def _jpeg_quality(picture: Picture, mode: str) -> dict[str, Any]:
    """Return Pillow's settings for a JPEG's own tables and subsampling."""
    tables = [table for _, table in sorted((picture.quantization or {}).items())][: 1 if mode == "L" else _COLOURS]
    settings: dict[str, Any] = {"quality": _QUALITY}
    if tables:
        coarse = sum(tables[0]) / len(tables[0]) > _LOWEST_MEAN or not all(v in _STEPS for t in tables for v in t)
        settings = {"quality": _LOWEST} if coarse else {"qtables": tables}
    if mode != "L":  # where the source's is none of Pillow's, the finest: nothing is lost twice
        settings["subsampling"] = max(picture.subsampling, 0)
    return settings
