"""More than a hundred files that want to break a decoder, through one real extractor."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from clearmark.extract.limits import ExtractLimits
from clearmark.extract.picture import Picture
from clearmark.extract.pool import Extractor
from clearmark.screen.admit import Refusal
from tests.extract.forge import encoded, noise
from tests.extract.hostile import FILE_BYTES, PNG, Case, cases

CASES = cases()
LIMITS = ExtractLimits(file_bytes=FILE_BYTES, cpu_s=4)
HOLDS = {"deadline", "unsupported-media"}


@dataclass
class Run:
    """What became of all files, in order, through one extractor.

    Attributes:
        answers: by the case's name.
        after: of a good picture at the end.
        lost: children that broke.
        child_bytes: most that a child had in memory.
        parent_bytes: by how much this process grew.
    """

    answers: dict[str, Picture | Refusal]
    after: Picture | Refusal
    lost: int
    child_bytes: int
    parent_bytes: int


@pytest.fixture(scope="module")
def run() -> Run:
    answers: dict[str, Picture | Refusal] = {}
    with Extractor(LIMITS) as extractor:
        most, before = 0, _own_peak()
        for case in CASES:
            answers[case.name] = _small(extractor.open(case.build(), case.content_type))
            most = max([most, *map(_peak, extractor.pids)])
        after = extractor.open(encoded(noise(), "PNG"), PNG)
        return Run(answers, after, extractor.lost, most, _own_peak() - before)


def _small(answer: Picture | Refusal) -> Picture | Refusal:
    """Give the pixels back: this process is measured."""
    if isinstance(answer, Picture):
        answer.pixels.resize((0, 0, 0), refcheck=False)
    return answer


def _peak(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def _own_peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_there_are_enough() -> None:
    assert len(CASES) >= 100
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_ends_as_the_contract_says(run: Run, case: Case) -> None:
    answer = run.answers[case.name]
    assert (answer.code if isinstance(answer, Refusal) else "ok") == case.outcome
    if isinstance(answer, Refusal):
        assert answer.hold is (case.outcome in HOLDS)


def test_a_good_picture_is_decoded_afterwards(run: Run) -> None:
    assert isinstance(run.after, Picture)
    assert (run.after.pixels == np.asarray(noise())).all()


def test_only_the_endless_file_cost_a_child(run: Run) -> None:
    assert run.lost == 1


def test_memory_stayed_bounded(run: Run) -> None:
    assert run.child_bytes < LIMITS.memory_bytes // 2
    assert run.parent_bytes < 400 << 20


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("gif-100000-frames", 1000),
        ("apng-100000-frames", 1000),
        ("webp-20000-frames", 1000),
        ("apng-says-two-billion-frames", 1),
        ("jpeg-says-four-billion-pictures", 1),
        ("gif-animated-then-zip", 4),
        ("apng-then-zip", 4),
        ("webp-animated-then-zip", 4),
    ],
)
def test_frames_are_counted_up_to_the_limit(run: Run, name: str, frames: int) -> None:
    answer = run.answers[name]
    assert isinstance(answer, Picture)
    assert answer.frames == frames


@pytest.mark.parametrize("name", ["png-text-of-6-megabytes", "jpeg-exif-of-6-megabytes", "webp-icc-of-6-megabytes"])
def test_no_more_metadata_than_allowed_comes_back(run: Run, name: str) -> None:
    answer = run.answers[name]
    assert isinstance(answer, Picture)
    assert (answer.exif, answer.xmp, answer.icc, answer.texts) == (None, None, None, ())
