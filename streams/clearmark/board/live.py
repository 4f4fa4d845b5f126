"""The board of a machine that runs."""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

from clearmark.board.accounts import accounts
from clearmark.board.serve import serve
from clearmark.board.workers import workers
from clearmark.kafka import clients
from clearmark.ledger.ledger import ENDS
from clearmark.watch import Follower

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clearmark.up.machine import Machine


@contextmanager
def live(machine: Machine, port: int = 0, *, beginning: bool = False) -> Iterator[str]:
    """Serve the board of what is running while the block runs; yield its address.

    Args:
        machine: what is running; its supervisor is tended by the caller.
        port: where to listen on 127.0.0.1; 0 for a free one.
        beginning: show outcomes that were there before, too.

    Raises:
        Stop: the port is taken.
        Retry: the cluster does not answer.
    """
    config, children = machine.config, machine.supervisor.children
    with ExitStack() as stack:
        ledger = stack.enter_context(accounts(config))
        follower = Follower(clients.reader(config), config.topics.topology(), list(ENDS), beginning=beginning)
        stack.enter_context(closing(follower))
        yield stack.enter_context(serve(port, lambda: workers(children), follower, ledger))
