"""Every command and code block of the README, run as its reader would run it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clearmark.config import load

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
SHELL = [code for language, code in BLOCKS if language == "sh"]


def block(part: str) -> str:
    (found,) = [code for code in SHELL if part in code]
    return str(found)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="clearmark-readme-") as name:
        shutil.copy(ROOT / "README.md", name)
        if shutil.which("kcat") is None:
            stand_in = Path(name) / "kcat"
            stand_in.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT}/tests/docs/stand_in_kcat.py "$@"\n')
            stand_in.chmod(0o755)
        yield Path(name)


def environment(**more: str) -> dict[str, str]:
    # The reader's shell: the commands of the virtual environment, and (last) the folder of the README's copy.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"], "."))
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CLEARMARK_") or k == "CLEARMARK_CACHE"}
    return {**kept, "PATH": path, **more}


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[dict[str, str]]:
    """Start the README's `clearmark up`, and export what it says."""
    command = block("clearmark up").split()
    with subprocess.Popen(command, cwd=folder, env=environment(COLUMNS="500"), stdout=subprocess.PIPE, text=True) as up:
        assert up.stdout is not None
        said: dict[str, str] = {}
        for line in up.stdout:
            if "export" in line:
                said = dict(part.split("=", 1) for part in line.split("export", 1)[1].split())
                break
        assert set(said) == {"CLEARMARK_CONFIG", "CLEARMARK_BOOTSTRAP_SERVERS"}
        yield environment(**said)
        up.send_signal(signal.SIGINT)
        rest = up.stdout.read()
        assert up.wait(60) == 0, rest
        assert "screen ended" in rest


def shell(code: str, folder: Path, env: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_block_is_run_by_a_test() -> None:
    assert len(SHELL) == 7
    assert [language for language, _ in BLOCKS if language != "sh"] == ["mermaid", "python", "toml"]
    assert block("make demo") == "make demo\nmake test\n"
    for target in ("demo", "test"):
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert {"demo": "clearmark up --demo", "test": "pytest"}[target] in done.stdout


def test_the_commands_against_a_running_machine(running: dict[str, str], folder: Path) -> None:
    said = shell(block("clearmark publish"), folder, running)
    assert "published 1 to clearmark.ingress.v1" in said
    assert "  approved  " in said
    assert "The ledger closes" in said
    assert "0 waiting" in said


def test_the_commands_of_who_may_publish(running: dict[str, str], folder: Path) -> None:
    said = shell(block("clearmark consents grant"), folder, running)
    assert "bob: verified by resident-id" in said
    assert "model-01: revoked" in said
    assert "1 in use" in said
    assert "good" in said


def test_publishing_by_kcat_and_confluent_kafka(running: dict[str, str], folder: Path) -> None:
    shell("clearmark identities add alice --method mobile --number 13800138000", folder, running)
    shell(block("kcat"), folder, running)
    (program,) = [code for language, code in BLOCKS if language == "python"]
    subprocess.run([sys.executable, "-c", program], cwd=folder, env=running, check=True, timeout=60)
    shown = shell("clearmark watch approved --from-beginning --count 3", folder, running)
    assert shown.count("alice") == 3


def test_the_topics_are_as_the_table_says(running: dict[str, str], folder: Path) -> None:
    assert "all topics are as the table says" in shell(block("clearmark topics show"), folder, running)


def test_the_offline_commands(folder: Path) -> None:
    said = shell(block("clearmark init"), folder, environment())
    assert '"verdict":"allow"' in said
    assert "marked.md: confirmed, content id 00000000000000ff" in said


def test_the_configuration_block(tmp_path: Path) -> None:
    (code,) = [code for language, code in BLOCKS if language == "toml"]
    tomllib.loads(code)
    file = tmp_path / "clearmark.toml"
    file.write_text(code)
    assert load(file, {}).kafka.client["security.protocol"] == "SASL_SSL"
