"""The NSFW model: pornographic pictures, by Yahoo's Open NSFW network.

The network expects pictures prepared as those it learned from: shrunk to 256 x 256 with an antialiasing tent filter,
saved as JPEG and read again, the middle 224 x 224 cut out, in the order blue, green, red, less a mean colour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import cv2
import numpy as np
from PIL import Image

from clearmark.models.card import FOLDER, Card, load
from clearmark.models.session import open_session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

BATCH: Final = 8
"""Pictures judged at a time: on a CPU more of them cost memory and save no time."""
_SIDE: Final = 256
_MIDDLE: Final = slice(16, 240)
_MEAN: Final = np.array([104, 117, 123], np.float32)
_JPEG_QUALITY: Final = 75
_OPAQUE: Final = 255
_RGBA: Final = 4


class NsfwModel:
    """Scores pictures.

    Args:
        card: the model's card.
        weights: the ONNX file's bytes.
        batch: pictures judged at a time.

    Attributes:
        card: as given.
        provider: where it runs, such as ``CPUExecutionProvider``.
    """

    def __init__(self, card: Card, weights: bytes, batch: int = BATCH) -> None:
        self.card = card
        self._session, self.provider = open_session(weights)
        self._batch = batch

    @classmethod
    def open(cls, card: Path = FOLDER / "nsfw.toml", batch: int = BATCH) -> Self:
        """Load a model by its card.

        Raises:
            Stop: the card or the weights cannot be used.
        """
        return cls(*load(card), batch)

    def scores(self, pictures: Sequence[NDArray[np.uint8]]) -> list[dict[str, float]]:
        """Return each picture's score by output name, 0 to 1.

        Args:
            pictures: each ``[height, width, 3]`` RGB or ``[height, width, 4]`` RGBA, of any size. Of a transparent one
                the worse of its two views counts: content can be hidden from who looks at it over one background.
        """
        seen = [views(picture) for picture in pictures]
        if not seen:
            return []
        flat = [view for one in seen for view in one]
        found = np.concatenate([self._run(flat[i : i + self._batch]) for i in range(0, len(flat), self._batch)])
        begins = np.cumsum([0, *map(len, seen[:-1])])
        return [{self.card.outputs[0]: round(float(s), 4)} for s in np.maximum.reduceat(found, begins)]

    def _run(self, seen: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return ``[n]``."""
        (found,) = self._session.run(None, {"input_0": prepare(seen)})
        return np.asarray(found, np.float32)[:, 1]


def views(picture: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return ``[height, width, 3]`` as seen: once, or where it is transparent over black and over white."""
    colours = picture[:, :, :3]
    if picture.shape[2] < _RGBA or picture[:, :, 3].min() == _OPAQUE:
        return [colours]
    opacity = cv2.cvtColor(np.ascontiguousarray(picture[:, :, 3]), cv2.COLOR_GRAY2RGB)
    over_black = np.asarray(cv2.multiply(np.ascontiguousarray(colours), opacity, scale=1 / _OPAQUE), np.uint8)
    return [over_black, np.asarray(over_black + (_OPAQUE - opacity), np.uint8)]


def prepare(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Return ``[n, 224, 224, 3]``, what the network takes, from ``[height, width, 3]`` RGB pictures."""
    prepared = np.empty((len(pictures), 224, 224, 3), np.float32)
    for place, picture in zip(prepared, pictures, strict=True):
        # Pillow's, for cv2 has no tent filter that antialiases: its filters move scores by up to 0.04.
        small = np.asarray(Image.fromarray(picture).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR))
        blue_first = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
        _, jpeg = cv2.imencode(".jpg", blue_first, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        place[:] = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR))[_MIDDLE, _MIDDLE]
    prepared -= _MEAN
    return prepared
