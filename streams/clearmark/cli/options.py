"""Options that commands share."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from clearmark.config import load

F = TypeVar("F", bound=Callable[..., Any])


def config_option(function: F) -> F:
    """Add ``--config FILE`` and pass the configuration as ``config``."""

    @click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        help="Configuration file; else CLEARMARK_CONFIG, else ./clearmark.toml.",
    )
    @functools.wraps(function)
    def wrapper(*args: Any, config_file: Path | None, **kwargs: Any) -> Any:  # noqa: ANN401 - passes anything on
        return function(*args, config=load(config_file, os.environ), **kwargs)

    return wrapper  # type: ignore[return-value] # the same function with one option more
