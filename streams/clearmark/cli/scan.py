"""``clearmark scan``."""

from __future__ import annotations

import hashlib
import mimetypes
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import orjson

from clearmark import wiring
from clearmark.cli.options import config_option
from clearmark.keys import environment_name
from clearmark.schemas import events
from clearmark.screen.admit import media_of
from clearmark.screen.decide import Verdict
from clearmark.screen.screening import Submission

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clearmark.config import Config
    from clearmark.screen.screening import Screening

_BATCH: Final = 256
_BATCH_BYTES: Final = 64 * 1024 * 1024
_WORSE: Final = {"hold": (Verdict.HOLD, Verdict.BLOCK), "block": (Verdict.BLOCK,)}


def content_type_of(path: Path) -> str:
    """Return the media type that a file's name stands for; text where it stands for none."""
    if path.suffix.lower() in (".md", ".markdown"):
        return "text/markdown"
    # Not strict: where the system has no list of its own, Python's knows WebP only among the types not registered.
    return mimetypes.guess_type(path.name, strict=False)[0] or "text/plain"


@click.command()
@click.argument("files", metavar="FILE...|-", nargs=-1, required=True)
@click.option("--fail-on", type=click.Choice(["hold", "block"]), help="Exit 1 when a verdict is this or worse.")
@config_option
def command(files: tuple[str, ...], fail_on: str | None, config: Config) -> None:
    """Judge files by the policy, offline; `-` reads JSON lines {"id": ..., "text": ...}. One JSON object a line."""
    screening = wiring.screening(config, _watermark_key(config))
    worst = False
    with screening.extractor:
        for batch in _batches(_submissions(files)):
            for line, verdict in _judge(screening, batch):
                click.echo(line)
                worst = worst or (fail_on is not None and verdict in _WORSE[fail_on])
    sys.exit(int(worst))


def _watermark_key(config: Config) -> bytes:
    """Return the key that tells our own marks; without one, no invisible character is taken for ours."""
    if environment_name("watermark") in os.environ or (config.folder / config.keys.watermark).exists():
        return wiring.watermark_key(config, os.environ)
    return os.urandom(32)


def _batches(submissions: Iterator[tuple[str, Submission]]) -> Iterator[list[tuple[str, Submission]]]:
    batch: list[tuple[str, Submission]] = []
    size = 0
    for named in submissions:
        batch.append(named)
        size += len(named[1].data)
        if len(batch) >= _BATCH or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _submissions(files: tuple[str, ...]) -> Iterator[tuple[str, Submission]]:
    for name in files:
        if name == "-":
            yield from _lines()
            continue
        try:
            data = Path(name).read_bytes()
        except OSError as error:
            raise click.UsageError(f"{name} cannot be read ({type(error).__name__})") from None
        yield name, Submission(content_type_of(Path(name)), None, data)


def _lines() -> Iterator[tuple[str, Submission]]:
    for number, line in enumerate(sys.stdin.buffer, 1):
        if not line.strip():
            continue
        try:
            value = orjson.loads(line)
            text = value["text"].encode()
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            raise click.UsageError(f'line {number} of standard input is not {{"id": ..., "text": ...}}') from None
        yield str(value.get("id", number)), Submission("text/plain", None, text)


def _judge(screening: Screening, batch: list[tuple[str, Submission]]) -> Iterator[tuple[bytes, Verdict]]:
    for (name, submission), judgement in zip(batch, screening.judge([s for _, s in batch]), strict=True):
        report = events.ScanReport(
            name,
            media_of(submission.content_type).value,
            submission.content_type,
            hashlib.sha256(submission.data).hexdigest(),
            judgement.verdict.value,
            screening.policy.explain(judgement.codes),
            dict(judgement.categories),
            {name: dict(scores) for name, scores in judgement.detectors.items()},
            screening.policy.version,
        )
        yield events.dump(report), judgement.verdict
