"""``clearmark init``."""

from __future__ import annotations

from pathlib import Path

import click

from clearmark.init import init


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def command(folder: Path) -> None:
    """Write a commented clearmark.toml and fresh keys into DIR; never overwrite any."""
    for file in init(folder):
        click.echo(f"wrote {file}")
    click.echo(f"Keep a copy of the keys apart from this machine. Next: clearmark up --config {folder}/clearmark.toml")
