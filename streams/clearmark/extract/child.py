"""The sandboxed process: reads files from standard input, writes pictures to standard output, until the input ends.

Run as ``python -m clearmark.extract.child LIMITS`` with the limits as JSON. Nothing can be imported or opened once it
is hardened, so everything is loaded, and each format decoded once, before.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from io import BytesIO
from typing import TYPE_CHECKING, Final

from PIL import GifImagePlugin, Image, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin  # noqa: F401 - loaded while files can still be opened

from clearmark.extract import wire
from clearmark.extract.decode import decode
from clearmark.extract.limits import ExtractLimits
from clearmark.extract.sandbox import allow_cpu, harden
from clearmark.extract.sniff import FORMATS
from clearmark.screen.admit import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

_MEDIA_TYPES: Final = tuple(FORMATS)
_WARM: Final = {
    "image/png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "image/jpeg": ("L", "RGB", "CMYK"),
    "image/webp": ("RGB", "RGBA"),
    "image/gif": ("L", "P"),
}


def main() -> None:
    """Load, harden, say so, and answer until the parent closes its end."""
    limits = ExtractLimits(**json.loads(sys.argv[1]))
    Image.MAX_IMAGE_PIXELS = limits.pixels
    source, sink = open(0, "rb", closefd=False), open(1, "wb", closefd=False)  # noqa: SIM115 - open until the end
    _warm_up(limits)
    _silence()
    _write(sink, wire.hello(harden(limits)))
    while head := source.read(wire.REQUEST.size):
        media_type, longest, size = wire.REQUEST.unpack(head)
        data = source.read(size)
        if len(data) < size:
            break
        allow_cpu(limits.cpu_s)
        answer = decode(data, _MEDIA_TYPES[media_type], limits, longest)
        del data
        _write(sink, wire.refusal(answer) if isinstance(answer, Refusal) else wire.picture(answer))
        del answer
    os._exit(0)  # nothing is left to flush or to tidy


def _silence() -> None:
    """Let nobody read what a library may print of a file."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)


def _write(sink: BinaryIO, parts: Sequence[bytes | memoryview]) -> None:
    sink.writelines(parts)
    sink.flush()


def _warm_up(limits: ExtractLimits) -> None:
    """Import what Pillow would import on first use, and go once through each decoder."""
    for module in [module for name, module in sys.modules.items() if name.startswith("PIL.")]:
        for name in getattr(module, "__lazy_modules__", ()):  # deferred from Python 3.15 on (PEP 810)
            importlib.import_module(name)
    exif = Image.Exif()
    exif[0x0112] = 6
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt("warm", "up", zip=True)
    for media_type, modes in _WARM.items():
        for mode in modes:
            encoded = BytesIO()
            Image.new(mode, (16, 16)).save(encoded, FORMATS[media_type], exif=exif, pnginfo=texts)
            decode(encoded.getvalue(), media_type, limits, longest=4)


if __name__ == "__main__":
    main()
