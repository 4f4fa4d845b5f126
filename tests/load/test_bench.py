"""Every part of the benchmark runs, with numbers too small to mean anything, and says what it is meant to say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "load" / "bench.py"
TINY = {
    "--runs": "1",
    "--batch": "20",
    "--records": "100",
    "--texts": "40",
    "--pictures": "4",
    "--photographs": "1",
    "--sides": "256",
    "--decodings": "3",
    "--identities": "400",
}
IN_LOWEST_BITS = """
import numpy as np

def put(pixels, bits):
    marked = pixels.copy()
    marked[0, : len(bits), 0] = marked[0, : len(bits), 0] & 0xFE | np.asarray(bits, np.uint8)
    return marked

def take(pixels, count):
    return pixels[0, :count, 0] & 1
"""
STAND_INS = {
    "imwatermark": f"""
import torch
{IN_LOWEST_BITS}
class WatermarkEncoder:
    def set_watermark(self, kind, content):
        self.bits = np.unpackbits(np.frombuffer(content, np.uint8))

    def encode(self, pixels, method):
        return put(pixels, self.bits)

class WatermarkDecoder:
    def __init__(self, kind, length):
        self.length = length

    def decode(self, pixels, method):
        return np.packbits(take(pixels, self.length)).tobytes()
""",
    "blind_watermark": f"""
import types
{IN_LOWEST_BITS}
bw_notes = types.SimpleNamespace(close=lambda: None)

class WaterMark:
    def read_img(self, img):
        self.img = img

    def read_wm(self, bits, mode):
        self.bits = bits

    def embed(self):
        return put(self.img, self.bits).astype("float32")

    def extract(self, embed_img, wm_shape, mode):
        return take(embed_img, wm_shape)
""",
}
"""In the place of the rivals, which the project does not depend on; they hold a payload until anything is changed."""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("rivals")
    for name, source in STAND_INS.items():
        (folder / f"{name}.py").write_text(source)
    numbers = [word for pair in TINY.items() for word in pair]
    done = subprocess.run(
        [sys.executable, str(BENCH), *numbers, "--rivals", sys.executable],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("part", "lines"),
    [
        ("a", [r"pass-through of 1 KB records: [\d,]+/s against [\d,]+/s by hand"]),
        ("b", [r"screen \+ mark of texts on one core: [\d.,]+/s against [\d.,]+/s in a plain loop"]),
        ("c", [r"ingress to approved at [\d.,]+ texts/s, ratio 0\.50 of \(b\): p50 \d+ ms, p99 \d+ ms"]),
        ("d", [r"screen \+ mark of 512 px photographs on one core: [\d.,]+/s against [\d.,]+/s in a plain loop"]),
        (
            "e",
            [r"watermark at 256 px: embedded in [\d.]+ ms, read in [\d.]+ ms", "over ours", "over ours", "over ours"],
        ),
        ("f", [f"512 px {kind}, {way}" for kind in ("JPEG", "PNG") for way in ("whole", "thumbnail of 512")]),
        ("g", ["400 identities in memory: loaded in", "400 identities on disk: loaded in"]),
    ],
)
def test_each_part_prints_what_it_measured_as_a_ratio(said: str, part: str, lines: list[str]) -> None:
    found = [line for line in said.splitlines() if line.startswith(f"({part})")]
    assert len(found) == len(lines), said
    for line, wanted in zip(found, lines, strict=True):
        assert re.search(wanted, line), line
        assert re.search(r"ratio \d+\.\d\d", line), line


@pytest.mark.kafka
@pytest.mark.slow
def test_payloads_count_as_read_only_where_they_are_the_same(said: str) -> None:
    rows = {line.split("  ")[2]: re.findall(r"\d/1", line) for line in said.splitlines() if re.search(r" \d/1", line)}
    assert rows.pop("clearmark")[0] == "1/1"
    assert set(rows) == {"invisible-watermark dwtDct", "invisible-watermark dwtDctSvd", "blind-watermark"}
    assert all(row == ["1/1", *["0/1"] * 5] for row in rows.values())


def test_a_part_that_does_not_exist_is_named() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCH), "--only", "a,x"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "there is no part x" in done.stderr
