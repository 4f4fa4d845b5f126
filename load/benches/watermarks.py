"""(e) The picture watermark against invisible-watermark and blind-watermark: same pictures, same 64 bits, one core.

Ours in this interpreter and the rivals in theirs take turns, picture by picture.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from clearmark.ids import ContentId
from clearmark.mark.watermark.detect import detect
from clearmark.mark.watermark.embed import embed
from load.benches.inputs import PHOTOGRAPHS, square
from load.benches.machine import apart, bound, medians, one_core
from load.benches.trial import attacks, try_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from load.benches.trial import Pixels

RECIPE: Final = (
    "python -m venv V && V/bin/pip install numpy opencv-python-headless pywavelets && "
    "V/bin/pip install --no-deps invisible-watermark blind-watermark"
)
"""How to make an interpreter for the rivals; no torch, which only a method that is not compared needs."""
_KEY: Final = bytes(range(32))
_ROOT: Final = Path(__file__).resolve().parents[2]
_LIMIT_S: Final = 300


class Ours:
    """The watermark of `clearmark.mark.watermark`."""

    name = "clearmark"

    def embed(self, pixels: Pixels, payload: int) -> Pixels:
        return embed(pixels, ContentId(payload), _KEY)

    def decode(self, pixels: Pixels) -> int | None:
        found = detect(pixels, _KEY).content_id
        return found.value if found else None


def watermarks(sides: Sequence[int], count: int, rivals: Path | None) -> None:
    """Measure and print, for each length of the sides in pixels, the first photographs."""
    for side in sides:
        results: dict[str, list[dict[str, Any]]] = {}
        absent = []
        for name in PHOTOGRAPHS[:count]:
            pixels = square(name, side)
            with bound(one_core()):
                ours, without = apart(_ours, pixels)
                found = [ours, *(_theirs(rivals, pixels) if rivals else ())]
            absent.append(without)
            for result in found:
                results.setdefault(result["scheme"], []).append(result)
        _print(side, results, statistics.median(absent))
    if not rivals:
        print(f"    for the comparison: {RECIPE}; then --rivals V/bin/python", flush=True)


def _ours(pixels: Pixels) -> tuple[dict[str, Any], float]:
    """Return our trial, and the milliseconds of looking in vain for a mark that is not there."""
    scheme = Ours()
    scheme.decode(scheme.embed(pixels[:256, :256], 1))  # first use
    result = try_out(scheme, pixels)
    return result, try_out(_Absent(), pixels)["attacks"]["none"]["ms"]


class _Absent(Ours):
    def embed(self, pixels: Pixels, payload: int) -> Pixels:
        del payload
        return pixels


def _theirs(python: Path, pixels: Pixels) -> list[dict[str, Any]]:
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file, pixels)
        file.flush()
        done = subprocess.run(
            [str(python), "-m", "load.benches.rivals", file.name],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            check=True,
            timeout=_LIMIT_S,
        )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]


def _print(side: int, results: dict[str, list[dict[str, Any]]], absent_ms: float) -> None:
    ours = results["clearmark"]
    names = list(attacks())
    print(f"    {side} px, {len(ours)} photographs, 64 bits: median ms, median PSNR, payloads read", flush=True)
    print(f"    {'':30}{'embed':>9}{'decode':>9}{'PSNR':>8}  " + "".join(f"{name:>12}" for name in names), flush=True)
    for scheme, of_each in results.items():
        embed_ms = statistics.median(r["embed"] for r in of_each)
        decode_ms = statistics.median(r["attacks"]["none"]["ms"] for r in of_each)
        psnr = statistics.median(r["psnr"] for r in of_each)
        read = [f"{sum(r['attacks'][name]['read'] for r in of_each)}/{len(of_each)}" for name in names]
        row = f"{embed_ms:9.1f}{decode_ms:9.1f}{psnr:8.1f}  " + "".join(f"{text:>12}" for text in read)
        print(f"    {scheme:30}{row}", flush=True)
    hardest = statistics.median(r["attacks"]["all three"]["ms"] for r in ours)
    print(f"    clearmark reads after all three in {hardest:.0f} ms, finds nothing in {absent_ms:.0f} ms", flush=True)
    reading, embedding, ratio = medians([(r["attacks"]["none"]["ms"], r["embed"]) for r in ours])
    said = f"(e) watermark at {side} px: embedded in {embedding:.1f} ms, read in {reading:.1f} ms"
    print(f"{said}: ratio {ratio:.2f}", flush=True)
    for scheme, theirs in list(results.items())[1:]:
        *_, embedding = medians([(b["embed"], a["embed"]) for a, b in zip(ours, theirs, strict=True)])
        *_, decoding = medians(
            [(b["attacks"]["none"]["ms"], a["attacks"]["none"]["ms"]) for a, b in zip(ours, theirs, strict=True)]
        )
        said = f"(e) watermark at {side} px: time of {scheme} over ours"
        print(f"{said}: ratio {embedding:.2f} to embed, {decoding:.2f} to read", flush=True)
