"""``clearmark mark`` and ``clearmark verify``, and their exit codes."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from click.testing import CliRunner
from PIL import Image

from clearmark.cli import cli
from clearmark.demo.pictures import mangle
from clearmark.init import init
from clearmark.schemas.events import VerifyReport, json_schema
from tests.mark.samples import located, opened, photograph, saved, shown, xmp

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "The river rose in the night, and by morning the lower fields were under water. " * 3
POSSIBLE = '{"Label":"2","ContentProducer":"OTHER-MODEL","ProduceID":"42"}'
CID = "00000000000000ff"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    init(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout


def verified(*files: str) -> tuple[int, list[dict[str, Any]]]:
    code, said = run("verify", *files, "--json")
    reports = [json.loads(line) for line in said.splitlines()]
    for report in reports:
        jsonschema.validate(report, json_schema(VerifyReport))
    return code, reports


def test_a_marked_file_verifies(folder: Path) -> None:
    (folder / "in.txt").write_text(TEXT)
    assert run("mark", "in.txt", "out.txt", "--content-id", CID)[0] == 0
    code, (report,) = verified("out.txt")
    assert (code, report["verdict"], report["content_id"]) == (0, "confirmed", CID)
    assert run("verify", "out.txt")[1].startswith(f"out.txt: confirmed, content id {CID}")


@pytest.mark.parametrize(("suffix", "kind"), [("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP")])
def test_a_marked_picture_verifies_whatever_it_is_called(folder: Path, suffix: str, kind: str) -> None:
    (folder / f"in.{suffix}").write_bytes(saved(photograph(), kind, exif=located()))
    code, said = run("mark", f"in.{suffix}", f"out.{suffix}", "--content-id", CID)
    assert (code, said) == (
        0, f"out.{suffix}: content id {CID}, label valid, metadata valid, watermark valid\n"
    )  # fmt: skip
    shutil.copy(folder / f"out.{suffix}", folder / "renamed.gif")
    code, reports = verified(f"out.{suffix}", "renamed.gif")
    assert code == 0
    assert [r["file"] for r in reports] == [f"out.{suffix}", "renamed.gif"]
    for report in reports:
        assert (report["verdict"], report["content_id"], report["consistent"]) == ("confirmed", CID, True)
        assert {name: mark["state"] for name, mark in report["marks"].items()} == {
            "label": "valid", "metadata": "valid", "watermark": "valid", "signature": "unsupported"
        }  # fmt: skip
        assert report["marks"]["metadata"]["aigc"]["ContentProducer"] == "CLEARMARK-DEMO"
    line = run("verify", f"out.{suffix}")[1]
    assert "by CLEARMARK-DEMO" in line
    assert "AI生成" in line


def test_an_id_is_made_up_where_none_is_given(folder: Path) -> None:
    (folder / "in.png").write_bytes(saved(photograph(), "PNG"))
    ids = set()
    for name in ("a.png", "b.png"):
        assert run("mark", "in.png", name)[0] == 0
        ids.add(verified(name)[1][0]["content_id"])
    assert len(ids) == 2


def test_a_picture_found_in_the_wild_leads_home(folder: Path) -> None:
    (folder / "in.png").write_bytes(saved(photograph(512, 384), "PNG"))
    run("mark", "in.png", "out.png", "--content-id", CID)
    (folder / "wild.png").write_bytes(mangle((folder / "out.png").read_bytes()))  # a JPEG by now
    code, (report,) = verified("wild.png")
    assert (code, report["verdict"], report["content_id"]) == (0, "confirmed", CID)
    assert report["marks"]["metadata"]["state"] == "absent"


def test_exit_codes_of_verified_pictures_and_the_worst_counts(folder: Path) -> None:
    plain, labelled = saved(photograph(), "PNG"), saved(photograph(), "JPEG", xmp=xmp(POSSIBLE))
    (folder / "plain.png").write_bytes(plain)
    (folder / "possible.jpg").write_bytes(labelled)
    (folder / "cut.png").write_bytes(plain[:5000])
    run("mark", "plain.png", "ours.png", "--content-id", CID)
    run("mark", "plain.png", "other.png", "--content-id", "00000000000000aa")
    packet = opened((folder / "other.png").read_bytes()).info["xmp"]
    pixels = Image.fromarray(shown((folder / "ours.png").read_bytes()))
    (folder / "mixed.jpg").write_bytes(saved(pixels, "JPEG", quality=95, xmp=packet))
    expected = {"ours.png": 0, "plain.png": 1, "possible.jpg": 1, "cut.png": 2, "mixed.jpg": 3}
    assert {name: run("verify", name)[0] for name in expected} == expected
    assert [verified("possible.jpg")[1][0][key] for key in ("verdict", "content_id")] == ["possible", None]
    assert run("verify", "ours.png", "plain.png")[0] == 1
    assert run("verify", "cut.png", "plain.png", "ours.png")[0] == 2
    assert run("verify", *expected)[0] == 3
    assert "CONTRADICTORY" in run("verify", "mixed.jpg")[1]


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("plain.txt", TEXT.encode(), 1),
        ("label.txt", "【AI生成】今天".encode(), 1),
        ("bad.txt", b"\xff\xfe", 2),
        ("forged.txt", ("x" + "\u2061" * 68).encode(), 3),
        ("image.png", b"\x89PNG", 2),
        ("sound.wav", b"RIFF\0\0\0\0WAVE", 2),
        ("scan.tiff", saved(photograph(), "TIFF"), 2),
    ],
)
def test_exit_codes_of_verify(folder: Path, name: str, data: bytes, code: int) -> None:
    (folder / name).write_bytes(data)
    assert run("verify", name)[0] == code
    assert run("verify", "missing.txt")[0] == 2
    assert run("verify", ".")[0] == 2


def test_a_key_that_is_missing_does_not_look_like_missing_marks(folder: Path) -> None:
    (folder / "plain.txt").write_text(TEXT)
    (folder / "keys" / "watermark").unlink()
    result = CliRunner().invoke(cli, ["verify", "plain.txt"])
    assert (result.exit_code, "watermark key" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("name", "data", "arguments", "code"),
    [
        ("in.txt", b"\xff\xfe\xfd", (), 1),
        ("in.png", b"\x89PNG", (), 1),
        ("in.png", saved(photograph(), "JPEG"), (), 1),
        ("in.png", saved(photograph(30, 12), "PNG"), (), 1),
        ("in.gif", saved(photograph(), "GIF"), (), 1),
        ("in.tiff", saved(photograph(), "TIFF"), (), 1),
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
    assert run("mark", "missing.png", "out")[0] == 2


def test_a_target_that_cannot_be_written_is_a_usage_error(folder: Path) -> None:
    (folder / "in.txt").write_text(TEXT)
    assert run("mark", "in.txt", "no/such/folder/out.txt")[0] == 2


def test_the_provider_of_the_configuration_stands_in_the_metadata(folder: Path) -> None:
    (folder / "me.toml").write_text('name = "Me"\ncode = "001191440300708461136T1XGW3"\nservice = "paint"\n')
    (folder / "in.webp").write_bytes(saved(photograph(), "WEBP"))
    toml = folder / "clearmark.toml"
    toml.write_text(toml.read_text().replace("[provider]", '[provider]\nfile = "me.toml"'))
    assert run("mark", "in.webp", "out.webp")[0] == 0
    label = verified("out.webp")[1][0]["marks"]["metadata"]["aigc"]
    assert label["ContentProducer"] == label["ContentPropagator"] == "001191440300708461136T1XGW3"
