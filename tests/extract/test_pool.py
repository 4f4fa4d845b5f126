"""The parent's side: children that crash, hang, lie or cannot start, and real ones that stay warm."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from clearmark.errors import Retry
from clearmark.extract.limits import ExtractLimits
from clearmark.extract.picture import Picture
from clearmark.extract.pool import Extractor
from clearmark.screen.admit import Refusal
from tests.extract.forge import encoded, noise, png

if TYPE_CHECKING:
    from collections.abc import Iterator

PNG, JPEG = "image/png", "image/jpeg"
LIAR = Path(__file__).with_name("liar.py")
LIMITS = ExtractLimits(wall_s=20, start_s=20, frames=50, metadata_bytes=1000)
FILE = png(width=4, height=2)
DEADLINE, UNREADABLE = Refusal("deadline", hold=True), Refusal("unreadable")


def liar(limits: ExtractLimits = LIMITS, workers: int = 1, **script: Any) -> Extractor:
    return Extractor(limits, workers, (sys.executable, str(LIAR), json.dumps(script)))


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as running:
        yield running


def test_the_liar_is_believed_when_it_says_the_truth() -> None:
    with liar() as running:
        picture = running.open(FILE, PNG)
        assert isinstance(picture, Picture)
        assert (picture.pixels == np.zeros((2, 4, 3), np.uint8)).all()
        assert running.lost == 0


@pytest.mark.parametrize(
    "lie",
    [
        {"format": "JPEG"}, {"format": "TIFF"}, {"format": None}, {"width": -4}, {"width": "4"}, {"width": 4.5},
        {"width": 0}, {"width": 5}, {"height": 2**70}, {"shape": [2, 4, 1]}, {"shape": [4, 2, 3]}, {"shape": [2, 4]},
        {"shape": [1, 4, 3]}, {"shape": [-2, -4, 3]}, {"shape": [2, 4, 3, 1]}, {"shape": [20000, 20000, 4]},
        {"width": 40000, "shape": [2, 40000, 3]}, {"width": 9000, "height": 9000, "shape": [9000, 9000, 3]},
        {"grey": 1}, {"frames": 0}, {"frames": 51}, {"frames": 2**64}, {"icc": ["QQ=="]}, {"exif": 7}, {"xmp": "QQ"},
        {"exif": "QUFB" * 400}, {"texts": [["k", "v" * 1001]]}, {"texts": [["k"]]}, {"texts": "kv"},
        {"quantization": [[0, [1] * 63]]}, {"quantization": [[0, [65536] * 64]]}, {"quantization": [[99, [1] * 64]]},
        {"quantization": [[n % 16, [1] * 64] for n in range(17)]}, {"subsampling": 3}, {"subsampling": None},
        {"lossless": None}, {"__class__": "os.system"}, {"pixels": "AAAA"},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_a_lie_in_any_field_is_no_picture(lie: dict[str, Any]) -> None:
    with liar(lie=lie) as running:
        assert running.open(FILE, PNG) == UNREADABLE
        assert running.lost == 2


@pytest.mark.parametrize(
    "script",
    [
        {"text": "{"}, {"text": "[]"}, {"text": "x"}, {"text": '"\\ud800"'}, {"text": "[" * 10000}, {"kind": 1},
        {"pixels": 23}, {"pixels": 0}, {"raw": "ff" * 13}, {"raw": "02" + "ffffffff" + "00" * 8},
        {"refusal": {"code": "allow", "hold": False}},
        {"refusal": {"code": "unreadable", "hold": True}}, {"refusal": {"code": "deadline", "hold": True}},
        {"refusal": {"code": 1, "hold": False}}, {"refusal": {"code": "unreadable", "hold": False}, "pixels": 5},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_an_answer_of_another_form_is_no_picture(script: dict[str, Any]) -> None:
    with liar(**script) as running:
        assert running.open(FILE, PNG) == UNREADABLE
        assert running.lost == 2


@pytest.mark.parametrize("code", ["unreadable", "type-mismatch", "decompression-bomb"])
def test_a_refusal_of_the_child_is_handed_on(code: str) -> None:
    with liar(refusal={"code": code, "hold": False}) as running:
        assert running.open(FILE, PNG) == Refusal(code)
        assert running.lost == 0


def test_a_thumbnail_larger_than_asked_for_is_no_picture() -> None:
    with liar() as running:
        assert isinstance(running.thumbnail(FILE, PNG, 4), Picture)
        assert running.thumbnail(FILE, PNG, 3) == UNREADABLE


def test_a_crash_is_tried_once_more(tmp_path: Path) -> None:
    with liar(once=str(tmp_path / "crashed")) as running:
        assert isinstance(running.open(FILE, PNG), Picture)
        assert running.lost == 1


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_file_that_crashes_twice_is_unreadable(number: int) -> None:
    with liar(signal=int(number)) as running:
        assert running.open(FILE, PNG) == UNREADABLE
        assert (running.lost, running.pids) == (2, [])


def test_processor_time_is_a_deadline_at_once() -> None:
    with liar(signal=int(signal.SIGXCPU)) as running:
        assert running.open(FILE, PNG) == DEADLINE
        assert running.lost == 1


@pytest.mark.parametrize("script", [{"hangs": True}, {"never_reads": True}, {"drips": True}, {"raw": "02"}])
def test_a_hang_is_a_deadline_and_the_child_is_gone(script: dict[str, Any]) -> None:
    with liar(replace(LIMITS, wall_s=0.5), **script) as running:
        assert running.protections == frozenset()
        (pid,) = running.pids
        assert running.open(png(width=2000, height=2000) + bytes(4 << 20), PNG) == DEADLINE
        assert running.pids == []
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize(
    "script", [{"dies_at_start": True}, {"silent_at_start": True}, {"hello": []}, {"hello": {"protections": "all"}}]
)
def test_a_child_that_does_not_start_is_retried_by_the_caller(script: dict[str, Any]) -> None:
    with liar(replace(LIMITS, start_s=1), **script) as running:
        for _ in range(2):
            with pytest.raises(Retry, match="does not start"):
                running.open(FILE, PNG)
        assert running.pids == []


def test_a_missing_program_is_retried_by_the_caller() -> None:
    with Extractor(LIMITS, command=("/nowhere/python",)) as running, pytest.raises(Retry, match="does not start"):
        running.open(FILE, PNG)


def test_protections_that_are_unknown_are_not_believed() -> None:
    with liar(hello={"protections": ["memory", "magic"]}) as running:
        assert running.protections == {"memory"}


@pytest.mark.parametrize(
    ("data", "content_type", "refusal"),
    [
        (b"", PNG, UNREADABLE),
        (b"GIF89a", PNG, Refusal("type-mismatch")),
        (FILE, "video/mp4", Refusal("unsupported-media", hold=True)),
        (bytes(LIMITS.file_bytes + 1), PNG, Refusal("too-large")),
    ],
)
def test_what_the_first_bytes_tell_needs_no_child(data: bytes, content_type: str, refusal: Refusal) -> None:
    with Extractor(LIMITS, command=("/nowhere/python",)) as running:
        assert running.open(data, content_type) == refusal


def test_one_child_stays_warm(extractor: Extractor) -> None:
    source = noise()
    for longest in (10, 0):
        picture = extractor.thumbnail(encoded(source, "PNG"), PNG, longest)
        assert isinstance(picture, Picture)
        assert max(picture.pixels.shape) == (longest or 40)
        assert longest or (picture.pixels == np.asarray(source)).all()
        assert picture.pixels.flags.writeable
        (pid,) = extractor.pids
        assert extractor.open(b"\xff\xd8\xff" + bytes(50), JPEG) == UNREADABLE
        assert extractor.pids == [pid]


def test_a_killed_child_is_replaced(extractor: Extractor) -> None:
    assert isinstance(extractor.open(FILE, PNG), Picture)
    (pid,), lost = extractor.pids, extractor.lost
    os.kill(pid, signal.SIGSEGV)
    assert isinstance(extractor.open(FILE, PNG), Picture)
    assert extractor.pids != [pid]
    assert extractor.lost == lost + 1


def test_a_batch_keeps_its_order_and_uses_all_children() -> None:
    sources = [noise(20 + n, 10) for n in range(12)]
    items: list[tuple[bytes, str]] = [(encoded(source, "PNG"), PNG) for source in sources]
    items[5] = (b"", PNG)
    with Extractor(workers=2) as running:
        assert len(running.protections) > 0
        assert len(running.pids) == 2
        answers = running.thumbnails(items, 100)
        assert len(running.pids) == 2
    assert answers[5] == UNREADABLE
    for n, (answer, source) in enumerate(zip(answers, sources, strict=True)):
        assert n == 5 or (isinstance(answer, Picture) and (answer.pixels == np.asarray(source)).all())


def test_a_batch_loses_only_the_file_that_breaks_children(tmp_path: Path) -> None:
    with liar(workers=2, once=str(tmp_path / "crashed")) as running:
        answers = running.thumbnails([(FILE, PNG), (b"", PNG), (FILE, PNG), (FILE, PNG)], 4)
        assert [isinstance(answer, Picture) for answer in answers] == [True, False, True, True]


def test_close_ends_the_children() -> None:
    running = Extractor(LIMITS, workers=2)
    assert running.protections
    pids = running.pids
    running.close()
    assert running.pids == []
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_child_that_the_kernel_does_not_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck: list[subprocess.Popen[bytes]] = []

    def late(process: subprocess.Popen[bytes], seconds: float) -> int:
        stuck.append(process)
        raise subprocess.TimeoutExpired(process.args, seconds)

    running = liar()
    assert isinstance(running.open(FILE, PNG), Picture)
    with monkeypatch.context() as patched:
        patched.setattr(subprocess.Popen, "wait", late)
        with pytest.raises(Retry, match="does not end"):
            running.close()
    assert stuck[0].wait(20) == -signal.SIGKILL


def test_an_interrupted_caller_never_gets_the_last_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with Extractor() as running:
        assert isinstance(running.open(FILE, PNG), Picture)

        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("clearmark.extract.pipes.Pipes.receive", interrupt)
            with pytest.raises(KeyboardInterrupt):
                running.open(FILE, PNG)
        picture = running.open(png(width=7, height=7), PNG)
        assert isinstance(picture, Picture)
        assert picture.width == 7


def test_children_end_with_a_parent_that_is_killed() -> None:
    script = """
import os
from clearmark.extract.pool import Extractor
extractor = Extractor()
assert extractor.protections
os.write(1, b"%d" % extractor.pids[0])
os.kill(os.getpid(), 9)
"""
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    parent = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE)
    said, _ = parent.communicate(timeout=60)
    assert ends(int(said))


def ends(pid: int) -> bool:
    """Return whether a process that is no child of this one ends, within 20 seconds."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    try:
        return bool(waiting.poll(20_000))
    finally:
        os.close(descriptor)


def test_children_see_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARMARK_SECRET", "quarantine key")
    with Extractor() as running:
        assert running.protections
        (pid,) = running.pids
        names = {entry.split(b"=")[0] for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if entry}
        assert names == {b"PYTHONPATH", b"OPENBLAS_NUM_THREADS", b"MALLOC_MMAP_THRESHOLD_", b"MALLOC_TRIM_THRESHOLD_"}
        assert os.getsid(pid) == pid
