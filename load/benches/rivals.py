"""The other watermarks of (e), run by an interpreter that has them: ``PYTHON -m load.benches.rivals PICTURE.npy``.

Prints one JSON line a scheme. invisible-watermark's import asks for torch, which only a method that is not compared
here needs; an empty module takes its place.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import types
from typing import TYPE_CHECKING, Any

import numpy as np

from load.benches.trial import try_out

if TYPE_CHECKING:
    from load.benches.trial import Pixels

_BITS = 64


class Invisible:
    """invisible-watermark by one of its methods; works on BGR."""

    def __init__(self, method: str) -> None:
        self.name, self._method = f"invisible-watermark {method}", method
        self._package = importlib.import_module("imwatermark")

    def embed(self, pixels: Pixels, payload: int) -> Pixels:
        encoder = self._package.WatermarkEncoder()
        encoder.set_watermark("bytes", payload.to_bytes(8, "big"))
        marked = encoder.encode(np.ascontiguousarray(pixels[..., ::-1]), self._method)
        return np.asarray(marked, np.uint8)[..., ::-1]

    def decode(self, pixels: Pixels) -> int | None:
        decoder = self._package.WatermarkDecoder("bytes", _BITS)
        return int.from_bytes(decoder.decode(np.ascontiguousarray(pixels[..., ::-1]), self._method), "big")


class Blind:
    """blind-watermark, its bits mode; works on BGR."""

    name = "blind-watermark"

    def __init__(self) -> None:
        self._package = importlib.import_module("blind_watermark")
        self._package.bw_notes.close()

    def embed(self, pixels: Pixels, payload: int) -> Pixels:
        mark = self._package.WaterMark()
        mark.read_img(img=np.ascontiguousarray(pixels[..., ::-1]))
        mark.read_wm([bool(payload >> place & 1) for place in reversed(range(_BITS))], mode="bit")
        return np.asarray(np.rint(mark.embed()), np.uint8)[..., ::-1]

    def decode(self, pixels: Pixels) -> int | None:
        found = self._package.WaterMark().extract(
            embed_img=np.ascontiguousarray(pixels[..., ::-1]), wm_shape=_BITS, mode="bit"
        )
        return int("".join(str(int(bit >= 0.5)) for bit in found), 2)


def main() -> None:
    if importlib.util.find_spec("torch") is None:
        torch: Any = types.ModuleType("torch")
        sys.modules["torch"] = torch
    pixels = np.load(sys.argv[1])
    small = np.ascontiguousarray(pixels[:256, :256])
    for scheme in (Invisible("dwtDct"), Invisible("dwtDctSvd"), Blind()):
        scheme.decode(scheme.embed(small, 1))  # first use
        print(json.dumps(try_out(scheme, pixels)), flush=True)


if __name__ == "__main__":
    main()
