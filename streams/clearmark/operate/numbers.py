"""Numbers by which a person or an organisation is identified (R-DS-9): brought to one form, checked by their own sums.

Errors never quote the number: it is personal data and may end in a log.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Final

METHODS: Final = ("mobile", "resident-id", "uscc", "network-id", "passport")

_MOBILE: Final = re.compile(r"1[3-9]\d{9}")
_RESIDENT: Final = re.compile(r"[1-9]\d{16}[\dX]")
_USCC: Final = re.compile(r"[0-9A-HJ-NP-RTUW-Y]{2}\d{6}[0-9A-HJ-NP-RTUW-Y]{10}")
_USCC_DIGITS: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_PASSPORT: Final = re.compile(r"(?=.*\d)[A-Z0-9]{5,9}")
_NETWORK: Final = re.compile(r"[A-Z0-9_-]{8,64}")
_FIRST_BIRTH: Final = date(1880, 1, 1)


class BadNumber(ValueError):
    """A number that cannot be one of its kind; says why, not which."""


def normalise(method: str, number: str, today: date) -> str:
    """Return a number in its one form: no spaces or dashes, half-width, upper case, without a country code.

    Args:
        method: one of `METHODS`.
        number: as a person writes it.
        today: nobody is born after it.

    Raises:
        BadNumber: it cannot be a number of this kind.
    """
    text = re.sub(r"[\s.·()（）-]", "", unicodedata.normalize("NFKC", number)).upper()
    if method == "mobile":
        text = re.sub(r"^(\+86|0086|86(?=1\d{10}$))", "", text)
        _require(_MOBILE.fullmatch(text), "a mobile number of mainland China has 11 digits and begins with 13 to 19")
    elif method == "resident-id":
        _require(_RESIDENT.fullmatch(text), "a resident ID has 17 digits and a check digit (0 to 9 or X)")
        _require(_resident_sum(text) == 1, "the resident ID's check digit does not fit: look for a typing error")
        _require(_born(text[6:14], today), "the resident ID's date of birth is no possible date")
    elif method == "uscc":
        _require(
            uscc_is_valid(text), "a unified social credit code has 18 characters, and its check character must fit"
        )
    elif method == "passport":
        _require(_PASSPORT.fullmatch(text), "a passport number has 5 to 9 letters and digits, at least one a digit")
    elif method == "network-id":
        text = re.sub(r"\s", "", unicodedata.normalize("NFKC", number)).upper()
        _require(_NETWORK.fullmatch(text), "a network-ID credential has 8 to 64 letters, digits, - or _")
    else:
        raise BadNumber(f"there is no method of this name: use one of {', '.join(METHODS)}")
    return text


def uscc_is_valid(text: str) -> bool:
    """Return whether this is a unified social credit code with its right check character (GB 32100-2015)."""
    if not _USCC.fullmatch(text):
        return False
    weighted = sum(_USCC_DIGITS.index(c) * pow(3, i, 31) for i, c in enumerate(text[:17]))
    return _USCC_DIGITS.index(text[17]) == -weighted % 31


def _resident_sum(text: str) -> int:
    """Return the weighted sum modulo 11 (GB 11643-1999, ISO 7064 MOD 11-2): 1 for a right number."""
    digits = [int(c) for c in text[:17]] + [10 if text[17] == "X" else int(text[17])]
    return sum(digit * pow(2, 17 - i, 11) for i, digit in enumerate(digits)) % 11


def _born(digits: str, today: date) -> bool:
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return _FIRST_BIRTH <= born <= today


def _require(fits: object, why: str) -> None:
    if not fits:
        raise BadNumber(why)
