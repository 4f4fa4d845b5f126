"""``clearmark scan``: one JSON object a line, and its exit codes."""

from __future__ import annotations

import json
import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
from click.testing import CliRunner
from PIL import Image

from clearmark.cli import cli
from clearmark.cli import scan as scanning
from clearmark.cli.scan import content_type_of
from clearmark.demo.pictures import bomb, stand_in
from clearmark.schemas.events import ScanReport, json_schema
from tests.mark.samples import photograph, saved

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

LINES = '{"id":"a","text":"hello there"}\n\n{"text":"出售枪支"}\n{"id":3,"text":"自杀方法"}\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scan(*arguments: str, text: str = "") -> tuple[int, list[dict[str, Any]]]:
    result = CliRunner().invoke(cli, ["scan", *arguments], input=text)
    assert result.exit_code != 0 or not result.stderr
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def test_lines_and_files(folder: Path) -> None:
    (folder / "x.tiff").write_bytes(saved(photograph(), "TIFF"))
    code, reports = scan("-", "x.tiff", text=LINES)
    assert code == 0
    for report in reports:
        jsonschema.validate(report, json_schema(ScanReport))
    assert [r["id"] for r in reports] == ["a", "3", "3", "x.tiff"]
    assert [r["verdict"] for r in reports] == ["allow", "block", "hold", "hold"]
    assert reports[1]["reasons"][0]["code"] == "A.1.h"
    assert reports[3]["content_type"] == "image/tiff"


def test_pictures_are_judged_by_what_they_show_and_what_they_are(folder: Path) -> None:
    files = {
        "a.png": (saved(photograph(), "PNG"), "allow", None),
        "b.jpg": (saved(photograph(), "JPEG"), "allow", None),
        "c.webp": (saved(photograph(), "WEBP"), "allow", None),
        "d.png": (saved(Image.fromarray(stand_in(side=256)), "PNG"), "block", "A.1.f"),
        "e.gif": (saved(photograph(), "GIF"), "hold", "unsupported-media"),
        "f.png": (saved(photograph(), "JPEG"), "block", "type-mismatch"),
        "g.png": (saved(photograph(), "PNG")[:3000], "block", "unreadable"),
        "h.png": (bomb(), "block", "decompression-bomb"),
    }
    for name, (data, _, _) in files.items():
        (folder / name).write_bytes(data)
    code, reports = scan(*files)
    assert code == 0
    for report, (name, (_, verdict, reason)) in zip(reports, files.items(), strict=True):
        jsonschema.validate(report, json_schema(ScanReport))
        codes = [r["code"] for r in report["reasons"]]
        assert (report["id"], report["media"], report["verdict"], codes) == (
            name, "image", verdict, [reason] if reason else []
        )  # fmt: skip
    assert reports[3]["detectors"]["image-nsfw"]["nsfw"] == reports[3]["categories"]["A.1.f"] >= 0.9
    assert scan("a.png", "--fail-on", "hold")[0] == 0
    assert scan("a.png", "d.png", "--fail-on", "block")[0] == 1


def test_files_are_judged_in_batches_of_bounded_size(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(photograph(200, 150), "JPEG")
    names = [f"{i}.jpg" for i in range(5)]
    for name in names:
        (folder / name).write_bytes(data)
    sizes: list[int] = []
    judge = scanning._judge

    def judged(screening: Any, batch: list[Any]) -> Iterator[Any]:
        sizes.append(len(batch))
        return judge(screening, batch)

    monkeypatch.setattr(scanning, "_BATCH_BYTES", 2 * len(data))
    monkeypatch.setattr(scanning, "_judge", judged)
    code, reports = scan(*names)
    assert (code, sizes, [r["id"] for r in reports]) == (0, [2, 2, 1], names)


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.webp", "image/webp"), ("a.PNG", "image/png"), ("a.jpg", "image/jpeg"), ("a.jpeg", "image/jpeg"),
        ("a.gif", "image/gif"), ("a.md", "text/markdown"), ("a.html", "text/html"), ("a.txt", "text/plain"),
        ("README", "text/plain"),
    ],
)  # fmt: skip
def test_types_are_known_on_a_system_without_a_list_of_its_own(
    monkeypatch: pytest.MonkeyPatch, name: str, content_type: str
) -> None:
    bare = mimetypes.MimeTypes()
    monkeypatch.setattr(mimetypes, "guess_type", bare.guess_type)
    assert content_type_of(Path(name)) == content_type


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
def test_exit_codes(arguments: list[str], text: str, code: int) -> None:
    assert scan(*arguments, text=text)[0] == code
