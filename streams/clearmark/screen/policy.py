"""The policy file: what is held, what is blocked, which marks are needed, how reasons read. Versioned by its hash."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from clearmark.errors import Stop
from clearmark.govern.rules import DEFAULT, ConductRule
from clearmark.schemas import events
from clearmark.topology import INLINE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable

PACKAGED: Final = Path(__file__).with_name("policy.yaml")
_CODE: Final = re.compile(r"A\.[1-5]\.[a-i]|[a-z]+(-[a-z]+)+|unreadable|deadline")
_Score = Annotated[float, Field(gt=0, le=1)]


class PolicyError(Stop):
    """The policy file cannot be used."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Threshold(_Part):
    """Scores from which on content is held or blocked; one of them may be left out."""

    hold: _Score | None = None
    block: _Score | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.hold is None and self.block is None:
            raise ValueError("give hold, block or both")
        if self.hold is not None and self.block is not None and self.hold > self.block:
            raise ValueError("hold must not be above block")
        return self


class Admission(_Part):
    """Whether a verified identity and live consents are required to publish (R-DS-9, R-DS-14)."""

    identity: Literal["required", "optional"] = "required"
    consent: Literal["required", "optional"] = "required"


class Limits(_Part):
    """Sizes beyond which an artifact is blocked as too-large."""

    text_bytes: Annotated[int, Field(gt=0, le=INLINE_LIMIT)] = INLINE_LIMIT
    image_bytes: Annotated[int, Field(gt=0, le=128 * 1024 * 1024)] = 32 * 1024 * 1024
    image_pixels: Annotated[int, Field(gt=0, le=64_000_000)] = 64_000_000


class TextMarks(_Part):
    """Marks of a text: where the label stands, and from how many visible characters on it carries the code."""

    label: Literal["start", "end", "both"] = "start"
    watermark_characters: Annotated[int, Field(ge=1)] = 40


class ImageMarks(_Part):
    """Marks of a picture: from which length of its shortest side, in pixels, it carries the watermark."""

    watermark_side: Annotated[int, Field(ge=128)] = 128


class MarkRequirements(_Part):
    """Marks by medium."""

    text: TextMarks = TextMarks()
    image: ImageMarks = ImageMarks()


class Wording(_Part):
    """A reason in both languages."""

    zh: Annotated[str, Field(min_length=1)]
    en: Annotated[str, Field(min_length=1)]


class Policy(_Part):
    """One policy. ``version`` is ``sha256:`` and the hash of the file's bytes."""

    version: str
    thresholds: dict[str, Threshold] = {}
    admission: Admission = Admission()
    conduct: tuple[ConductRule, ...] = DEFAULT
    limits: Limits = Limits()
    marks: MarkRequirements = MarkRequirements()
    reasons: dict[str, Wording] = {}

    @field_validator("thresholds", "reasons")
    @classmethod
    def _known(cls, value: dict[str, object]) -> dict[str, object]:
        for code in value:
            if not _CODE.fullmatch(code):
                raise ValueError(f"{code!r} is no code of R-TAX-1 and none of Clearmark's own")
        return value

    def reason(self, code: str) -> events.Reason:
        """Return a reason with its wording; an unknown code stands for itself."""
        wording = self.reasons.get(code)
        return events.Reason(code, wording.zh if wording else code, wording.en if wording else code)

    def explain(self, codes: Iterable[str]) -> tuple[events.Reason, ...]:
        """Return reasons in order."""
        return tuple(map(self.reason, codes))


def load(path: Path | None = None) -> Policy:
    """Read a policy file; without one, the packaged policy.

    Raises:
        PolicyError: the file is missing or says something that has no meaning.
    """
    policy = _read(path or PACKAGED)
    if path is None:
        return policy
    return policy.model_copy(update={"reasons": {**_read(PACKAGED).reasons, **policy.reasons}})


def _read(path: Path) -> Policy:
    try:
        data = path.read_bytes()
        values = yaml.safe_load(data) or {}
    except OSError as error:
        raise PolicyError(f"policy {path} cannot be read ({type(error).__name__})") from None
    except yaml.YAMLError as error:
        raise PolicyError(f"policy {path} is not YAML: {error}", remedy="mend that line") from None
    if not isinstance(values, dict):
        raise PolicyError(f"policy {path} is not a mapping", remedy=f"start from a copy of {PACKAGED.name}")
    try:
        return Policy(**{**values, "version": f"sha256:{hashlib.sha256(data).hexdigest()}"})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise PolicyError(f"policy {path}: {where}: {first['msg']}", remedy="see the packaged policy.yaml") from None
