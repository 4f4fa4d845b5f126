"""The wheel alone, in a fresh environment outside the checkout, shows the demo."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str | Path, cwd: Path, timeout: float = 280) -> str:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("CLEARMARK_", "PYTHON")) or k == "CLEARMARK_CACHE"}
    done = subprocess.run(
        [str(c) for c in command],
        cwd=cwd,
        env={**env, "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_up_demo_from_an_installed_wheel(tmp_path: Path) -> None:
    pip = ("-m", "pip", "--disable-pip-version-check", "--quiet")
    run(sys.executable, *pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT, cwd=tmp_path)
    (wheel,) = tmp_path.glob("clearmark-*.whl")
    venv.create(tmp_path / "env", with_pip=True)
    pins = re.findall(r"^(\S+==[^\\\n]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    (tmp_path / "pins.txt").write_text("\n".join(pins))
    python = tmp_path / "env" / "bin" / "python"
    run(python, *pip, "install", "-c", tmp_path / "pins.txt", wheel, cwd=tmp_path)
    said = run(tmp_path / "env" / "bin" / "clearmark", "up", "--demo", "--folder", "data", cwd=tmp_path)
    assert "first decision" in said
    assert "The ledger closes: each record has exactly one outcome" in said
    assert re.search(r"verify data/demo/after.txt: confirmed", said)
    for reason in ("A.1.h", "too-large", "unreadable", "type-mismatch", "unsupported-media", "malformed-event"):
        assert reason in said
    for reason in ("identity-missing", "consent-revoked", "user-suspended", "decompression-bomb", "A.1.f", "A.1.d"):
        assert reason in said
    assert "drawn pictures stand in" in said
    assert "12 marked pictures" in said
    assert f"{ROOT}" not in said
