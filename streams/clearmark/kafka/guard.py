"""Runs a command and ends it when the parent is gone: ``python -m clearmark.kafka.guard COMMAND...``.

The parent holds the other end of this process's standard input. When the parent dies, however it dies, the
pipe closes; the command then gets SIGTERM and, ten seconds later, SIGKILL. Portable, unlike a death signal.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Final

_GRACE_S: Final = 10.0


def _watch(child: subprocess.Popen[bytes]) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    child.terminate()
    try:
        child.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()


def main() -> int:
    """Run the command of the arguments; return its exit status."""
    # Standard output is the parent's way to learn the pid; what the command says goes to its log.
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=sys.stderr)
    sys.stdout.write(f"{child.pid}\n")
    sys.stdout.flush()
    threading.Thread(target=_watch, args=(child,), daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main())
