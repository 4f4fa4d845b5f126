"""``clearmark identities|consents|features``: what they refuse, and on real Kafka what they write."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner
from confluent_kafka.admin import AdminClient
from PIL import Image

from clearmark.cli import cli
from clearmark.init import init
from clearmark.kafka import admin as kafka_admin
from clearmark.screen.pdq import Pdq, distance, pdq
from clearmark.topology import Topology
from tests.mark.samples import photograph, saved

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from clearmark.kafka.node import EmbeddedKafka


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    init(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(cli, arguments, input=text)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("features", "add", "--category", "A.1.f"), "give --word or --image"),
        (("features", "add", "--word", "x", "--image", "a.png", "--category", "A.1.f"), "give --word or --image"),
        (("features", "add", "--word", "x", "--distance", "3", "--category", "A.1.f"), "--distance is for pictures"),
        (("features", "add", "--word", "x", "--category", "B.1"), "R-TAX-1"),
        (("features", "add", "--word", "\u200b", "--category", "A.1.f"), "1 to 200 visible characters"),
        (("features", "add", "--image", "flat.png", "--category", "A.1.f"), "too flat"),
        (("features", "add", "--image", "cut.png", "--category", "A.1.f"), "unreadable"),
        (("features", "add", "--image", "text.png", "--category", "A.1.f"), "unreadable"),
        (("features", "add", "--image", "missing.png", "--category", "A.1.f"), "does not exist"),
        (("features", "add", "--image", "a.png", "--distance", "91", "--category", "A.1.f"), "0 to 90"),
        (("identities", "add", "u", "--method", "fax", "--number", "1"), "fax"),
        (("identities", "add", "u", "--method", "mobile", "--number", "-"), "11 digits"),
        (("identities", "add", "u", "--method", "passport", "--number", "E12345", "--expires", "2020-01-01"), "passed"),
        (("consents", "grant", "p", "--scope", "body"), "'body'"),
        (("consents", "grant", "p", "--scope", " , "), "empty"),
        (("consents", "grant", "p", "--scope", "face", "--born", "last year"), "isoformat"),
        (("consents", "grant", "p", "--scope", "face", "--evidence", "missing.pdf"), "does not exist"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_a_usage_error_before_any_cluster_is_asked(
    folder: Path, arguments: tuple[str, ...], why: str
) -> None:
    (folder / "a.png").write_bytes(saved(photograph(), "PNG"))
    (folder / "cut.png").write_bytes(saved(photograph(), "PNG")[:4000])
    (folder / "flat.png").write_bytes(saved(Image.new("RGB", (64, 64), (9, 9, 9)), "PNG"))
    (folder / "text.png").write_text("not a picture")
    result = run(*arguments, text="12345\n")
    assert (result.exit_code, why in result.stderr) == (2, True), result.stderr
    assert "12345" not in result.output


@pytest.fixture
def cluster(kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = f"cli-{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("CLEARMARK_BOOTSTRAP_SERVERS", kafka.bootstrap)
    monkeypatch.setenv("CLEARMARK_TOPICS_PREFIX", prefix)
    kafka_admin.apply(AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0}), Topology(prefix, 1, 1))


def listed() -> list[dict[str, object]]:
    result = run("features", "list", "--json")
    assert result.exit_code == 0
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.kafka
@pytest.mark.usefixtures("cluster")
def test_features_are_added_listed_and_removed(folder: Path) -> None:
    picture = photograph()
    (folder / "known.jpg").write_bytes(saved(picture, "PNG"))  # named by somebody who did not look
    added = run("features", "add", "--image", "known.jpg", "--category", "A.1.d", "--level", "hold", "--distance", "20")
    assert added.exit_code == 0, added.output
    word = run("features", "add", "--word", "紫色茶壶", "--category", "A.1.h")
    assert word.exit_code == 0
    image, text = listed()
    assert (image["id"], image["category"], image["level"], image["distance"]) == (
        added.stdout.strip(), "A.1.d", "hold", 20
    )  # fmt: skip
    assert distance(Pdq.parse(str(image["value"])), pdq(np.asarray(picture))[0]) <= 2
    assert (text["id"], text["value"], text["level"], text["distance"]) == (
        word.stdout.strip(), "紫色茶壶", "block", None
    )  # fmt: skip
    assert "紫色茶壶" in run("features", "list").stdout
    assert run("features", "remove", str(image["id"]), "--reason", "mistake").exit_code == 0
    assert [f["id"] for f in listed()] == [text["id"]]
    again = run("features", "remove", str(image["id"]))
    assert (again.exit_code, "there is no entry" in again.stderr) == (1, True)
    rows = f"kind,value,category,level,distance\nimage,{image['value']},A.1.d,,\nimage,xyz,A.1.d,,\n"
    (folder / "f.csv").write_text(rows)
    imported = run("features", "import", "f.csv")
    assert (imported.exit_code, "1 added, 1 skipped" in imported.stdout, "f.csv:3:" in imported.stderr) == (
        1,
        True,
        True,
    )
    assert {f["distance"] for f in listed()} == {31, None}


@pytest.mark.kafka
@pytest.mark.usefixtures("cluster")
def test_identities_and_consents_are_recorded_and_taken_back(folder: Path) -> None:
    (folder / "form.pdf").write_bytes(b"signed")
    refused = (("identities", "revoke", "alice"), ("consents", "revoke", "person-1"))
    assert [run(*arguments).exit_code for arguments in refused] == [1, 1]
    added = run("identities", "add", "alice", "--method", "mobile", "--number", "-", text="138 0013 8000\n")
    assert (added.exit_code, added.stdout) == (0, "alice: verified by mobile\n")
    granted = run("consents", "grant", "person-1", "--scope", "face, voice", "--evidence", "form.pdf")
    assert (granted.exit_code, granted.stdout) == (0, "person-1: granted face, voice\n")
    assert [run(*arguments).exit_code for arguments in refused] == [0, 0]
    assert [run(*arguments).exit_code for arguments in refused] == [1, 1]
    (folder / "u.csv").write_text("user,method,number\nbob,mobile,13900000001\ncarol,mobile,12\n")
    imported = run("identities", "import", "u.csv")
    assert (imported.exit_code, "1 recorded, 1 skipped" in imported.stdout) == (1, True)
    assert "12" not in imported.stderr.replace("11 digits", "").replace("u.csv:3", "").replace("13 to 19", "")
