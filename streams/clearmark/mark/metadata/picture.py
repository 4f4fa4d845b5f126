"""The labels that a picture's file carries, wherever producers put them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clearmark.mark.metadata import aigc, exif, xmp

if TYPE_CHECKING:
    from clearmark.extract.picture import Picture

_COPIES: Final = ("Raw profile type exif", "Raw profile type APP1", "Raw profile type xmp", "XML:com.adobe.xmp", "xmp")
"""Keywords of PNG texts that hold the EXIF block or the XMP packet once more."""


def labels(picture: Picture) -> tuple[str, ...]:
    """Return the text of every label, that of the XMP packet first; more than one breaks R-META-5."""
    found = xmp.read(picture.xmp) if picture.xmp else ()
    found += exif.read(picture.exif) if picture.exif else ()
    found += tuple(text for keyword, text in picture.texts if is_label(keyword, text))
    return tuple(dict.fromkeys(found))


def is_label(keyword: str, text: str) -> bool:
    """Return whether a PNG text is a label: by its keyword, or, as under ``Comment``, by what it holds (R-F-PNG)."""
    return keyword.strip().upper() == aigc.KEYWORD or aigc.is_label(text)


def kept_texts(picture: Picture) -> tuple[tuple[str, str], ...]:
    """Return the PNG texts that a marked picture keeps: not the labels, and no second copy of EXIF and its location."""
    return tuple((k, t) for k, t in picture.texts if not is_label(k, t) and k not in _COPIES)
