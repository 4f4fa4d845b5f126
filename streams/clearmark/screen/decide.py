"""From words and scores to a verdict, by the policy. Pure: the same evidence gives the same verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from clearmark.screen.match import Level

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clearmark.screen.match import Word
    from clearmark.screen.policy import Policy


class Verdict(StrEnum):
    """What screening says."""

    ALLOW = "allow"
    HOLD = "hold"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with its reason codes and the evidence it rests on.

    Attributes:
        categories: the strongest evidence by category, 0 to 1; a word counts 1.
        detectors: scores by detector and output.
    """

    verdict: Verdict
    codes: tuple[str, ...] = ()
    categories: Mapping[str, float] = field(default_factory=dict)
    detectors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def decide(
    policy: Policy,
    words: Sequence[Word],
    detectors: Mapping[str, Mapping[str, float]],
    speaks_for: Mapping[str, Mapping[str, str]],
) -> Judgement:
    """Return the judgement of one text.

    Args:
        policy: thresholds by category.
        words: entries of the word list that occur.
        detectors: scores by detector and output.
        speaks_for: by detector, the category that each output speaks for.
    """
    categories: dict[str, float] = {}
    for detector, scores in detectors.items():
        for output, score in scores.items():
            code = speaks_for[detector][output]
            categories[code] = max(score, categories.get(code, 0.0))
    blocked, held = [], []
    for code, score in categories.items():
        threshold = policy.thresholds.get(code)
        if threshold and threshold.block is not None and score >= threshold.block:
            blocked.append(code)
        elif threshold and threshold.hold is not None and score >= threshold.hold:
            held.append(code)
    for word in words:
        categories[word.category] = 1.0
        (blocked if word.level is Level.BLOCK else held).append(word.category)
    evidence = (categories, detectors)
    if blocked:
        return Judgement(Verdict.BLOCK, tuple(dict.fromkeys([*blocked, *held])), *evidence)
    return Judgement(Verdict.HOLD if held else Verdict.ALLOW, tuple(dict.fromkeys(held)), *evidence)
