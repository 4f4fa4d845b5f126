"""From words and scores to a verdict, by the policy. Pure: the same evidence gives the same verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from clearmark.screen.match import Level

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clearmark.screen.policy import Policy


class Match(Protocol):
    """An entry of the feature library that was found: its category (R-TAX-1) and what it leads to."""

    @property
    def category(self) -> str:
        """A code of R-TAX-1."""
        ...

    @property
    def level(self) -> str:
        """``hold`` or ``block``."""
        ...


class Verdict(StrEnum):
    """What screening says."""

    ALLOW = "allow"
    HOLD = "hold"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with its reason codes and the evidence it rests on.

    Attributes:
        categories: the strongest evidence by category, 0 to 1; a word or a known picture counts 1.
        detectors: scores by detector and output.
    """

    verdict: Verdict
    codes: tuple[str, ...] = ()
    categories: Mapping[str, float] = field(default_factory=dict)
    detectors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def decide(
    policy: Policy,
    matches: Sequence[Match],
    detectors: Mapping[str, Mapping[str, float]],
    speaks_for: Mapping[str, Mapping[str, str]],
) -> Judgement:
    """Return the judgement of one artifact.

    Args:
        policy: thresholds by category.
        matches: entries of the feature library that were found.
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
    for match in matches:
        categories[match.category] = 1.0
        (blocked if match.level == Level.BLOCK else held).append(match.category)
    evidence = (categories, detectors)
    if blocked:
        return Judgement(Verdict.BLOCK, tuple(dict.fromkeys([*blocked, *held])), *evidence)
    return Judgement(Verdict.HOLD if held else Verdict.ALLOW, tuple(dict.fromkeys(held)), *evidence)
