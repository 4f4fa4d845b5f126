"""One form of a text for matching and classifying: what looks alike compares alike."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_FORMAT: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Characters that draw nothing (default ignorable), with which a word can be hidden from a matcher."""


def normalise(text: str) -> str:
    """Return the text in NFKC (full-width becomes ASCII), without invisible characters, case folded."""
    return _FORMAT.sub("", unicodedata.normalize("NFKC", _FORMAT.sub("", text))).casefold()
