"""Model cards: complete, and of the file that is there."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from clearmark.errors import Stop
from clearmark.models.card import FOLDER, load

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(FOLDER, tmp_path / "w")
    return tmp_path / "w"


def test_the_packaged_card_is_complete() -> None:
    card, weights = load(FOLDER / "text_offense.toml")
    assert card.ref.sha256 == card.sha256
    assert len(weights) > 1_000_000
    assert set(card.speaks_for) == set(card.outputs)


def test_other_weights_are_refused(folder: Path) -> None:
    (folder / "text_offense.onnx").write_bytes(b"other")
    with pytest.raises(Stop, match="not the file its card names"):
        load(folder / "text_offense.toml")


@pytest.mark.parametrize("field", ["licence_weights", "limits", "sha256"])
def test_a_card_without_a_field_is_refused(folder: Path, field: str) -> None:
    card = folder / "text_offense.toml"
    card.write_text(card.read_text().replace(f"{field} =", "x ="))
    with pytest.raises(Stop, match=rf"card .*{field}|card .*x:"):
        load(card)


def test_missing_weights_are_named(folder: Path) -> None:
    (folder / "text_offense.onnx").unlink()
    with pytest.raises(Stop, match=r"text_offense\.onnx"):
        load(folder / "text_offense.toml")
