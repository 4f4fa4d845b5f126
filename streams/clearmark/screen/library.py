"""The feature library: the packaged words, and the words and pictures that operators keep on `features` (R-DS-10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearmark.errors import Stop
from clearmark.screen.match import Level, Word, WordList, packaged
from clearmark.screen.pdq import Pdq, PdqIndex, pdq

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from clearmark.schemas.events import Feature


class Library:
    """What is looked for.

    Args:
        base: words that are always looked for.
        features: the operator's entries in use.
    """

    def __init__(self, base: Sequence[Word] | None = None, features: Iterable[Feature] = ()) -> None:
        self._base = tuple(packaged() if base is None else base)
        self.refresh(features)

    def refresh(self, features: Iterable[Feature]) -> None:
        """Look for these from now on, and no longer for those before.

        Raises:
            Stop: a picture's entry holds no hash: what should be found would not be.
        """
        words, pictures = list(self._base), []
        for feature in features:
            if feature.kind == "word":
                words.append(Word(feature.value, feature.category, Level(feature.level)))
            else:
                pictures.append((_hash(feature), feature.distance or 0, feature))
        self._words, self._pictures = WordList(words), PdqIndex(pictures)

    def find_words(self, normalised: str) -> list[Word]:
        """Return each word that occurs, once."""
        return self._words.find(normalised)

    def find_pictures(self, pixels: NDArray[np.uint8]) -> list[Feature]:
        """Return the known pictures that this one is, the closest first."""
        if not len(self._pictures):
            return []
        return self._pictures.find(*pdq(pixels))


def _hash(feature: Feature) -> Pdq:
    try:
        return Pdq.parse(feature.value)
    except ValueError:
        remedy = f"clearmark features remove {feature.id}"
        raise Stop(f"the feature library's entry {feature.id} is no picture hash", remedy=remedy) from None
