"""A first configuration: complete, private, and never over another."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from clearmark.cli import cli
from clearmark.config import SECTIONS, Config, load
from clearmark.errors import Stop
from clearmark.init import TEMPLATE, init

if TYPE_CHECKING:
    from pathlib import Path


def test_what_init_writes_can_be_used(tmp_path: Path) -> None:
    assert CliRunner().invoke(cli, ["init", str(tmp_path / "new")]).exit_code == 0
    config = load(tmp_path / "new" / "clearmark.toml", {})
    keys = config.load_keys({})
    assert len({keys.quarantine, keys.content_id, keys.watermark, keys.digests}) == 4
    assert {f.stat().st_mode & 0o777 for f in (tmp_path / "new" / "keys").iterdir()} == {0o600}


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "digests").write_text("mine")
    with pytest.raises(Stop, match="digests is there already"):
        init(tmp_path)
    assert [f.name for f in tmp_path.iterdir()] == ["keys"]


def test_the_template_tells_every_setting_with_its_default(tmp_path: Path) -> None:
    for section in SECTIONS:
        for key in Config.model_fields[section].default.__class__.model_fields:
            assert re.search(rf"^# \[?{'kafka.client' if key == 'client' else key}\b", TEMPLATE, re.MULTILINE), key
    uncommented = re.sub(r"^# (?!\[kafka.client|\"s|Relative|Clearmark)", "", TEMPLATE, flags=re.MULTILINE)
    file = tmp_path / "clearmark.toml"
    file.write_text("\n".join(line for line in uncommented.splitlines() if not line.startswith("Relative")))
    assert load(file, {}).worker == Config(folder=tmp_path).worker
