"""Stands in for a child that a file has taken over: run with what it does, then the limits, which it ignores."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from clearmark.extract import wire

PICTURE = {
    "format": "PNG", "width": 4, "height": 2, "shape": [2, 4, 3], "grey": False, "frames": 1, "icc": None, "exif": None,
    "xmp": None, "texts": [], "quantization": None, "subsampling": -1, "lossless": False, "trimmed": False,
}  # fmt: skip
"""A true answer to a PNG of four by two pixels."""


def main() -> None:
    script = json.loads(sys.argv[1])
    if script.get("dies_at_start"):
        sys.exit(3)
    if script.get("silent_at_start"):
        time.sleep(60)
    say(wire.Kind.HELLO, json.dumps(script.get("hello", {"protections": []})).encode(), b"")
    while head := sys.stdin.buffer.read(wire.REQUEST.size):
        if script.get("never_reads"):
            time.sleep(60)
        sys.stdin.buffer.read(wire.REQUEST.unpack(head)[2])
        answer(script)


def answer(script: dict[str, object]) -> None:
    marker = script.get("once")
    if isinstance(marker, str) and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGSEGV)
    if number := script.get("signal"):
        os.kill(os.getpid(), int(str(number)))
    if script.get("hangs"):
        time.sleep(60)
    if raw := script.get("raw"):
        os.write(1, bytes.fromhex(str(raw)))
        time.sleep(60)
    if script.get("drips"):
        for byte in wire.ANSWER.pack(wire.Kind.PICTURE, 1000, 24) + bytes(1000):
            os.write(1, bytes((byte,)))
            time.sleep(0.1)
    fields = script.get("refusal") or {**PICTURE, **script.get("lie", {})}  # type: ignore[dict-item]
    text = script.get("text") or json.dumps(fields)
    kind = wire.Kind.REFUSAL if "refusal" in script else wire.Kind(int(str(script.get("kind", wire.Kind.PICTURE))))
    say(kind, str(text).encode(), bytes(int(str(script.get("pixels", 0 if "refusal" in script else 24)))))


def say(kind: wire.Kind, text: bytes, pixels: bytes) -> None:
    sys.stdout.buffer.write(wire.ANSWER.pack(kind, len(text), len(pixels)) + text + pixels)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
