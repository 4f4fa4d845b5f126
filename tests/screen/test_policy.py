"""The policy file: validated, versioned by its bytes, and with wording for every code."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import pytest

from clearmark.errors import Stop
from clearmark.screen.match import packaged
from clearmark.screen.policy import PACKAGED, PolicyError, load

if TYPE_CHECKING:
    from pathlib import Path

CONTRACT = (
    "identity-missing",
    "identity-expired",
    "user-limited",  # not in the first contract: added with standing
    "user-suspended",
    "consent-missing",
    "consent-expired",
    "consent-revoked",
    "type-mismatch",
    "unreadable",
    "too-large",
    "decompression-bomb",
    "unsupported-media",
    "deadline",
    "detector-failed",
    "mark-failed",
    "face-undeclared",
    "speech-not-transcribed",
)
RISKS = {"A.1": 8, "A.2": 9, "A.3": 5, "A.4": 7, "A.5": 2}


def test_the_packaged_policy_words_every_code_in_both_languages() -> None:
    policy = load()
    codes = {*CONTRACT, *(f"{group}.{chr(97 + i)}" for group, count in RISKS.items() for i in range(count))}
    assert set(policy.reasons) == codes
    assert len(codes) == 31 + 17
    for code in codes:
        reason = policy.reason(code)
        assert re.search("[\u4e00-\u9fff]", reason.zh)
        assert reason.en.isascii()
    assert policy.version == f"sha256:{hashlib.sha256(PACKAGED.read_bytes()).hexdigest()}"


def test_an_operators_policy_keeps_the_packaged_wording(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("thresholds: {A.2.i: {block: 0.5}}\nreasons: {too-large: {zh: 大, en: big}}\n")
    policy = load(file)
    assert policy.thresholds["A.2.i"].hold is None
    assert policy.reason("too-large").en == "big"
    assert policy.reason("unreadable").en == "the content cannot be read"
    assert policy.version != load().version


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("thresholds: {A.9.z: {block: 0.5}}", "A.9.z"),
        ("thresholds: {A.2.i: {block: 0.5, hold: 0.6}}", "hold must not be above block"),
        ("thresholds: {A.2.i: {}}", "give hold, block or both"),
        ("limits: {text_bytes: 99999999}", "limits.text_bytes"),
        ("marks: {text: {label: middle}}", "marks.text.label"),
        ("treshold: 3", "treshold"),
        ("- 1", "not a mapping"),
        ("a: [", "not YAML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(text)
    with pytest.raises(PolicyError, match=re.escape(says)):
        load(file)


def test_a_bad_word_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "w.csv"
    file.write_text("word,category,level\na,A.1.h,block\nb,A.1.h,maybe\n")
    with pytest.raises(Stop, match=r"w\.csv:3"):
        packaged(file)
