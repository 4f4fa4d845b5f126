"""``clearmark up``."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import structlog
from rich.console import Console

from clearmark.demo.demo import demo
from clearmark.up.machine import Machine, machine

if TYPE_CHECKING:
    from collections.abc import Callable


_ATTEMPTS: Final = 4
"""Failed starts of a worker, right after `up`, that end it: something is wrong that waiting does not mend."""


@click.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".clearmark"),
    show_default=True,
    help="Keys, configuration, Kafka's data, objects and logs; made when missing.",
)
@click.option("--demo", "with_demo", is_flag=True, help="Publish real texts, show what becomes of them, and end.")
def command(folder: Path, with_demo: bool) -> None:
    """Run everything on this machine: Kafka, topics, one worker a stage, the ledger.

    CLEARMARK_BOOTSTRAP_SERVERS uses a cluster that is there instead of starting one.
    """
    begun = time.monotonic()
    console = Console()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def say(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - begun:6.1f} s[/]  {line}", highlight=False, soft_wrap=True)

    settings = {"CLEARMARK_ARCHIVE_MAX_AGE_S": "2"} if with_demo else {}
    good = not with_demo
    with machine(folder, os.environ, say, settings) as running:
        while not stop.is_set() and not running.supervisor.ready:
            running.supervisor.tend()
            running.supervisor.give_up(_ATTEMPTS)
            stop.wait(0.1)
        if with_demo and not stop.is_set():
            good = demo(running, folder / "demo", console, begun)
        elif not stop.is_set():
            _serve(running, stop, say)
    if with_demo and good:
        console.print(f"All data is in {folder}. Run [bold]clearmark up[/] to go on with it.")
    sys.exit(0 if good else 1)


def _serve(running: Machine, stop: threading.Event, say: Callable[[str], None]) -> None:
    servers = running.config.kafka.bootstrap_servers
    say(f"everything is ready: publish to {running.config.topics.prefix}.ingress.v1 at {servers}; Ctrl-C ends it")
    file = running.environment["CLEARMARK_CONFIG"]
    say(f"for other commands: export CLEARMARK_CONFIG={file} CLEARMARK_BOOTSTRAP_SERVERS={servers}")
    while not stop.is_set():
        running.supervisor.tend()
        stop.wait(0.2)
