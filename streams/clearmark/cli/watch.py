"""``clearmark watch``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from clearmark.cli.options import config_option
from clearmark.kafka import clients
from clearmark.ledger.ledger import ENDS
from clearmark.topology import Topic
from clearmark.watch import Follower, line

if TYPE_CHECKING:
    from clearmark.config import Config

_TOPICS = [topic.value for topic in ENDS]


@click.command()
@click.argument("topics", nargs=-1, type=click.Choice(_TOPICS))
@click.option("--from-beginning", is_flag=True, help="Show what is there already, too.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many.")
@config_option
def command(topics: tuple[str, ...], from_beginning: bool, count: int | None, config: Config) -> None:
    """Follow decisions live: time, outcome, decision id, content id, user, reasons. Ctrl-C ends it."""
    chosen = [Topic(name) for name in topics or _TOPICS]
    follower = Follower(clients.reader(config), config.topics.topology(), chosen, beginning=from_beginning)
    shown = 0
    try:
        while True:
            for seen in follower.poll():
                click.echo(line(seen))
                shown += 1
                if shown == count:
                    return
    except KeyboardInterrupt:
        pass
    finally:
        follower.close()
