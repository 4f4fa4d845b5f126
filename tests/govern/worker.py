"""Govern as a process: ``python -m tests.govern.worker BOOTSTRAP PREFIX PARTITIONS RULES BREAK``.

RULES is a JSON list. BREAK is a file: until it is there, the worker makes it and fails inside an agent once it has
judged a hundred records; ``-`` never fails. When it ends in order, it prints what it counted as JSON.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections import Counter
from pathlib import Path

from clearmark.errors import Stop
from clearmark.govern.rules import ConductRule
from clearmark.govern.worker import GovernWorker
from clearmark.observe import logs
from clearmark.topology import Topology

SESSION_MS = 3000
STARTING = "starting"
READY = "ready"
STOPPED = 4
ORPHANED = 5


def main() -> int:
    bootstrap, prefix, partitions, rules, breaking = sys.argv[1:]
    logs.configure()
    logging.getLogger("clearmark.govern").setLevel(logging.WARNING)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    print(STARTING, flush=True)  # noqa: T201 - from here on a signal stops it in order
    counted: Counter[str] = Counter()

    def count(name: str, by: int) -> None:
        counted[name] += by
        if breaking != "-" and counted["judged"] > 100 and not Path(breaking).exists():
            Path(breaking).touch()
            raise RuntimeError("injected")

    settings = {"bootstrap.servers": bootstrap, "group.id": f"{prefix}.govern", "session.timeout.ms": SESSION_MS}
    worker = GovernWorker(
        settings, Topology(prefix, 1, int(partitions)), [ConductRule(**rule) for rule in json.loads(rules)], count
    )

    def announce() -> None:
        while not worker.polled_at and not stop.wait(0.05):
            pass
        print(READY, flush=True)  # noqa: T201 - how the test learns of it

    def orphaned() -> None:
        sys.stdin.read()  # ends with the parent, however that ends
        os._exit(ORPHANED)

    for task in (announce, orphaned):
        threading.Thread(target=task, daemon=True).start()
    try:
        worker.run(stop)
    except Stop as error:
        print(error.diagnostics(), file=sys.stderr, flush=True)  # noqa: T201
        os._exit(STOPPED)  # as `clearmark worker` does
    print(json.dumps(counted), flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
