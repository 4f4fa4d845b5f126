"""What the commands that change state share: the desk, a view of what is recorded, and errors as usage errors."""

from __future__ import annotations

import functools
import getpass
import os
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from clearmark import wiring
from clearmark.kafka import clients
from clearmark.keys import read
from clearmark.operate.desk import StateDesk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clearmark.config import Config
    from clearmark.operate.desk import Change
    from clearmark.state.views import Views
    from clearmark.topology import Topic

F = TypeVar("F", bound=Callable[..., Any])


def operator_option(function: F) -> F:
    """Add ``--operator NAME``: who changes, for the audit log."""

    @click.option("--operator", default=_login, help="Who changes this; goes to the audit log [your login name].")
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passes anything on
        return function(*args, **kwargs)

    return wrapper  # type: ignore[return-value] # the same function with one option more


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "operator"


def now() -> datetime:
    """Return the time, with its zone."""
    return datetime.now(UTC)


def digest_key(config: Config) -> bytes:
    """Return the key of digests alone: these commands need no other.

    Raises:
        Stop: it is missing, open to others or malformed.
    """
    return read("digests", config.folder / config.keys.digests, os.environ)


def write(config: Config, operator: str, *changes: Change) -> None:
    """Write changes; return when they are committed.

    Raises:
        Retry, Stop: they are not.
    """
    desk(config, operator).write(changes)


def desk(config: Config, operator: str) -> StateDesk:
    """Return the desk of an operator."""
    return StateDesk(clients.settings(config), clients.admin(config), config.topics.topology(), operator, now)


@contextmanager
def view(config: Config, *topics: Topic) -> Iterator[Views]:
    """Yield what is recorded on state topics now.

    Raises:
        Retry: the cluster does not answer.
    """
    views = wiring.views(config, topics, digest_key(config))
    try:
        views.catch_up()
        yield views
    finally:
        views.close()


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn a value that means nothing into a usage error: its message says what is wrong and never quotes a number."""
    try:
        yield
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def import_file(
    config: Config,
    operator: str,
    file: Path,
    changes: Callable[[Iterator[str], Callable[[int, str], None]], Iterator[Change]],
) -> tuple[int, int]:
    """Write the changes of a CSV file with a progress bar; return how many were written, and how many lines were bad.

    Args:
        config: of the cluster.
        operator: who changes.
        file: UTF-8 text, with or without a byte order mark.
        changes: from lines, and a function that is told of bad ones, to changes.
    """
    bad = 0

    def on_bad(line: int, why: str) -> None:
        nonlocal bad
        bad += 1
        click.echo(f"{file}:{line}: {why}: skipped", err=True)

    with (
        file.open(encoding="utf-8-sig", errors="replace", newline="") as stream,
        click.progressbar(length=file.stat().st_size, label=file.name) as bar,
        usage_errors(),
    ):

        def lines() -> Iterator[str]:
            for line in stream:
                bar.update(len(line.encode("utf-8", "replace")))
                yield line

        return desk(config, operator).write(changes(lines(), on_bad)), bad
