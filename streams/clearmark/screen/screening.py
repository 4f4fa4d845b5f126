"""Screening without Kafka: admit, extract, match, classify, decide, for many artifacts at once.

The stage and `clearmark scan` use it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from clearmark.errors import Retry, Stop
from clearmark.mark import code
from clearmark.screen.admit import IMAGE_TYPES, TEXT_TYPES, Refusal, admit
from clearmark.screen.decide import Judgement, Verdict, decide
from clearmark.screen.normalise import normalise
from clearmark.screen.picture import LONGEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clearmark.extract.picture import Picture
    from clearmark.extract.pool import Extractor
    from clearmark.models.card import Card
    from clearmark.schemas.events import ModelRef
    from clearmark.screen.decide import Match
    from clearmark.screen.library import Library
    from clearmark.screen.policy import Policy

_UNSUPPORTED: Final = Refusal("unsupported-media", hold=True)


class Model(Protocol):
    """A classifier: one dict of scores, 0 to 1, per item."""

    card: Card
    provider: str

    def scores(self, items: Sequence[Any], /) -> list[dict[str, float]]:
        """Return each item's scores by output name."""
        ...


@dataclass(frozen=True, slots=True)
class Submission:
    """What is screened: bytes with the type their publisher declared."""

    content_type: str
    charset: str | None
    data: bytes


class Screening:
    """Judges submissions.

    Args:
        policy: thresholds and limits.
        library: words and pictures to look for.
        text_model: classifies texts.
        image_model: classifies pictures.
        extractor: decodes pictures.
        watermark_key: authenticates our own invisible code, which is no evasion and is looked through.
    """

    def __init__(
        self,
        policy: Policy,
        library: Library,
        text_model: Model,
        image_model: Model,
        extractor: Extractor,
        watermark_key: bytes,
    ) -> None:
        self.policy, self.library = policy, library
        self._text_model, self._image_model = text_model, image_model
        self.extractor, self._key = extractor, watermark_key
        self.models_in_use = (text_model, image_model)
        self._cards = {model.card.name: model.card for model in self.models_in_use}
        self._speaks_for = {name: card.speaks_for for name, card in self._cards.items()}

    def judge(self, submissions: Sequence[Submission]) -> list[Judgement]:
        """Return one judgement per submission; texts, and pictures, are classified together.

        Raises:
            Retry, Stop: a classifier or the sandbox cannot be used at all.
        """
        admitted = self._admit(submissions)
        judged: dict[int, Judgement] = {}
        texts = {i: a for i, a in enumerate(admitted) if isinstance(a, str)}
        for (i, text), scores in zip(texts.items(), _scores(self._text_model, list(texts.values())), strict=True):
            judged[i] = self._decide(self.library.find_words(text), self._text_model, scores)
        pictures = {i: a for i, a in enumerate(admitted) if not isinstance(a, str | Refusal)}
        seen = [picture.pixels for picture in pictures.values()]
        for (i, picture), scores in zip(pictures.items(), _scores(self._image_model, seen), strict=True):
            judged[i] = _one_frame(
                picture, self._decide(self.library.find_pictures(picture.pixels), self._image_model, scores)
            )
        for i, refusal in enumerate(admitted):
            if isinstance(refusal, Refusal):
                judged[i] = Judgement(Verdict.HOLD if refusal.hold else Verdict.BLOCK, (refusal.code,))
        return [judged[i] for i in range(len(submissions))]

    def models(self, judgement: Judgement) -> tuple[ModelRef, ...]:
        """Return the models that a judgement rests on."""
        return tuple(self._cards[name].ref for name in judgement.detectors)

    def _admit(self, submissions: Sequence[Submission]) -> list[str | Picture | Refusal]:
        """Return what is to be judged: a text in its one form, a picture in small, or why neither."""
        pictures = [s for s in submissions if s.content_type in IMAGE_TYPES]
        seen = iter(self.extractor.thumbnails([(s.data, s.content_type) for s in pictures], LONGEST))
        return [next(seen) if s.content_type in IMAGE_TYPES else self._text(s) for s in submissions]

    def _text(self, s: Submission) -> str | Refusal:
        if s.content_type not in TEXT_TYPES:
            return _UNSUPPORTED
        admitted = admit(s.charset, s.data, self.policy.limits)
        return admitted if isinstance(admitted, Refusal) else normalise(code.strip(admitted, self._key))

    def _decide(self, matches: Sequence[Match], model: Model, scores: dict[str, float] | None) -> Judgement:
        if scores is not None:
            return decide(self.policy, matches, {model.card.name: scores}, self._speaks_for)
        # What is known to be prohibited stays so, whatever a model would have said.
        known = decide(self.policy, matches, {}, self._speaks_for)
        if known.verdict is Verdict.BLOCK:
            return known
        return replace(known, verdict=Verdict.HOLD, codes=("detector-failed", *known.codes))


def _one_frame(picture: Picture, judgement: Judgement) -> Judgement:
    """Hold what would pass unseen: the other frames of an animation, and a format that cannot be marked."""
    if judgement.verdict is Verdict.ALLOW and (picture.frames > 1 or picture.format == "GIF"):
        return replace(judgement, verdict=Verdict.HOLD, codes=("unsupported-media",))
    return judgement


def _scores(model: Model, items: Sequence[Any]) -> list[dict[str, float] | None]:
    """Return scores; None for an item on which the model itself fails: a person must look."""
    if not items:
        return []
    try:
        # A score that is missing or no number would pass every threshold.
        return [
            found if {*found} == {*model.card.outputs} and all(map(math.isfinite, found.values())) else None
            for found in model.scores(items)
        ]
    except (Retry, Stop, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - unknown by definition: it ends in a hold, decided on the one item below
        if len(items) == 1:
            return [None]
        middle = len(items) // 2
        return [*_scores(model, items[:middle]), *_scores(model, items[middle:])]
