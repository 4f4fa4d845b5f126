"""A model's card: what it is, what it was trained on, how good it is. A model without a full card is refused."""

from __future__ import annotations

import hashlib
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clearmark.errors import Stop
from clearmark.schemas.events import ModelRef

FOLDER: Final = Path(__file__).parent / "weights"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TrainingData(_Part):
    """What the model learned from, and by what right. ``rows`` may be unknown of others' weights: then it says so."""

    name: str
    licence: str
    basis: str
    rows: Annotated[int, Field(gt=0)] | Literal["unknown"]


class Quality(_Part):
    """One measured figure on data the model never saw."""

    data: str
    metric: str
    value: float
    date: str
    command: str


class Card(_Part):
    """One model. ``outputs`` are the names of its scores, 0 to 1; ``speaks_for`` maps a score to an R-TAX-1 code.

    ``file`` lies beside the card, or in the installed ``package``.
    """

    name: str
    version: str
    task: str
    file: str
    package: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    licence_code: str
    licence_weights: str
    outputs: Annotated[tuple[str, ...], Field(min_length=1)]
    speaks_for: dict[str, str]
    limits: Annotated[tuple[str, ...], Field(min_length=1)]
    training: Annotated[tuple[TrainingData, ...], Field(min_length=1)]
    quality: Annotated[tuple[Quality, ...], Field(min_length=1)]

    @property
    def ref(self) -> ModelRef:
        """What decisions record of the model."""
        return ModelRef(self.name, self.version, self.sha256)


def load(path: Path) -> tuple[Card, bytes]:
    """Read a card and its weights.

    Raises:
        Stop: the card is incomplete, the weights or their package are missing, or their hash is not the card's.
    """
    try:
        card = Card(**tomllib.loads(path.read_text("utf-8")))
        weights = (_folder(card, path) / card.file).read_bytes()
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Stop(f"model {path}: {error}", remedy="install clearmark again, or train it: models/train") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Stop(f"model card {path}: {where}: {first['msg']}", remedy="a card tells every field") from None
    if hashlib.sha256(weights).hexdigest() != card.sha256:
        raise Stop(f"model {card.name}: {card.file} is not the file its card names", remedy="train or install it again")
    return card, weights


def _folder(card: Card, path: Path) -> Path:
    """Return where the weights lie. The package is located, not imported: none of its code runs."""
    if card.package is None:
        return path.parent
    found = find_spec(card.package)
    if found is None or not found.submodule_search_locations:
        remedy = f"install the package that ships {card.package}, or clearmark again"
        raise Stop(f"model {card.name}: the package {card.package} is not installed", remedy=remedy)
    return Path(next(iter(found.submodule_search_locations)))
