"""The text model: hashed n-grams, weighed by onnxruntime for all texts of a batch at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import numpy as np

from clearmark.models.card import FOLDER, Card, load
from clearmark.models.ngrams import bags
from clearmark.models.session import open_session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LONGEST: Final = 2000
"""Characters judged at a time: a longer text is judged in parts, and its worst part counts."""


class TextModel:
    """Scores texts.

    Args:
        card: the model's card.
        weights: the ONNX file's bytes.

    Attributes:
        card: as given.
        provider: where it runs, such as ``CPUExecutionProvider``.
    """

    def __init__(self, card: Card, weights: bytes) -> None:
        self.card = card
        self._session, self.provider = open_session(weights)

    @classmethod
    def open(cls, card: Path = FOLDER / "text_offense.toml") -> Self:
        """Load a model by its card.

        Raises:
            Stop: the card or the weights cannot be used.
        """
        return cls(*load(card))

    def scores(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Return each text's scores by output name; an empty text scores as the model's prior."""
        parts: list[str] = []
        spans = []
        for text in texts:
            begun = len(parts)
            parts += [text[i : i + LONGEST] for i in range(0, max(1, len(text)), LONGEST)]
            spans.append((begun, len(parts)))
        if not parts:
            return []
        ids, rows, values = bags(parts)
        feeds = {"ids": ids, "rows": rows, "values": values, "count": np.array([len(parts)], np.int64)}
        (found,) = self._session.run(None, feeds)
        scores = np.asarray(found).reshape(-1)
        name = self.card.outputs[0]
        return [{name: round(float(scores[a:b].max()), 4)} for a, b in spans]
