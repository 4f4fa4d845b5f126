"""``clearmark features add|import|remove|list``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from clearmark.cli.options import config_option
from clearmark.cli.scan import content_type_of
from clearmark.cli.state import import_file, now, operator_option, usage_errors, view, write
from clearmark.extract.sniff import picture_type
from clearmark.operate import features
from clearmark.schemas import events
from clearmark.screen.picture import hash_of
from clearmark.topology import Topic

if TYPE_CHECKING:
    from clearmark.config import Config
    from clearmark.operate.desk import Change


@click.group()
def command() -> None:
    """Keep the feature library: words and pictures to look for (R-DS-10). Changes are live within seconds."""


@command.command()
@click.option("--word", help="A word or phrase; what looks alike matches alike.")
@click.option(
    "--image",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A picture; its perceptual hash is kept, not the file.",
)
@click.option("--category", required=True, metavar="CODE", help="A code of R-TAX-1, such as A.1.f.")
@click.option("--level", type=click.Choice(features.LEVELS), default="block", help="What a match leads to [block].")
@click.option("--distance", type=int, help=f"Bits of 256 that may differ, for a picture [{features.DISTANCE}].")
@operator_option
@config_option
def add(
    word: str | None,
    image: Path | None,
    category: str,
    level: str,
    distance: int | None,
    operator: str,
    config: Config,
) -> None:
    """Add a word or a picture."""
    if (word is None) == (image is None):
        raise click.UsageError("give --word or --image")
    if word is not None and distance is not None:
        raise click.UsageError("--distance is for pictures: words match exactly")
    with usage_errors():
        change = (
            features.word(word, category, level, now())
            if word is not None
            else _picture(image or Path(), category, level, distance)
        )
    write(config, operator, change)
    click.echo(change.subject)


def _picture(file: Path, category: str, level: str, distance: int | None) -> Change:
    data = file.read_bytes()
    kind = picture_type(data) or content_type_of(file)  # what it is counts, not how it is called
    return features.image(str(hash_of(data, kind)), category, level, now(), distance)


@command.command()
@click.argument("feature_id", metavar="ID")
@click.option("--reason", default="", help="Why; goes to the audit log.")
@operator_option
@config_option
def remove(feature_id: str, reason: str, operator: str, config: Config) -> None:
    """Take the entry ID out of use."""
    with view(config, Topic.FEATURES) as views:
        known = next((f for f in views.features() if f.id == feature_id), None)
    if known is None:
        click.echo(f"clearmark: there is no entry {feature_id}: see 'clearmark features list'", err=True)
        sys.exit(1)
    write(config, operator, features.removed(known, reason, now()))
    click.echo(f"{feature_id}: removed")


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@operator_option
@config_option
def import_(file: Path, operator: str, config: Config) -> None:
    """Add the entries of a CSV FILE: kind,value,category,level,distance. A bad line is named and skipped; exit 1 then.

    The kind is word or image; an image's value is its PDQ hash in 64 hex digits.
    """
    at = now()
    done, bad = import_file(config, operator, file, lambda lines, on_bad: features.imported(lines, at, on_bad))
    click.echo(f"{done} added, {bad} skipped")
    sys.exit(int(bad > 0))


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One entry a line, as on the topic.")
@config_option
def list_(as_json: bool, config: Config) -> None:
    """Show the entries in use."""
    with view(config, Topic.FEATURES) as views:
        found = sorted(views.features(), key=lambda f: (f.kind, f.category, f.value))
    if as_json:
        for feature in found:
            click.echo(events.dump(feature))
        return
    table = Table("id", "kind", "value", "category", "level", "distance", "since")
    for f in found:
        table.add_row(f.id, f.kind, f.value, f.category, f.level, "" if f.distance is None else str(f.distance), f.at)
    Console().print(table)
    click.echo(f"{len(found)} in use")
