"""Patterns of markup and addresses. All run in linear time: texts are hostile, and may be a megabyte of one sign.

What keeps them linear: a tag ends at the next ``<`` outside quotes (eight are borne within one), words begin where no
word stood before, and lengths are bounded.
"""

from __future__ import annotations

from typing import Final

_QUOTED: Final = "|".join(rf"{q}[^{q}<]*(?:<[^{q}<]*){{0,8}}{q}" for q in "\"'")
INSIDE_TAG: Final = rf"(?:[^<>\"']|{_QUOTED})*"
HTML_TAG: Final = rf"<(?=[A-Za-z/!?]){INSIDE_TAG}>"
COMMENT: Final = r"<!--.*?(?:-->|\Z)"
"""To be used with ``re.DOTALL``."""
ENTITY: Final = r"&[#\w]{1,32};"
ADDRESS: Final = (
    r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{0,31}://[^\s<>。，、；：！？“”‘’（）《》【】]+"
    r"|(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,255}"
)
"""URLs and mail addresses, up to white space or Chinese punctuation."""
