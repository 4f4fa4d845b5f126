"""``clearmark scan``: one JSON object a line, and its exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import pytest
from click.testing import CliRunner

from clearmark.cli import cli
from clearmark.schemas.events import ScanReport, json_schema

if TYPE_CHECKING:
    from pathlib import Path

LINES = '{"id":"a","text":"hello there"}\n\n{"text":"出售枪支"}\n{"id":3,"text":"自杀方法"}\n'


def test_lines_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    result = CliRunner().invoke(cli, ["scan", "-", str(tmp_path / "x.png")], input=LINES)
    assert result.exit_code == 0, result.output
    reports = [json.loads(line) for line in result.output.splitlines()]
    for report in reports:
        jsonschema.validate(report, json_schema(ScanReport))
    assert [r["id"] for r in reports[:3]] == ["a", "3", "3"]
    assert [r["verdict"] for r in reports] == ["allow", "block", "hold", "hold"]
    assert reports[1]["reasons"][0]["code"] == "A.1.h"
    assert reports[3]["content_type"] == "image/png"


@pytest.mark.parametrize(
    ("arguments", "text", "code"),
    [
        (["-", "--fail-on", "block"], '{"text":"自杀方法"}', 0),
        (["-", "--fail-on", "hold"], '{"text":"自杀方法"}', 1),
        (["-"], "not json", 2),
        (["-"], '{"txt":"a"}', 2),
        (["missing.txt"], "", 2),
        ([], "", 2),
    ],
)
def test_exit_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], text: str, code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(cli, ["scan", *arguments], input=text).exit_code == code
