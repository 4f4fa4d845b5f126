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

from clearmark.board import targets
from clearmark.board.live import live
from clearmark.board.workers import workers
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
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the live board on 127.0.0.1; 0: any.")
@click.option(
    "--demo", "with_demo", is_flag=True, help="Publish real texts and pictures, and show what becomes of them."
)
def command(folder: Path, port: int, with_demo: bool) -> None:
    """Run everything on this machine: Kafka, topics, one worker a stage, the ledger, a live board.

    CLEARMARK_BOOTSTRAP_SERVERS uses a cluster that is there instead of starting one. With --demo it ends by itself
    where nobody watches, and stays until Ctrl-C in a terminal.
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
    good = True
    with machine(folder, os.environ, say, settings) as running:
        while not stop.is_set() and not running.supervisor.ready:
            running.supervisor.tend()
            running.supervisor.give_up(_ATTEMPTS)
            stop.wait(0.1)
        if not stop.is_set():
            targets.write(folder / "targets.json", workers(running.supervisor.children))
            with live(running, port) as url:
                good = not with_demo or demo(running, folder / "demo", console, begun)
                if not with_demo or console.is_terminal:
                    _serve(running, folder, url, stop, say)
                else:
                    say(f"the live board was at {url}")
    if with_demo and good:
        console.print(f"All data is in {folder}. Run [bold]clearmark up[/] to go on with it.")
    sys.exit(0 if good else 1)


def _serve(running: Machine, folder: Path, url: str, stop: threading.Event, say: Callable[[str], None]) -> None:
    servers = running.config.kafka.bootstrap_servers
    say(f"everything is ready: publish to {running.config.topics.prefix}.ingress.v1 at {servers}; Ctrl-C ends it")
    say(f"look at {url} (live board); {folder / 'targets.json'} lists the workers for Prometheus")
    file = running.environment["CLEARMARK_CONFIG"]
    say(f"for other commands: export CLEARMARK_CONFIG={file} CLEARMARK_BOOTSTRAP_SERVERS={servers}")
    while not stop.is_set():
        running.supervisor.tend()
        stop.wait(0.2)
