"""Write the JSON Schemas of the public contract: ``python -m clearmark.schemas.generate [--check]``.

They lie in ``schemas/json/``, one file a type of `clearmark.schemas.events.PUBLIC`. With ``--check`` nothing is
written; stale, missing and surplus files are named, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import orjson

from clearmark.schemas.events import PUBLIC, json_schema

FOLDER = Path(__file__).resolve().parents[2] / "json"


def generated() -> dict[str, bytes]:
    """Return the content of each file by its name."""
    style = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return {f"{name}.schema.json": orjson.dumps(json_schema(kind), option=style) for name, kind in PUBLIC.items()}


def stale(folder: Path) -> list[str]:
    """Return the names of files that differ from what would be written, in either direction."""
    there = {path.name: path.read_bytes() for path in folder.glob("*.json")}
    wanted = generated()
    return sorted(name for name in there.keys() | wanted.keys() if there.get(name) != wanted.get(name))


def main() -> int:
    """Write or check; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    differing = stale(FOLDER)
    if parser.parse_args().check:
        for name in differing:
            sys.stderr.write(f"schemas/json/{name} is stale: run 'make generate' and commit the result\n")
        return int(bool(differing))
    FOLDER.mkdir(exist_ok=True)
    wanted = generated()
    for name in differing:
        if name in wanted:
            (FOLDER / name).write_bytes(wanted[name])
        else:
            (FOLDER / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
