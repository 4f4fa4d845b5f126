"""``clearmark publish``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson
from rich.console import Console
from rich.progress import Progress

from clearmark.cli.options import config_option
from clearmark.cli.scan import content_type_of
from clearmark.kafka import clients
from clearmark.publish import Upload, publish
from clearmark.topology import Topic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clearmark.config import Config


@click.command()
@click.argument("files", metavar="FILE...|-", nargs=-1, required=True)
@click.option("--user", required=True, help="The operator's account id of the publisher (ce_userid).")
@click.option("--product", default="", help="The product that generated the content (ce_product).")
@click.option("--purpose", default="", help="What the content is for (ce_purpose).")
@click.option(
    "--likeness", "likenesses", multiple=True, help="A person whose likeness or voice it uses; may be repeated."
)
@click.option("--synthetic", is_flag=True, help="The persons shown are invented (ce_synthetic).")
@click.option("--content-type", help="Declared media type; else by the file's name.")
@config_option
def command(
    files: tuple[str, ...],
    user: str,
    product: str,
    purpose: str,
    likenesses: tuple[str, ...],
    synthetic: bool,
    content_type: str | None,
    config: Config,
) -> None:
    """Put artifacts on ingress; `-` reads JSON lines {"id": ..., "text": ...}. Ends when each is on the log."""
    attributes = {
        "product": product,
        "purpose": purpose,
        "likenesses": ",".join(likenesses),
        "synthetic": "true" if synthetic else "",
    }
    uploads = _uploads(files, user, attributes, content_type)
    topology = config.topics.topology()
    console = Console(stderr=True)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("publishing", total=len(uploads))
        count = publish(
            clients.settings(config),
            topology.name(Topic.INGRESS),
            uploads,
            lambda: progress.advance(task),
            topology.spec(Topic.INGRESS).max_message_bytes,
        )
    click.echo(f"published {count} to {topology.name(Topic.INGRESS)}")


def _uploads(
    files: tuple[str, ...], user: str, attributes: Mapping[str, str], content_type: str | None
) -> list[Upload]:
    uploads = []
    for name in files:
        if name == "-":
            for number, line in enumerate(filter(bytes.strip, sys.stdin.buffer), 1):
                try:
                    value = orjson.loads(line)
                    data, event_id = value["text"].encode(), str(value.get("id", ""))
                except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
                    message = f'line {number} of standard input is not {{"id": ..., "text": ...}}'
                    raise click.UsageError(message) from None
                uploads.append(Upload(data, content_type or "text/plain", user, event_id, attributes))
            continue
        try:
            data = Path(name).read_bytes()
        except OSError as error:
            raise click.UsageError(f"{name} cannot be read ({type(error).__name__})") from None
        uploads.append(Upload(data, content_type or content_type_of(Path(name)), user, attributes=attributes))
    return uploads
