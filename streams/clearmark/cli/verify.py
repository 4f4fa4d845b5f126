"""``clearmark verify``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from clearmark import wiring
from clearmark.cli.options import config_option
from clearmark.cli.scan import content_type_of
from clearmark.errors import ClearmarkError
from clearmark.extract.sniff import picture_type
from clearmark.mark.verify import Unreadable, exit_code, verify
from clearmark.schemas import events

if TYPE_CHECKING:
    from clearmark.config import Config
    from clearmark.mark.marker import Marker
    from clearmark.schemas.events import MarkReport, VerifyReport

UNREADABLE: Final = 2
_SHOWN: Final = ("label", "metadata", "watermark")


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@config_option
def command(files: tuple[Path, ...], as_json: bool, config: Config) -> None:
    """Read every mark of files, offline.

    Exit status, the worst of all files: 0 confirmed and consistent, 1 possible, suspected or none, 2 unreadable,
    3 invalid or contradictory marks.
    """
    try:
        with wiring.marker(config, wiring.watermark_key(config, os.environ)) as marker:
            worst = max(_verify(file, marker, as_json=as_json) for file in files)
    except ClearmarkError as error:  # 1 would say that the files bear no marks
        click.echo(f"clearmark: {error.diagnostics()}", err=True)
        worst = UNREADABLE
    sys.exit(worst)


def _verify(file: Path, marker: Marker, *, as_json: bool) -> int:
    try:
        report = _report(file, marker)
    except (OSError, UnicodeDecodeError, Unreadable) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        click.echo(f"{file}: cannot be read: {reason}", err=True)
        return UNREADABLE
    click.echo(events.dump(report) if as_json else _line(report))
    return exit_code(report)


def _report(file: Path, marker: Marker) -> VerifyReport:
    data = file.read_bytes()
    # A picture is known by its bytes: in the wild, names lie.
    return verify(str(file), data, picture_type(data) or content_type_of(file), marker)


def _line(report: VerifyReport) -> str:
    said = f"{report.file}: {report.verdict}"
    said += f", content id {report.content_id}" if report.content_id else ""
    said += "" if report.consistent else ", CONTRADICTORY OR DAMAGED MARKS"
    return f"{said} | " + " | ".join(_mark(name, getattr(report.marks, name)) for name in _SHOWN)


def _mark(name: str, mark: MarkReport) -> str:
    parts = [f"{name} {mark.state}"]
    if mark.text:
        parts.append(f"“{mark.text}”")
    if mark.aigc:
        parts.append(f"by {mark.aigc.get('ContentProducer') or 'nobody named'}")
    if mark.false_alarm is not None:
        parts.append(f"(false alarm {mark.false_alarm:.0e})")
    return " ".join((*parts, *(f"[{fault}]" for fault in mark.faults)))
