"""Measure Clearmark, as ratios within one run: ``python load/bench.py --help`` says what and how."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":  # and not in the processes that this one starts, which load what they need only
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from load.benches.run import main

    main()
