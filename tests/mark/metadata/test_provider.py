"""The provider file: whose name labels carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clearmark.errors import Stop
from clearmark.ids import ContentId
from clearmark.mark.metadata import aigc, provider

if TYPE_CHECKING:
    from pathlib import Path

# R-CODE-2: codes published by their owners, all with a valid check digit.
VECTORS = (
    "001191110102MAD55U9H0F10002",
    "001191440300708461136T1XGW3",
    "001191310104MACE0YX63918020",
    "001191440300MA5G49LC9K1YO01",
)


def written(folder: Path, **fields: object) -> Path:
    file = folder / "provider.toml"
    values: dict[str, object] = {"name": "A Name", "code": "A-CODE", "service": "A Service"}
    lines = [f"{key} = {value!r}" for key, value in (values | fields).items() if value is not None]
    file.write_text("\n".join(lines), "utf-8")
    return file


def test_the_packaged_file_plainly_is_a_demonstration() -> None:
    packaged = provider.load()
    assert packaged.code == "CLEARMARK-DEMO"
    assert "demonstration" in packaged.name
    assert "DEMONSTRATION ONLY" in provider.PACKAGED.read_text("utf-8")
    assert aigc.parse(aigc.first(packaged.code, ContentId(1)).to_json()).faults == ()


@pytest.mark.parametrize("code", VECTORS)
def test_r_code_1_and_2_published_codes_are_accepted(tmp_path: Path, code: str) -> None:
    assert provider.load(written(tmp_path, code=code)).code == code


@pytest.mark.parametrize("code", VECTORS)
@pytest.mark.parametrize("at", range(4, 22))
def test_r_code_2_one_wrong_character_is_found(code: str, at: int) -> None:
    wrong = "1" if code[at] != "1" else "2"
    with pytest.raises(ValueError, match="R-CODE"):
        provider.check_code(code[:at] + wrong + code[at + 1 :])


@pytest.mark.parametrize(
    ("fields", "named", "remedy"),
    [
        ({"code": VECTORS[0][:22]}, "code", "27-character"),
        ({"code": VECTORS[0][:22] + "3" + VECTORS[0][23:]}, "code", "27-character"),
        ({"code": VECTORS[0][:-1] + "00"}, "code", "27-character"),
        ({"code": "two words"}, "code", "without spaces"),
        ({"code": "名称"}, "code", "ASCII"),
        ({"code": 'a"b'}, "code", "quotes"),
        ({"code": ""}, "code", "27-character"),
        ({"code": 7}, "code", "27-character"),
        ({"name": None}, "name", "who provides"),
        ({"service": ""}, "service", "which product"),
        ({"colour": "red"}, "colour", "name, code, service"),
    ],
)
def test_an_error_names_the_field_and_the_remedy(
    tmp_path: Path, fields: dict[str, object], named: str, remedy: str
) -> None:
    with pytest.raises(Stop) as caught:
        provider.load(written(tmp_path, **fields))
    assert f": {named}: " in caught.value.message
    assert remedy in caught.value.remedy


def test_a_missing_file_and_one_that_is_no_toml_stop(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="cannot be read"):
        provider.load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(Stop, match="is not TOML"):
        provider.load(tmp_path / "bad.toml")
