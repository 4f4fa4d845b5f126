"""Kafka's jars, by Maven, once a machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clearmark.errors import Stop

if TYPE_CHECKING:
    from collections.abc import Mapping

KAFKA_VERSION: Final = "4.3.1"
JAVA: Final = 17


def resources() -> Path:
    """Return the folder with ``pom.xml`` and ``log4j2.properties``: in a checkout or in an installed wheel."""
    here = Path(__file__).resolve()
    for folder in (here.parents[1] / "deploy" / "kafka", here.parents[3] / "deploy" / "kafka"):
        if (folder / "pom.xml").is_file():
            return folder
    raise Stop("pom.xml of Kafka is missing from this installation", remedy="install the clearmark wheel again")


def cache_folder(env: Mapping[str, str]) -> Path:
    """Return where downloads are kept: ``CLEARMARK_CACHE``, else the user's cache folder."""
    if chosen := env.get("CLEARMARK_CACHE"):
        return Path(chosen)
    return Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clearmark"


def java() -> str:
    """Return the path of a Java of version 17 or later.

    Raises:
        Stop: there is none.
    """
    remedy = f"install Java {JAVA} or later (Debian: apt-get install openjdk-17-jre-headless)"
    home = os.environ.get("JAVA_HOME")
    candidate = shutil.which("java", path=f"{home}/bin") if home else None
    path = candidate or shutil.which("java")
    if path is None:
        raise Stop("Java is missing", remedy=remedy)
    said = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found.group(1)) < JAVA:
        raise Stop(f"{path} is older than Java {JAVA}", remedy=remedy)
    return path


def jars() -> Path:
    """Return the folder with Kafka's jars, fetching them by Maven the first time.

    Raises:
        Stop: Maven is missing or fails.
    """
    folder = cache_folder(os.environ) / f"kafka-{KAFKA_VERSION}"
    if folder.is_dir():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise Stop("Maven is missing", remedy="install it (Debian: apt-get install maven)")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        fetched = Path(scratch) / "libs"
        done = subprocess.run(
            [
                *(maven, "-q", "-B", "-f", str(resources() / "pom.xml"), "dependency:copy-dependencies"),
                *("-DincludeScope=runtime", f"-DoutputDirectory={fetched}"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Stop(f"Maven could not fetch Kafka: {done.stdout[-2000:]}", remedy="look at Maven's settings")
        try:
            fetched.rename(folder)
        except OSError:
            if not folder.is_dir():  # another process was quicker: its jars are the same
                raise
    return folder
