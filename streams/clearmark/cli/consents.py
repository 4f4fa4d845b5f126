"""``clearmark consents grant|revoke|import``."""

from __future__ import annotations

import hashlib
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clearmark.cli.options import config_option
from clearmark.cli.state import digest_key, import_file, now, operator_option, usage_errors, view, write
from clearmark.operate import consents
from clearmark.topology import Topic

if TYPE_CHECKING:
    from clearmark.config import Config


@click.group()
def command() -> None:
    """Record what persons agreed to about their face, voice or likeness (R-DS-14, R-PI-1).

    SUBJECT is the reference that publishers give in ce_likenesses. The last record of a subject counts.
    """


@command.command()
@click.argument("subject")
@click.option("--scope", required=True, help="Of face, voice, likeness; separated by commas.")
@click.option("--product", "products", multiple=True, help="Only for this product (ce_product); may be repeated.")
@click.option("--purpose", "purposes", multiple=True, help="Only for this purpose (ce_purpose); may be repeated.")
@click.option("--until", help="DATE (through that day, UTC) or moment after which it no longer holds.")
@click.option(
    "--evidence",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The signed form: its SHA-256 is kept, not the file.",
)
@click.option("--guardian", help="Who agreed for a person under 14.")
@click.option("--born", help="The person's date of birth, to check whether a guardian is needed; not kept.")
@operator_option
@config_option
def grant(
    subject: str,
    scope: str,
    products: tuple[str, ...],
    purposes: tuple[str, ...],
    until: str | None,
    evidence: Path | None,
    guardian: str | None,
    born: str | None,
    operator: str,
    config: Config,
) -> None:
    """Record that SUBJECT agreed."""
    digest = hashlib.sha256(evidence.read_bytes()).hexdigest() if evidence else None
    scopes = [part.strip() for part in scope.split(",") if part.strip()]
    with usage_errors():
        change = consents.granted(
            digest_key(config), subject, scopes, now(), products=products, purposes=purposes, until=until,
            evidence=digest, guardian=guardian, born=date.fromisoformat(born) if born else None,
        )  # fmt: skip
    write(config, operator, change)
    click.echo(f"{subject}: granted {', '.join(scopes)}")


@command.command()
@click.argument("subject")
@click.option("--reason", default="", help="Why; goes to the audit log.")
@operator_option
@config_option
def revoke(subject: str, reason: str, operator: str, config: Config) -> None:
    """Take SUBJECT's consent back: nothing that shows them passes from now on."""
    with view(config, Topic.CONSENTS) as views:
        known = views.consent(subject)
    if known is None or known.state == "revoked":
        click.echo(f"clearmark: {subject} has no consent to take back", err=True)
        sys.exit(1)
    write(config, operator, consents.revoked(known, reason, now()))
    click.echo(f"{subject}: revoked")


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@operator_option
@config_option
def import_(file: Path, operator: str, config: Config) -> None:
    """Record the consents of a CSV FILE: subject,scope,products,purposes,until,evidence,guardian,born.

    Lists within a field are separated by ; and evidence is the SHA-256 of the signed form. A bad line is named and
    skipped; exit 1 then.
    """
    key, at = digest_key(config), now()
    done, bad = import_file(config, operator, file, lambda lines, on_bad: consents.imported(lines, key, at, on_bad))
    click.echo(f"{done} recorded, {bad} skipped")
    sys.exit(int(bad > 0))
