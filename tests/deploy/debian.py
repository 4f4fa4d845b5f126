"""Programs that the tests run for real, from Debian packages."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def program(name: str, package: str, say: Callable[[str], None]) -> str:
    """Return the path of a program; as root on Debian its package is installed, and that is said.

    Elsewhere the test fails with what to install: a skipped test proves nothing.
    """
    if found := shutil.which(name):
        return found
    if os.geteuid() == 0 and (apt := shutil.which("apt-get")):
        say(f"{name} is not there: apt-get install {package}")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (("update",), ("install", "--yes", "--no-install-recommends", package)):
            subprocess.run([apt, "--quiet", *arguments], env=environment, check=False, capture_output=True, timeout=300)
        if found := shutil.which(name):
            return found
    pytest.fail(f"{name} is missing: install it (Debian: apt-get install {package})", pytrace=False)


def terminal(config: pytest.Config) -> Callable[[str], None]:
    """Return a function that writes a line where whoever runs the tests sees it."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return print if reporter is None else reporter.write_line
