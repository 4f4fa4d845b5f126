"""``clearmark standing show|lift``."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from clearmark.cli.options import config_option
from clearmark.cli.state import digest_key, now
from clearmark.digests import user_digest
from clearmark.errors import Reject
from clearmark.govern.conduct import good
from clearmark.govern.desk import SHOWN_S, StandingDesk
from clearmark.kafka import clients
from clearmark.kafka.tail import Tail
from clearmark.operate.desk import StateDesk
from clearmark.schemas import events

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearmark.config import Config


@click.group()
def command() -> None:
    """See how a user stands after violations, and lift it."""


def _desk(config: Config) -> StandingDesk:
    admin, topology = clients.admin(config), config.topics.topology()

    def desk(reviewer: str, at: Callable[[], datetime]) -> StateDesk:
        return StateDesk(clients.settings(config), admin, topology, reviewer, at)

    return StandingDesk(Tail(clients.reader(config), admin), topology, desk, now)


@command.command()
@click.argument("user")
@click.option("--json", "as_json", is_flag=True, help="The record as on the standing topic.")
@config_option
def show(user: str, as_json: bool, config: Config) -> None:
    """Show how USER (the operator's account id) stands now."""
    digest = user_digest(digest_key(config), user)
    standing = _desk(config).standing(digest) or good(digest)
    if as_json:
        click.echo(events.dump(standing))
        return
    over = standing.until is not None and datetime.fromisoformat(standing.until) <= now()
    if standing.level == "good" or over:
        past = f" ({standing.level} until {standing.until})" if over else ""
        click.echo(f"{user} is in good standing{past}")
        return
    because = ", ".join(standing.because)
    click.echo(f"{user} is {standing.level} until {standing.until}, by rule {standing.rule}, for decisions {because}")


@command.command()
@click.argument("user")
@click.option("--reviewer", required=True, help="Who decides; goes to the audit log.")
@click.option("--reason", required=True, help="Why; goes to the audit log.")
@config_option
def lift(user: str, reviewer: str, reason: str, config: Config) -> None:
    """End what USER was given, and forgive the violations that led there."""
    if not reviewer.strip() or not reason.strip():
        raise click.UsageError("--reviewer and --reason must say something: they go to the audit log")
    try:
        shown = _desk(config).lift(user_digest(digest_key(config), user), reviewer, reason)
    except Reject as error:
        click.echo(f"clearmark: {error.message}", err=True)
        sys.exit(1)
    if shown is None:
        click.echo(
            f"clearmark: the lift is written, but not followed within {SHOWN_S:.0f} s: govern is not running, or is "
            "behind -> it takes effect when 'clearmark worker govern' has read it",
            err=True,
        )
        sys.exit(1)
    click.echo(f"{user} is {'in good standing' if shown.level == 'good' else shown.level}")
