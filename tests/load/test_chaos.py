"""The sixty-second form of the chaos run: at least 5,000 artifacts, workers and a broker broken at random."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).resolve().parents[2] / "load" / "chaos.py"


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_is_lost_or_doubled_while_things_break(tmp_path: Path) -> None:
    command = [sys.executable, str(CHAOS), "--seconds", "60", "--rate", "100", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    assert result["good"]
    assert result["received"] >= 5000, done.stdout
    assert result["pictures"] > 50
    assert result["revoked"] >= 1
    assert result["suspended"] >= 5
    assert {"consent-revoked", "user-suspended"} <= set(result["reasons"])
    assert "broker 0" not in done.stdout
    assert (tmp_path / "chaos.png").stat().st_size > 1000
