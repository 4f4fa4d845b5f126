"""``clearmark review list|release|reject``."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from clearmark import wiring
from clearmark.cli.options import config_option
from clearmark.errors import Reject
from clearmark.ids import DecisionId
from clearmark.kafka import clients
from clearmark.review.review import Resolution, ReviewDesk
from clearmark.schemas import events

if TYPE_CHECKING:
    from clearmark.config import Config


@click.group()
def command() -> None:
    """Look at held artifacts, and release or reject them."""


def _desk(config: Config) -> ReviewDesk:
    store = wiring.open_store(config)
    quarantine = wiring.open_quarantine(store, config.load_keys(os.environ))
    return ReviewDesk(
        clients.settings(config),
        clients.reader(config),
        clients.admin(config),
        config.topics.topology(),
        quarantine,
        lambda: datetime.now(UTC),
    )


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One notice a line, as on the review topic.")
@config_option
def list_(as_json: bool, config: Config) -> None:
    """Show what waits for a person."""
    held = _desk(config).waiting()
    if as_json:
        for h in held:
            click.echo(events.dump(h.notice))
        return
    table = Table("decision id", "held at", "user", "type", "reasons")
    for h in held:
        notice = h.notice
        reasons = "\n".join(f"{r.code} {r.zh} / {r.en}" for r in notice.reasons)
        table.add_row(notice.decision_id, notice.decided_at, notice.user_id, notice.content_type, reasons)
    Console().print(table)
    click.echo(f"{len(held)} waiting")


def _decide(config: Config, decision_id: str, resolution: Resolution, reviewer: str, reason: str) -> None:
    if not reviewer.strip() or not reason.strip():
        raise click.UsageError("--reviewer and --reason must say something: they go to the audit log")
    try:
        chosen = DecisionId(decision_id)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        _desk(config).decide(chosen, resolution, reviewer, reason)
    except Reject as error:
        click.echo(f"clearmark: {error.message}", err=True)
        sys.exit(1)
    click.echo(f"{decision_id} {resolution}")


@command.command()
@click.argument("decision_id")
@click.option("--reviewer", required=True, help="Who decides; goes to the audit log.")
@click.option("--reason", required=True, help="Why; goes to the audit log.")
@config_option
def release(decision_id: str, reviewer: str, reason: str, config: Config) -> None:
    """Let a held artifact go on to be marked and approved."""
    _decide(config, decision_id, "released", reviewer, reason)


@command.command()
@click.argument("decision_id")
@click.option("--reviewer", required=True, help="Who decides; goes to the audit log.")
@click.option("--reason", required=True, help="Why; goes to the audit log.")
@config_option
def reject(decision_id: str, reviewer: str, reason: str, config: Config) -> None:
    """Refuse a held artifact for good."""
    _decide(config, decision_id, "rejected", reviewer, reason)
