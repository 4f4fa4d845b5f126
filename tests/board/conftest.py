"""The board as a browser sees it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from tests.deploy.debian import program, terminal

if TYPE_CHECKING:
    from pathlib import Path

FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--timeout=20000",
    "--virtual-time-budget=4000",
)  # fmt: skip


@dataclass(frozen=True)
class Browser:
    """A headless Chromium with a fresh profile for each look."""

    path: str
    folder: Path

    def dom(self, url: str) -> str:
        """Return the page's elements after its script has run for some seconds."""
        return self._run(url, "--dump-dom")

    def screenshot(self, url: str, name: str, width: int, height: int) -> Path:
        """Take a picture of the page."""
        file = self.folder / f"{name}.png"
        self._run(url, f"--screenshot={file}", f"--window-size={width},{height}")
        return file

    def _run(self, url: str, *options: str) -> str:
        profile = self.folder / f"profile-{len(list(self.folder.iterdir()))}"
        command = [self.path, *FLAGS, f"--user-data-dir={profile}", *options, url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Browser:
    path = program("chromium", "chromium", terminal(pytestconfig))
    return Browser(path, tmp_path_factory.mktemp("browser"))
