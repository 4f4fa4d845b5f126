"""``clearmark mark`` and ``clearmark verify``, and their exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import pytest
from click.testing import CliRunner

from clearmark.cli import cli
from clearmark.init import init
from clearmark.schemas.events import VerifyReport, json_schema

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "The river rose in the night, and by morning the lower fields were under water. " * 3


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    init(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, arguments)
    return result.exit_code, result.stdout


def test_a_marked_file_verifies(folder: Path) -> None:
    (folder / "in.txt").write_text(TEXT)
    assert run("mark", "in.txt", "out.txt", "--content-id", "00000000000000ff")[0] == 0
    code, said = run("verify", "out.txt", "--json")
    report = json.loads(said)
    jsonschema.validate(report, json_schema(VerifyReport))
    assert (code, report["verdict"], report["content_id"]) == (0, "confirmed", "00000000000000ff")
    assert run("verify", "out.txt")[1].startswith("out.txt: confirmed, content id 00000000000000ff")


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("plain.txt", TEXT.encode(), 1),
        ("label.txt", "【AI生成】今天".encode(), 1),
        ("bad.txt", b"\xff\xfe", 2),
        ("forged.txt", ("x" + "\u2061" * 68).encode(), 3),
        ("image.png", b"\x89PNG", 2),
    ],
)
def test_exit_codes_of_verify(folder: Path, name: str, data: bytes, code: int) -> None:
    (folder / name).write_bytes(data)
    assert run("verify", name)[0] == code
    assert run("verify", "missing.txt")[0] == 2


@pytest.mark.parametrize(
    ("name", "data", "arguments", "code"),
    [
        ("in.txt", b"\xff\xfe\xfd", (), 1),
        ("in.png", b"\x89PNG", (), 1),
        ("in.txt", b"hello", ("--content-id", "xyz"), 2),
        ("in.txt", b"hello", ("--profile", "mars"), 2),
    ],
)
def test_what_cannot_be_marked_writes_nothing(
    folder: Path, name: str, data: bytes, arguments: tuple[str, ...], code: int
) -> None:
    (folder / name).write_bytes(data)
    assert run("mark", name, "out", *arguments)[0] == code
    assert not (folder / "out").exists()
