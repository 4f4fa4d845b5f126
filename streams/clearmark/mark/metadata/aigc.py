"""The implicit label of GB 45438-2025, Annex E: seven strings that say who generated content and under which number.

Written strictly (R-META-1 to R-META-7), read liberally (R-META-10, R-WILD-1, R-WILD-2): a label that another party
wrote badly is still a label, and what does not comply is named beside what it says.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clearmark.ids import ContentId

Meaning = Literal["confirmed", "possible", "suspected"]

KEYWORD: Final = "AIGC"
KEYS: Final = (
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
)
LONGEST: Final = 65_536
"""Characters of a label that are read; nobody's is as long."""
LONGEST_KEPT: Final[Mapping[str, int]] = {"ContentProducer": 512, "ProduceID": 512, "ReservedCode1": 8192}
"""Bytes, as JSON, of another producer's values that `propagated` takes over: escaped as XML, which makes five of one at
worst, they still fit into a JPEG's segment."""
CHARSET: Final = re.compile(r"[\x21-\x5b\x5d-\x7e]*")
"""R-META-4, after the quotes' backslashes are off."""

_CANONICAL: Final = {key.casefold(): key for key in KEYS}
_SALVAGE: Final = re.compile(rf'"({"|".join(KEYS)})"\s{{0,8}}:\s{{0,8}}("(?:[^"\\]|\\.)*")')
_NOT_XML: Final = re.compile("[\ud800-\udfff\ufffe\uffff]")
_MEANINGS: Final[Mapping[str, Meaning]] = {"1": "confirmed", "2": "possible", "3": "suspected", KEYWORD: "confirmed"}
_HINT: Final = re.compile("aigc|produce|reservedcode", re.IGNORECASE)
_LABELS: Final = ("1", "2", "3")


@dataclass(frozen=True, slots=True)
class Aigc:
    """The seven values, in the standard's order. Label: "1" is, "2" may be, "3" is suspected to be generated."""

    label: str
    content_producer: str
    produce_id: str
    reserved_code1: str
    content_propagator: str
    propagate_id: str
    reserved_code2: str

    def values(self) -> dict[str, str]:
        """Return the values by their names in the standard."""
        fields = (
            self.label,
            self.content_producer,
            self.produce_id,
            self.reserved_code1,
            self.content_propagator,
            self.propagate_id,
            self.reserved_code2,
        )
        return dict(zip(KEYS, fields, strict=True))

    def to_json(self) -> str:
        """Return the seven keys as compact JSON, as it stands in the XMP property that bears the keyword (R-F-XMP)."""
        return orjson.dumps(self.values()).decode()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a label says.

    Attributes:
        values: by the standard's names; keys that are not there are left out.
        faults: what does not comply, in a few words each.
        named: whether the text itself bears the keyword, as wrapper or glued to the values.
    """

    values: Mapping[str, str]
    faults: tuple[str, ...]
    named: bool

    @property
    def meaning(self) -> Meaning:
        """What the label says of the content; a value of no known meaning may still mean that it is generated."""
        return meaning(self.values)


def meaning(values: Mapping[str, str]) -> Meaning:
    """Return what a label's values say of the content."""
    return _MEANINGS.get(values.get("Label", ""), "possible")


def first(provider_code: str, content_id: ContentId) -> Aigc:
    """Return the label of a producer: propagation elements equal production elements (R-META-6).

    Raises:
        ValueError: the code has a character that R-META-4 does not allow.
    """
    code, number = _own(provider_code), str(content_id)
    return Aigc("1", code, number, "", code, number, "")


def propagated(existing: Reading, provider_code: str, content_id: ContentId) -> Aigc:
    """Return the label of a propagator: another producer's elements as they are, our own in the last three.

    A label of ours, or one that names no producer, is replaced as a whole. A Label of no known meaning becomes "1":
    what comes in was generated. Values longer than any real one (`LONGEST_KEPT`) are left empty, so that the label
    always fits into a JPEG segment.

    Raises:
        ValueError: the code has a character that R-META-4 does not allow.
    """
    ours = first(provider_code, content_id)
    producer = _kept(existing, "ContentProducer")
    if producer in {"", provider_code}:
        return ours
    label = existing.values.get("Label", "")
    return Aigc(
        label if label in _LABELS else ours.label,
        producer,
        _kept(existing, "ProduceID"),
        _kept(existing, "ReservedCode1"),
        ours.content_propagator,
        ours.propagate_id,
        ours.reserved_code2,
    )


def is_label(text: str) -> bool:
    """Return whether a text found outside an AIGC property is a label; the word in prose is none (R-WILD-3)."""
    if "{" not in text or not _HINT.search(text):
        return False
    found = parse(text)
    return len(found.values) >= (1 if found.named else 2)


def parse(text: str) -> Reading:
    """Return what a label says, whatever its form; nothing that is put in raises."""
    faults = []
    text = _NOT_XML.sub("\ufffd", text[:LONGEST]).strip("\ufeff\0 \t\r\n")
    if "&quot;" in text or "&#" in text:
        text = html.unescape(text)
        faults.append("the JSON is encoded as XML entities twice")
    before, brace, rest = text.partition("{")
    named = KEYWORD in before
    if before:
        faults.append("there is text before the JSON (R-META-1)")
    if not text.endswith("}"):
        faults.append("there is text after the JSON, or it is cut off (R-META-1)")
    found = _load(brace + rest)
    if found is None:
        faults.append("it is not JSON (R-META-1)")
        found = {key: _load(value) for key, value in _SALVAGE.findall(rest)}
        named = named or f'"{KEYWORD}"' in rest
    inner = found.get(KEYWORD)
    if isinstance(inner, str):
        faults.append("the label is a string within JSON (R-META-1)")
        inner = _load(inner)
    if isinstance(inner, dict):
        found, named = inner, True
    values = _values(found, faults)
    return Reading(values, (*dict.fromkeys(faults), *_check(values)), named)


def _load(text: str) -> Any:  # noqa: ANN401 - JSON of others
    """Return the JSON at a text's start, up to its last bracket; None where there is none."""
    for candidate in (text, text[: text.rfind("}") + 1]):
        try:
            found = orjson.loads(candidate)
        except orjson.JSONDecodeError:
            continue
        if isinstance(found, dict | str):
            return found
    return None


def _values(found: Mapping[str, Any], faults: list[str]) -> dict[str, str]:
    """Return the seven values in their order, as strings; what had to be mended is added to the faults."""
    values: dict[str, str] = {}
    for name, value in found.items():
        key = _CANONICAL.get(name.strip(" :\t").casefold())
        if key is None:
            faults.append("there is a key of no known meaning")
        else:
            if name != key:
                faults.append(f"the key {key} is written differently")
            if not isinstance(value, str):
                faults.append(f"{key} is not a string (R-META-2)")
            values[key] = _string(value) if name == key else values.get(key, _string(value))
    return {key: values[key] for key in KEYS if key in values}


def _string(value: Any) -> str:  # noqa: ANN401 - JSON of others
    if isinstance(value, str):
        return value
    try:
        return "" if value is None else orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return ""  # nested more deeply than any label


def _check(values: Mapping[str, str]) -> list[str]:
    if not values:
        return ["none of the seven keys is there (R-META-1)"]
    faults = [f"{key} is missing (R-META-1)" for key in KEYS if key not in values]
    if "Label" in values and values["Label"] not in _LABELS:
        faults.append("Label is not 1, 2 or 3 (R-META-2)")
    for key, value in values.items():
        if not CHARSET.fullmatch(value):
            faults.append(f"{key} has characters that are not allowed (R-META-4)")
        if key in {"ProduceID", "PropagateID"} and value and not value.strip("0-"):
            faults.append(f"{key} is a number of nothing but zeros")
    return faults


def _kept(existing: Reading, key: str) -> str:
    value = existing.values.get(key, "")
    return value if len(orjson.dumps(value)) <= LONGEST_KEPT[key] else ""


def _own(code: str) -> str:
    if not code or not CHARSET.fullmatch(code):
        raise ValueError("a provider's code has characters that the label does not allow (R-META-4)")
    return code
