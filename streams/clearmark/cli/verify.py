"""``clearmark verify``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clearmark import wiring
from clearmark.cli.options import config_option
from clearmark.cli.scan import content_type_of
from clearmark.mark.verify import exit_code, verify
from clearmark.schemas import events
from clearmark.screen.admit import TEXT_TYPES

if TYPE_CHECKING:
    from clearmark.config import Config
    from clearmark.schemas.events import VerifyReport

UNREADABLE = 2


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@config_option
def command(files: tuple[Path, ...], as_json: bool, config: Config) -> None:
    """Read every mark of files, offline.

    Exit status, the worst of all files: 0 confirmed and consistent, 1 possible, suspected or none, 2 unreadable,
    3 invalid or contradictory marks.
    """
    key = wiring.watermark_key(config, os.environ)
    least = wiring.load_policy(config).marks.text.watermark_characters
    worst = 0
    for file in files:
        try:
            report = _report(file, key, least)
        except (OSError, ValueError) as error:
            reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            click.echo(f"{file}: cannot be read: {reason}", err=True)
            worst = max(worst, UNREADABLE)
            continue
        click.echo(events.dump(report) if as_json else _line(report))
        worst = max(worst, exit_code(report))
    sys.exit(worst)


def _report(file: Path, key: bytes, least: int) -> VerifyReport:
    kind = content_type_of(file)
    if kind not in TEXT_TYPES:
        raise ValueError(f"{kind} is not supported yet; name a .txt, .md or .html file")
    return verify(str(file), file.read_bytes(), kind, key, least)


def _line(report: VerifyReport) -> str:
    marks = report.marks
    said = f"{report.file}: {report.verdict}"
    said += f", content id {report.content_id}" if report.content_id else ""
    said += "" if report.consistent else ", CONTRADICTORY OR DAMAGED MARKS"
    label = f"{marks.label.state} “{marks.label.text}”" if marks.label.text else marks.label.state
    return f"{said} | label {label} | code {marks.watermark.state}"
