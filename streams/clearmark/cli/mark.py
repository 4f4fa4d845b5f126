"""``clearmark mark``."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clearmark import wiring
from clearmark.cli.options import config_option
from clearmark.cli.scan import content_type_of
from clearmark.ids import ContentId
from clearmark.screen.admit import TEXT_TYPES, Refusal, admit

if TYPE_CHECKING:
    from clearmark.config import Config


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--content-id", help="16 hex digits to carry; else a random id.")
@click.option("--profile", type=click.Choice(["cn", "eu", "us-ca"]), default="cn", show_default=True)
@config_option
def command(source: Path, target: Path, content_id: str | None, profile: str, config: Config) -> None:
    """Mark a text or a picture, offline, and read every mark back. OUT is written only if all are there.

    The label's wording serves all three profiles: it is bilingual and says both that AI was used and what it did.
    """
    del profile  # one wording meets all three for texts and pictures; other media will differ
    try:
        cid = ContentId.parse(content_id) if content_id else ContentId(secrets.randbits(64))
        data = source.read_bytes()
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from None
    policy, kind = wiring.load_policy(config), content_type_of(source)
    refused = admit(None, data, policy.limits) if kind in TEXT_TYPES else None
    with wiring.marker(config, wiring.watermark_key(config, os.environ)) as marker:
        done = refused if isinstance(refused, Refusal) else marker.mark(data, kind, cid)
    if isinstance(done, Refusal):
        click.echo(f"{source}: {policy.reason(done.code).en} ({done.code})", err=True)
        sys.exit(1)
    if done.failed:
        click.echo(f"{source}: not marked, these could not be read back: {', '.join(done.failed)}", err=True)
        sys.exit(1)
    try:
        target.write_bytes(done.data)
    except OSError as error:
        raise click.UsageError(str(error)) from None
    found = ", ".join(f"{name} {getattr(done.marks, name).state}" for name in ("label", "metadata", "watermark"))
    click.echo(f"{target}: content id {cid}, {found}")
