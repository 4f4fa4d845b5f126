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
from clearmark.mark.text import mark
from clearmark.screen.admit import Refusal, admit

if TYPE_CHECKING:
    from clearmark.config import Config


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--content-id", help="16 hex digits to carry; else a random id.")
@click.option("--profile", type=click.Choice(["cn", "eu", "us-ca"]), default="cn", show_default=True)
@config_option
def command(source: Path, target: Path, content_id: str | None, profile: str, config: Config) -> None:
    """Label and watermark a text, offline, and read both back. OUT is written only if every mark is there.

    The label's wording serves all three profiles: it is bilingual and says both that AI was used and what it did.
    """
    del profile  # one wording meets all three for text; other media will differ
    try:
        cid = ContentId.parse(content_id) if content_id else ContentId(secrets.randbits(64))
        data = source.read_bytes()
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from None
    policy = wiring.load_policy(config)
    kind = content_type_of(source)
    admitted = admit(kind, None, data, policy.limits)
    if isinstance(admitted, Refusal):
        click.echo(f"{source}: {policy.reason(admitted.code).en} ({admitted.code})", err=True)
        sys.exit(1)
    done = mark(data, kind, cid, wiring.watermark_key(config, os.environ), policy.marks.text)
    if done.failed:
        click.echo(f"{source}: not marked, these could not be read back: {', '.join(done.failed)}", err=True)
        sys.exit(1)
    target.write_bytes(done.data)
    click.echo(f"{target}: content id {cid}, label {done.marks.label.state}, code {done.marks.watermark.state}")
