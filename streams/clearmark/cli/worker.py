"""``clearmark worker``."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

import click
import structlog
from prometheus_client import CollectorRegistry

from clearmark import wiring
from clearmark.cli.options import config_option
from clearmark.errors import ClearmarkError, Retry
from clearmark.observe import http, logs
from clearmark.observe.metrics import Metrics
from clearmark.records import StageName

if TYPE_CHECKING:
    from clearmark.config import Config

_ALIVE_S: Final = 90.0
"""A transaction whose outcome is unknown is asked for that long before the worker ends by itself."""
_READY_S: Final = 10.0
_WAIT_S: Final = 1.0


class Runner(Protocol):
    """What a worker runs."""

    polled_at: float

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop."""


@click.command()
@click.argument("stage", type=click.Choice([stage.value for stage in StageName]))
@click.option("--slot", default=socket.gethostname, help="Stable name of this worker within its stage [the host name].")
@click.option("--metrics-port", type=click.IntRange(0, 65535), default=0, help="Port of /metrics; 0: any.")
@click.option("--metrics-host", default=http.LOOPBACK, show_default=True, help="Address that /metrics is served on.")
@config_option
def command(stage: str, slot: str, metrics_port: int, metrics_host: str, config: Config) -> None:
    """Run one worker of a stage until SIGTERM; it finishes its batch and ends with 0.

    A second worker of the same stage and slot takes over from the first, which then ends with an error.
    """
    logs.configure()
    log = structlog.get_logger("clearmark.worker").bind(stage=stage, slot=slot)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    metrics = Metrics(CollectorRegistry())
    runner: Runner | None = None

    def polled(within_s: float) -> bool:
        return runner is not None and runner.polled_at > 0 and time.monotonic() - runner.polled_at < within_s

    try:
        with http.serve(
            metrics_port,
            metrics.registry,
            lambda: runner is None or polled(_ALIVE_S),
            lambda: polled(_READY_S),
            metrics_host,
        ) as port:
            log.info("starting", metrics=f"http://{metrics_host}:{port}/metrics")
            runner = _build(config, StageName(stage), slot, metrics, stop, log)
            if runner is not None:
                log.info("started")
                runner.run(stop)
    except ClearmarkError as error:
        log.error("stopped", reason=error.message, remedy=error.remedy)  # noqa: TRY400 - the reason says it all
        _leave(error)
    log.info("ended")


def _leave(error: ClearmarkError) -> NoReturn:
    """End the process at once: a client that hangs would hold up an orderly end, and there is nothing left to save."""
    click.echo(f"clearmark: {error.diagnostics()}", err=True)
    sys.stderr.flush()
    os._exit(1)


def _build(
    config: Config,
    stage: StageName,
    slot: str,
    metrics: Metrics,
    stop: threading.Event,
    log: structlog.stdlib.BoundLogger,
) -> Runner | None:
    """Return the worker once cluster and store answer; None when told to stop before."""
    while not stop.is_set():
        try:
            if stage is StageName.GOVERN:
                return wiring.governor(config, metrics)
            around = wiring.surroundings(config, os.environ)
            if stage is StageName.ARCHIVE:
                return wiring.archiver(around, metrics)
            return wiring.transactor(around, stage, slot, metrics)
        except Retry as error:
            log.warning("waiting", reason=error.message)
            stop.wait(_WAIT_S)
    return None
