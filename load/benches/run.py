"""Measure Clearmark, as ratios within one run.

  a  the transactor passing 1 KB records through, against a transactional loop by hand; goal 0.85
  b  screen + mark of texts through Kafka, against the same pure functions in a plain loop, on one core; goal 0.7
  c  latency from ingress to approved at half of (b)'s throughput, p50 and p99 (runs b, too)
  d  screen + mark of 512 px photographs through Kafka, against the plain loop, on one core; goal 0.8
  e  the picture watermark against invisible-watermark and blind-watermark (--rivals): time, PSNR, what survives
  f  what decoding in the sandbox costs, against the same decoder in this process
  g  loading many identities into a worker's view, in memory and on disk, and keeping it up to date

What is compared takes turns, and medians of the pairs' ratios are printed: the machine may be shared and noisy. Kafka
is a node of its own on free loopback ports, and all ends with the run. Linux only: it binds processes to cores.
"""

from __future__ import annotations

import argparse
import time
from contextlib import ExitStack
from pathlib import Path

from clearmark.kafka.node import EmbeddedKafka
from load.benches import machine, passing, path, sandbox, state, watermarks
from load.benches.inputs import PHOTOGRAPHS

PARTS = "abcdefg"
NEED_KAFKA = frozenset("abcdg")


def parts(text: str) -> set[str]:
    chosen = {part.strip().lower() for part in text.split(",")}
    if unknown := chosen - set(PARTS):
        raise argparse.ArgumentTypeError(
            f"there is no part {', '.join(sorted(unknown))}: use some of {','.join(PARTS)}"
        )
    return chosen | ({"b"} if "c" in chosen else set())


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python load/bench.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=parts, default=set(PARTS), metavar="PARTS", help="such as a,d,f [all]")

    def number(name: str, default: int, meaning: str) -> None:
        parser.add_argument(name, type=int, default=default, metavar="N", help=f"{meaning} [{default}]")

    number("--runs", 5, "turns of a, b and d; g has half as many")
    number("--batch", 1000, "records in a batch of a, b, c and d")
    number("--records", 60_000, "records of a in each run")
    number("--texts", 12_000, "texts of b in each run")
    number("--pictures", 160, "photographs of d in each run")
    number("--photographs", len(PHOTOGRAPHS), "photographs of e")
    parser.add_argument("--sides", type=int, default=[512, 1024], nargs="+", metavar="N", help="of e [512 1024]")
    how = f"interpreter with the rivals of e; to make one: {watermarks.RECIPE}"
    parser.add_argument("--rivals", type=Path, metavar="PYTHON", help=how)
    number("--decodings", 300, "of each format and way of f")
    number("--identities", 1_000_000, "of g")
    return parser.parse_args()


def main() -> None:
    o = options()
    begun = time.monotonic()
    print(f"{machine.describe()}; {time.strftime('%Y-%m-%d %H:%M:%S')}", flush=True)
    with ExitStack() as stack:
        if o.only & NEED_KAFKA:
            kafka = stack.enter_context(EmbeddedKafka())
        if "a" in o.only:
            passing.pass_through(kafka.bootstrap, o.records, o.batch, o.runs)
        if o.only & set("bcd"):
            texts, pictures = o.texts if "b" in o.only else 0, o.pictures if "d" in o.only else 0
            path.paths(kafka, path.Asked(o.batch, o.runs, texts, "c" in o.only, pictures))
        if "e" in o.only:
            watermarks.watermarks(o.sides, o.photographs, o.rivals)
        if "f" in o.only:
            sandbox.sandbox(512, o.decodings)
        if "g" in o.only:
            state.state(kafka.bootstrap, o.identities, max(1, o.runs // 2))
    print(f"{time.monotonic() - begun:.0f} s; {machine.describe()}", flush=True)
