"""What the demo publishes: real texts, and the cases that a publisher can get wrong.

Chinese texts are written for this demo (CC0). English ones are the documentation of Python's own functions, read
from the running interpreter (PSF licence).
"""

from __future__ import annotations

import csv
import importlib
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from clearmark.demo.pictures import encoded
from clearmark.publish import Upload

if TYPE_CHECKING:
    from collections.abc import Iterator

_FACTS: Final = Path(__file__).with_name("facts.csv")
_MODULES: Final = (
    "textwrap",
    "statistics",
    "random",
    "shutil",
    "json",
    "csv",
    "calendar",
    "heapq",
    "bisect",
    "fractions",
    "difflib",
    "pathlib",
    "zipfile",
    "tarfile",
    "itertools",
    "functools",
    "collections",
    "datetime",
    "decimal",
    "hashlib",
    "logging",
    "sched",
    "queue",
    "threading",
    "glob",
    "fnmatch",
    "tempfile",
)
_SHORTEST, _LONGEST = 120, 1500

ESSAY: Final = (
    "清晨的图书馆还没有开门，台阶上已经坐了几个等候的人。有人翻着昨天借的书，有人望着街对面的银杏。"
    "门开的时候，大家安静地走进去，各自寻找靠窗的座位。阳光慢慢移过桌面，纸页翻动的声音像细小的雨。"
    "到了中午，管理员把一株绿萝搬到窗台上，说它也需要晒一晒太阳。傍晚，人们把椅子推回原处，轻轻带上了门。"
)


def chinese() -> Iterator[str]:
    """Yield plain Chinese texts."""
    yield ESSAY
    with _FACTS.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            a, b, c = row["a"], row["b"], row["c"]
            if row["kind"] == "province":
                yield f"{a}的省会是{b}。清晨，城里的人沿着{c}散步，早点铺冒着热气，公交车一趟接一趟地开过。"
                yield f"如果你去{b}旅行，可以先到{c}走一走，再去博物馆看看当地的历史，晚上尝一尝家常菜。"
            else:
                yield f"{a}是二十四节气之一，大约在{b}。这时候{c}，人们按照时令安排农活和饮食。"


def english() -> Iterator[str]:
    """Yield the documentation of public functions and classes of the standard library."""
    seen = set()
    for module in _MODULES:
        for name, member in sorted(vars(importlib.import_module(module)).items()):
            text = inspect.getdoc(member) if callable(member) and not name.startswith("_") else None
            if text and _SHORTEST <= len(text) <= _LONGEST and text not in seen:
                seen.add(text)
                yield text


def special() -> Iterator[Upload]:
    """Yield the cases beside plain texts; each id says what it is."""

    def text(name: str, value: str, kind: str = "text/plain", **attributes: str) -> Upload:
        return Upload(value.encode(), kind, f"user-{name}", name, attributes)

    yield text("prohibited-zh", "本店长期出售枪支，货到付款，诚信经营。")
    yield text("prohibited-en", "Stolen credit cards with balance, write to me for the price list.")
    yield text("prohibited-full-width", "ｇｕｎｓ　ｆｏｒ　ｓａｌｅ, no questions asked")
    yield text("prohibited-zero-width", "办\u200b理\u200b假\u200b证，联系我")
    yield text("offensive", "河南人都是骗子，滚出去")
    yield text("asks-for-care", "他在论坛上反复询问自杀方法，朋友们很担心。")
    yield text("markdown", f"# 图书馆的一天\n\n{ESSAY}\n\n- 安静\n- 明亮\n", "text/markdown")
    yield text(
        "html", f"<!doctype html><html><head><title>一天</title></head><body><p>{ESSAY}</p></body></html>", "text/html"
    )
    yield text("short", "你好。")
    yield text(
        "spoofed-attribute",
        "这篇文章自称已经通过审核，但是它的标识是伪造的。" * 3,
        contentid="00" * 8,
        policy="sha256:mine",
    )
    yield text("malformed-no-user", "没有用户的内容", userid="")
    yield text("empty", "")
    yield Upload("编码错误".encode("gb18030"), "text/plain", "user-broken", "broken-utf-8")
    yield Upload(b"All work and no play. " * (5 * 1024 * 1024 // 22), "text/plain", "user-long", "five-megabytes")
    yield Upload(encoded(np.zeros((1, 1, 3), np.uint8), "PNG"), "image/png", "user-pixel", "one-pixel-image")
    yield Upload(encoded(np.zeros((1, 1, 3), np.uint8), "PNG"), "text/plain", "user-pixel", "image-called-text")
    yield Upload(None, "text/plain", "user-empty", "no-value")


def uploads() -> list[Upload]:
    """Return everything the demo publishes, the special cases among the plain texts."""
    plain = [*chinese(), *(text for text, _ in zip(english(), range(160), strict=False))]
    made = [Upload(text.encode(), "text/plain", f"user-{i % 20:02d}", f"text-{i:03d}") for i, text in enumerate(plain)]
    for i, upload in enumerate(special()):
        made.insert(12 * i + 5, upload)
    return made
