"""Prints the part of a lock file that packages need: ``python locked.py requirements.lock NAME...|pyproject.toml``.

``pyproject.toml`` stands for what this project needs to run, without development tools and extras. The lock file
says behind ``# via`` who asked for each package. Standard library alone: it runs before anything is installed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_ENTRY = re.compile(r"^([a-z0-9._-]+)==\S.*?(?=^[a-z0-9]|\Z)", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def needed(lock: str, roots: Iterable[str]) -> str:
    """Return the entries of packages and of all that they ask for, with their hashes, every Python's among them.

    Raises:
        ValueError: the lock file does not know a package.
    """
    entries = [(m.group(1), m.group(0), _askers(m.group(0))) for m in _ENTRY.finditer(lock)]
    waiting = [name.lower().replace("_", "-").replace(".", "-") for name in roots]
    if unknown := set(waiting) - {package for package, _, _ in entries}:
        raise ValueError(f"requirements.lock lacks {', '.join(sorted(unknown))}: add it to pyproject.toml, 'make lock'")
    chosen: set[str] = set()
    while waiting:
        package = waiting.pop()
        if package not in chosen:
            chosen.add(package)
            waiting += [p for p, _, by in entries if package in by]
    return "".join(text for package, text, _ in entries if package in chosen)


def dependencies(pyproject: str) -> list[str]:
    """Return the names of what a project needs to run."""
    found = [_NAME.match(requirement) for requirement in tomllib.loads(pyproject)["project"]["dependencies"]]
    return [match.group(0) for match in found if match]


def _askers(entry: str) -> set[str]:
    """Return who asked for a package: what stands behind ``# via``, in one line or one a line."""
    lines = [line.strip().removeprefix("#").strip() for line in entry.splitlines() if line.strip().startswith("#")]
    return {line.removeprefix("via").strip() for line in lines} - {""}


if __name__ == "__main__":
    file, *names = sys.argv[1:]
    if names == ["pyproject.toml"]:
        names = dependencies(Path("pyproject.toml").read_text("utf-8"))
    try:
        sys.stdout.write(needed(Path(file).read_text("utf-8"), names))
    except ValueError as error:
        sys.exit(str(error))
