"""The provider file: whose name or code labels carry (R-LM-5, R-META-3). The packaged one is a demonstration."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from clearmark.errors import Stop
from clearmark.mark.metadata.aigc import CHARSET
from clearmark.operate.numbers import uscc_is_valid

PACKAGED: Final = Path(__file__).with_name("provider.toml")

_LIKE_A_CODE: Final = re.compile(r"00[0-9A-Z]{18,}")
_CODE: Final = re.compile(r"0011(?P<uscc>[0-9A-Z]{18})[12][0-9A-Z]{4}")
_REMEDIES: Final = {
    "name": "say who provides the generation service",
    "code": "give your 27-character code, or a name in ASCII without spaces, quotes and backslashes",
    "service": "say which product or model generates",
}


class ProviderError(Stop):
    """The provider file cannot be used."""


class Provider(BaseModel):
    """Who provides the service. ``code`` is what labels carry."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    name: Annotated[str, Field(min_length=1, max_length=200)]
    code: Annotated[str, Field(min_length=1, max_length=64)]
    service: Annotated[str, Field(min_length=1, max_length=200)]

    @field_validator("code")
    @classmethod
    def _allowed(cls, value: str) -> str:
        if '"' in value or not CHARSET.fullmatch(value):
            raise ValueError("it has characters that labels do not allow (R-META-4)")
        if _LIKE_A_CODE.fullmatch(value):
            check_code(value)
        return value


def check_code(code: str) -> None:
    """Check a code of an organisation that is known by its unified social credit code (R-CODE-1).

    Raises:
        ValueError: it is not 27 characters of that form, or a check digit is wrong.
    """
    parts = _CODE.fullmatch(code)
    if parts is None:
        raise ValueError('it is not "0011", 18 of the social credit code, "1" or "2", and 4 of your own (R-CODE-1)')
    if not uscc_is_valid(parts["uscc"]):
        raise ValueError("the unified social credit code in it has a wrong check digit (R-CODE-2)")


def load(path: Path | None = None) -> Provider:
    """Read a provider file; without one, the packaged demonstration.

    Raises:
        ProviderError: the file is missing, or a field is missing, unknown or wrong.
    """
    file = path or PACKAGED
    try:
        values = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        remedy = f"start from a copy of {PACKAGED.name}"
        raise ProviderError(f"provider {file} cannot be read ({type(error).__name__})", remedy=remedy) from None
    except tomllib.TOMLDecodeError as error:
        raise ProviderError(f"provider {file} is not TOML: {error}", remedy="mend that line") from None
    try:
        return Provider(**values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        remedy = _REMEDIES.get(field, f"there are {', '.join(Provider.model_fields)}")
        raise ProviderError(f"provider {file}: {field}: {first['msg']}", remedy=remedy) from None
