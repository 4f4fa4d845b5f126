"""``clearmark identities add|revoke|import``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clearmark.cli.options import config_option
from clearmark.cli.state import digest_key, import_file, now, operator_option, usage_errors, view, write
from clearmark.operate import identities
from clearmark.operate.numbers import METHODS
from clearmark.topology import Topic

if TYPE_CHECKING:
    from clearmark.config import Config


@click.group()
def command() -> None:
    """Record whose real identity was verified (R-DS-9): without such a record nothing of a user's is published.

    A record keeps the method and a keyed digest, never the number.
    """


@command.command()
@click.argument("user")
@click.option("--method", type=click.Choice(METHODS), required=True, help="How the identity was verified.")
@click.option("--number", required=True, help="The number; - reads it from standard input (process lists are public).")
@click.option("--expires", help="DATE (through that day, UTC) or moment after which the record no longer holds.")
@operator_option
@config_option
def add(user: str, method: str, number: str, expires: str | None, operator: str, config: Config) -> None:
    """Record that USER's identity was verified."""
    value = sys.stdin.readline().strip() if number == "-" else number
    with usage_errors():
        change = identities.verified(digest_key(config), user, method, value, expires, now())
    write(config, operator, change)
    click.echo(f"{user}: verified by {method}")


@command.command()
@click.argument("user")
@click.option("--reason", default="", help="Why; goes to the audit log.")
@operator_option
@config_option
def revoke(user: str, reason: str, operator: str, config: Config) -> None:
    """Take USER's identity record back: what they publish from now on is blocked."""
    with view(config, Topic.IDENTITIES) as views:
        known = views.identity(user)
    if known is None or known.state == "revoked":
        click.echo(f"clearmark: {user} has no verified identity", err=True)
        sys.exit(1)
    write(config, operator, identities.revoked(known, reason, now()))
    click.echo(f"{user}: revoked")


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@operator_option
@config_option
def import_(file: Path, operator: str, config: Config) -> None:
    """Record the identities of a CSV FILE: user,method,number,expires. A bad line is named and skipped; exit 1 then."""
    key, at = digest_key(config), now()
    done, bad = import_file(config, operator, file, lambda lines, on_bad: identities.imported(lines, key, at, on_bad))
    click.echo(f"{done} recorded, {bad} skipped")
    sys.exit(int(bad > 0))
