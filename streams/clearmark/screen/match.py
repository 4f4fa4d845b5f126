"""The word list: exact matches in the normalised text, all words in one pass (Aho and Corasick, 1975)."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import ahocorasick

from clearmark.errors import Stop
from clearmark.screen.normalise import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable

PACKAGED: Final = Path(__file__).with_name("words.csv")


class Level(StrEnum):
    """What a match leads to."""

    HOLD = "hold"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Word:
    """One entry. ``category`` is an R-TAX-1 code."""

    text: str
    category: str
    level: Level


class WordList:
    """Finds the entries that a text contains. Words of Latin letters match whole words only."""

    def __init__(self, words: Iterable[Word]) -> None:
        self._automaton = ahocorasick.Automaton()
        for word in words:
            key = " ".join(normalise(word.text).split())
            known = self._automaton.get(key, None) if key else None
            # A word given twice leads to the stricter of the two: an operator's entry cannot soften a packaged one.
            if key and (known is None or (known.level, word.level) == (Level.HOLD, Level.BLOCK)):
                self._automaton.add_word(key, word)
        self._automaton.make_automaton()

    def find(self, normalised: str) -> list[Word]:
        """Return each entry that occurs, once."""
        text = " ".join(normalised.split())
        found: dict[str, Word] = {}
        if not len(self._automaton):
            return []
        for end, word in self._automaton.iter(text):
            start = end + 1 - len(" ".join(normalise(word.text).split()))
            if not (_joins(text, start - 1, start) or _joins(text, end, end + 1)):
                found[word.text] = word
        return list(found.values())


def packaged(path: Path = PACKAGED) -> list[Word]:
    """Return the words of a CSV file with the columns word, category, level.

    Raises:
        Stop: a line is not of that form.
    """
    words = []
    for number, row in enumerate(csv.DictReader(io.StringIO(path.read_text("utf-8"))), 2):
        try:
            words.append(Word(row["word"], row["category"], Level(row["level"])))
        except (KeyError, ValueError) as error:
            remedy = "a line is word,category,hold|block"
            raise Stop(f"{path}:{number}: {type(error).__name__} {error}", remedy=remedy) from None
    return words


def _joins(text: str, left: int, right: int) -> bool:
    """Return whether two neighbours are letters or digits of one Latin word."""
    if left < 0 or right >= len(text):
        return False
    return all(text[i].isalnum() and ord(text[i]) < 0x250 for i in (left, right))  # noqa: PLR2004 - end of Latin
