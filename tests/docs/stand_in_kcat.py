"""Reads the options of kcat that the README uses, and publishes; for machines where kcat cannot be installed."""

from __future__ import annotations

import argparse
import sys

from confluent_kafka import Producer

parser = argparse.ArgumentParser()
parser.add_argument("-P", action="store_true", required=True)
parser.add_argument("-b", required=True)
parser.add_argument("-t", required=True)
parser.add_argument("-k", required=True)
parser.add_argument("-H", action="append", required=True)
options = parser.parse_args()
producer = Producer({"bootstrap.servers": options.b})
pairs: list[tuple[str, str | bytes | None]] = [tuple(header.split("=", 1)) for header in options.H]
producer.produce(options.t, sys.stdin.buffer.read(), options.k, headers=pairs)
producer.flush()
