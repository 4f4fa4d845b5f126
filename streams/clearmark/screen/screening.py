"""Screening without Kafka: admit, match, classify, decide, for many artifacts at once. The stage and `scan` use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from clearmark.errors import Retry, Stop
from clearmark.mark import code
from clearmark.screen.admit import Refusal, admit
from clearmark.screen.decide import Judgement, Verdict, decide
from clearmark.screen.normalise import normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clearmark.models.text import TextModel
    from clearmark.screen.match import WordList
    from clearmark.screen.policy import Policy

_FAILED: Final = Judgement(Verdict.HOLD, ("detector-failed",))


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
        words: the word list.
        model: the text classifier.
        watermark_key: authenticates our own invisible code, which is no evasion and is looked through.
    """

    def __init__(self, policy: Policy, words: WordList, model: TextModel, watermark_key: bytes) -> None:
        self.policy, self.model = policy, model
        self._words, self._key = words, watermark_key
        self._speaks_for = {model.card.name: model.card.speaks_for}

    def judge(self, submissions: Sequence[Submission]) -> list[Judgement]:
        """Return one judgement per submission; the texts among them are classified in one call.

        Raises:
            Retry, Stop: the classifier cannot be used at all.
        """
        judgements: list[Judgement | None] = []
        texts: list[str] = []
        for s in submissions:
            admitted = admit(s.content_type, s.charset, s.data, self.policy.limits)
            if isinstance(admitted, Refusal):
                verdict = Verdict.HOLD if admitted.hold else Verdict.BLOCK
                judgements.append(Judgement(verdict, (admitted.code,)))
            else:
                judgements.append(None)
                texts.append(normalise(code.strip(admitted, self._key)))
        decided = iter([self._decide(t, s) for t, s in zip(texts, self._classify(texts), strict=True)])
        return [j if j is not None else next(decided) for j in judgements]

    def _decide(self, text: str, scores: dict[str, float] | None) -> Judgement:
        if scores is None:
            return _FAILED
        return decide(self.policy, self._words.find(text), {self.model.card.name: scores}, self._speaks_for)

    def _classify(self, texts: Sequence[str]) -> list[dict[str, float] | None]:
        """Return scores; None for a text on which the model itself fails: a person must look."""
        try:
            return list(self.model.scores(texts))
        except (Retry, Stop, MemoryError):
            raise
        except Exception:  # noqa: BLE001 - unknown by definition: it ends in a hold, decided on the one text below
            if len(texts) <= 1:
                return [None] * len(texts)
            middle = len(texts) // 2
            return [*self._classify(texts[:middle]), *self._classify(texts[middle:])]
