"""``clearmark topics apply|show``."""

from __future__ import annotations

import sys

import click
from confluent_kafka.admin import AdminClient
from rich.console import Console
from rich.table import Table

from clearmark.kafka import admin as kafka_admin
from clearmark.topology import TOPICS, Topology


@click.group()
@click.option("--bootstrap-servers", envvar="CLEARMARK_BOOTSTRAP_SERVERS", help="The cluster: HOST:PORT,...")
@click.option("--prefix", envvar="CLEARMARK_TOPICS_PREFIX", default="clearmark", show_default=True)
@click.option("--replication", envvar="CLEARMARK_TOPICS_REPLICATION", default=1, show_default=True)
@click.option(
    "--partitions",
    envvar="CLEARMARK_TOPICS_PARTITIONS",
    default=0,
    help="Partitions of each topic that may have more than one; 0 keeps the table's.",
)
@click.pass_context
def command(
    context: click.Context, bootstrap_servers: str | None, prefix: str, replication: int, partitions: int
) -> None:
    """Create the topics, or show them and where a cluster differs from the table."""
    context.obj = (bootstrap_servers, Topology(prefix, replication, partitions))


@command.command()
@click.pass_obj
def apply(obj: tuple[str | None, Topology]) -> None:
    """Create the topics that are missing. Exit status 1 when an existing one differs."""
    admin, topology = _admin(obj[0]), obj[1]
    for name in kafka_admin.apply(admin, topology):
        click.echo(f"created {name}")
    _report(admin, topology)


@command.command()
@click.pass_obj
def show(obj: tuple[str | None, Topology]) -> None:
    """Show the table of topics and, with a cluster, every difference (exit status 1)."""
    shown = Table("topic", "key", "holds", "partitions", "retention", "written by", "read by")
    for spec, name, partitions in kafka_admin.table(obj[1]):
        days = f"{spec.retention.days} d" if spec.retention else "compacted"
        readers = ", ".join(spec.readers)
        shown.add_row(name, spec.key, spec.holds, str(partitions), days, ", ".join(spec.writers), readers)
    Console().print(shown)
    if obj[0]:
        _report(_admin(obj[0]), obj[1])


def _admin(bootstrap_servers: str | None) -> AdminClient:
    if not bootstrap_servers:
        raise click.UsageError("which cluster? give --bootstrap-servers or set CLEARMARK_BOOTSTRAP_SERVERS")
    return AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})


def _report(admin: AdminClient, topology: Topology) -> None:
    differences = kafka_admin.check(admin, topology, [spec.topic for spec in TOPICS])
    for difference in differences:
        click.echo(str(difference), err=True)
    if differences:
        sys.exit(1)
    click.echo("all topics are as the table says")
