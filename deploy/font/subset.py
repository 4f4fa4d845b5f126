"""Make the label's font: the few characters of Noto Sans SC Medium that labels need, and its licence beside it.

::

    npm pack @fontsource/noto-sans-sc@5.3.0 && tar xzf fontsource-noto-sans-sc-5.3.0.tgz
    python deploy/font/subset.py package

Needs fonttools (the ``dev`` group). The same package gives the same bytes, so a diff shows what changed. The licence
(SIL OFL 1.1) reserves the name "Source", which the font does not bear, and asks that licence and copyright go with it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

FOLDER: Final = Path(__file__).resolve().parents[2] / "streams" / "clearmark" / "mark" / "image"
SOURCE: Final = "files/noto-sans-sc-chinese-simplified-500-normal.woff2"
NAME: Final = "NotoSansSC-Medium-label"
CHARACTERS: Final = (
    "".join(map(chr, range(0x20, 0x7F))) + "·–—“”…、。，：；！？（）【】" + "人工智能生成合成内容由辅助图片"
)
COPYRIGHT: Final = 0
"""The copyright notice's number in a font's ``name`` table."""


def subset(font: TTFont) -> None:
    """Drop all but the characters, their outlines and the names; no shaping tables, so every layout engine agrees."""
    options = Options()
    options.layout_features = []
    options.drop_tables += ["BASE", "GDEF", "GPOS", "GSUB", "STAT", "vhea", "vmtx"]
    options.name_IDs = ["*"]
    options.recalc_timestamp = False
    options.hinting = False
    options.notdef_outline = True
    subsetter = Subsetter(options)
    subsetter.populate(text=CHARACTERS)
    subsetter.subset(font)
    font.flavor = None


def main() -> None:
    """Write the font and its licence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path, help="the unpacked @fontsource/noto-sans-sc")
    package: Path = parser.parse_args().package
    font = TTFont(package / SOURCE, recalcTimestamp=False)
    copyright_notice = font["name"].getDebugName(COPYRIGHT)
    subset(font)
    font.save(FOLDER / f"{NAME}.ttf")
    licence = (package / "LICENSE").read_text("utf-8").partition("This Font Software is licensed")
    text = f"Noto Sans SC Medium, reduced to the characters of labels.\n{copyright_notice}\n\n{''.join(licence[1:])}"
    (FOLDER / f"{NAME}.OFL.txt").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
