"""``clearmark ledger``."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Final

import click
import structlog
from prometheus_client import CollectorRegistry
from rich.console import Console
from rich.table import Table

from clearmark import wiring
from clearmark.cli.options import config_option
from clearmark.errors import ClearmarkError, Retry
from clearmark.kafka import admin as kafka_admin
from clearmark.kafka import clients
from clearmark.ledger.checkpoint import Checkpoints, State
from clearmark.ledger.ledger import Ledger
from clearmark.observe import http, logs
from clearmark.observe.metrics import DUPLICATED, UNACCOUNTED, Metrics
from clearmark.schemas import events
from clearmark.topology import Topic

if TYPE_CHECKING:
    from clearmark.config import Config
    from clearmark.schemas.events import LedgerReport

CANNOT_READ: Final = 2
_EVERY_S: Final = 5.0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--age", type=click.FloatRange(min=0), help="Seconds after which a record must have its outcome [30].")
@click.option("--deep", is_flag=True, help="Count from the topics alone, not from the last checkpoint.")
@click.option("--follow", is_flag=True, help="Go on until SIGTERM: serve the metric and write checkpoints.")
@click.option("--metrics-port", type=click.IntRange(0, 65535), default=0, help="With --follow: port of /metrics.")
@click.option("--metrics-host", default=http.LOOPBACK, show_default=True, help="With --follow: address of /metrics.")
@config_option
def command(
    as_json: bool,
    age: float | None,
    deep: bool,
    follow: bool,
    metrics_port: int,
    metrics_host: str,
    config: Config,
) -> None:
    """Prove that every committed ingress record has exactly one outcome. Exit 0 ok, 1 not ok, 2 cannot read."""
    age_s = config.ledger.age_s if age is None else age
    if follow:
        _follow(config, age_s, metrics_host, metrics_port)
        return
    try:
        ledger, _ = _open(config, deep=deep)
        ledger.update()
    except ClearmarkError as error:
        click.echo(f"clearmark: the ledger cannot be read: {error.diagnostics()}", err=True)
        sys.exit(CANNOT_READ)
    report = ledger.report(age_s)
    ledger.close()
    if as_json:
        click.echo(events.dump(report))
    else:
        show(report, Console())
    sys.exit(int(not report.ok))


def _open(config: Config, *, deep: bool = False) -> tuple[Ledger, Checkpoints]:
    topology = config.topics.topology()
    admin = clients.admin(config)
    ingress = topology.name(Topic.INGRESS)
    topic_ids = kafka_admin.topic_ids(admin, [ingress])
    if ingress not in topic_ids:
        raise Retry(f"there is no topic {ingress}")
    checkpoints = Checkpoints(wiring.open_store(config), topic_ids[ingress])
    state = State() if deep else checkpoints.load()
    return Ledger(clients.reader(config), admin, topology, state), checkpoints


def _follow(config: Config, age_s: float, metrics_host: str, metrics_port: int) -> None:
    """Update every few seconds; after each checkpoint interval keep what was counted."""
    logs.configure()
    log = structlog.get_logger("clearmark.ledger")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    metrics = Metrics(CollectorRegistry())
    opened: tuple[Ledger, Checkpoints] | None = None
    rounds, every = 0, max(1, round(config.ledger.checkpoint_s / _EVERY_S))
    with http.serve(metrics_port, metrics.registry, lambda: True, lambda: opened is not None, metrics_host):
        while not stop.is_set():
            try:
                ledger, checkpoints = opened = opened or _open(config)
                ledger.update()
                report = ledger.report(age_s)
                metrics.set(UNACCOUNTED, report.total["unaccounted"])
                metrics.set(DUPLICATED, report.total["duplicated"])
                if not report.ok:
                    log.error("the ledger does not close", **report.total)
                rounds += 1
                if rounds % every == 0:
                    checkpoints.save(ledger.state)
            except Retry as error:
                log.warning("retrying", reason=error.message)
                opened = None  # a half-read topic is read again from the last checkpoint
            stop.wait(_EVERY_S)


def show(report: LedgerReport, console: Console) -> None:
    """Print the account as a table."""
    table = Table(title=f"Ledger of {report.topic}")
    names = ("received", "approved", "blocked", "held", "dead_lettered", "in_flight", "unaccounted", "duplicated")
    table.add_column("partition", justify="right")
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    for row in report.partitions:
        table.add_row(str(row.partition), *(str(getattr(row, name)) for name in names))
    table.add_section()
    table.add_row("total", *(str(report.total[name]) for name in names))
    console.print(table)
    verdict = "[green]closes: each record has exactly one outcome" if report.ok else "[red]DOES NOT CLOSE"
    console.print(f"The ledger {verdict}[/]")
    for kind, examples in report.examples.items():
        if examples:
            console.print(f"{kind}: " + ", ".join(f"partition {p} offset {o}" for p, o in examples))
