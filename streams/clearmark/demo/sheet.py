"""A contact sheet: the marked pictures side by side, each with its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from clearmark.mark.image.glyphs import FONT
from clearmark.screen.admit import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from clearmark.extract.pool import Extractor

_CELL: Final = 320
_GAP: Final = 16
_CAPTION: Final = 28
_ACROSS: Final = 4
_PAPER, _INK = (246, 246, 244), (40, 40, 40)


def contact_sheet(pictures: Sequence[tuple[str, bytes, str]], extractor: Extractor, file: Path) -> int:
    """Write the sheet as PNG; return how many pictures are on it.

    Args:
        pictures: each a name, the file's bytes and its media type.
        extractor: decodes them.
        file: where the sheet goes.
    """
    seen = [(name, extractor.thumbnail(data, kind, _CELL)) for name, data, kind in pictures]
    shown = [(name, picture) for name, picture in seen if not isinstance(picture, Refusal)]
    down = -(-len(shown) // _ACROSS)
    width, step = _GAP + _ACROSS * (_CELL + _GAP), _CELL + _CAPTION + _GAP
    sheet = Image.new("RGB", (width, _GAP + max(1, down) * step), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.truetype(str(FONT), 15)
    for i, (name, picture) in enumerate(shown):
        left, top = _GAP + i % _ACROSS * (_CELL + _GAP), _GAP + i // _ACROSS * step
        image = Image.fromarray(np.ascontiguousarray(picture.pixels[:, :, :3]))
        sheet.paste(image, (left + (_CELL - image.width) // 2, top + (_CELL - image.height) // 2))
        draw.text((left, top + _CELL + 5), name.replace("_", " "), fill=_INK, font=font)
    file.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(file)
    return len(shown)
