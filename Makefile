# Two commands do everything: `make demo` and `make test`; each sets up what it lacks.
# The first Python that answers and is new enough (a version manager's shim may exist and not answer).
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help install demo test check bench format generate lock clean

help:
	@echo "make demo     set up, and show real texts going through real Kafka"
	@echo "make test     set up and run the tests"
	@echo "make check    lint, types, generated files up to date"
	@echo "make bench    measure throughput and latency, as ratios within one run"
	@echo "make format   put the code into the project's form"
	@echo "make generate write JSON Schemas, AsyncAPI, the README's map, alerts and dashboard"
	@echo "make lock     pin the dependencies again, with hashes"
	@echo "make clean    remove what the other targets made"

install: $(READY)

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || \
	  { echo "Clearmark needs Python 3.11 or later: install it (Debian: apt-get install python3 python3-venv) or set PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing (Debian: apt-get install python3-venv)"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $(READY)

demo: install
	$(BIN)/clearmark up --demo

# The README shows kcat; where it can be installed, its command line is tested with the real one.
test: install
	@command -v kcat >/dev/null || apt-get install --yes --quiet kcat >/dev/null 2>&1 || \
	  sudo -n apt-get install --yes --quiet kcat >/dev/null 2>&1 || echo "kcat is not there: a stand-in reads its options"
	$(BIN)/python -m pytest

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m clearmark.schemas.generate --check
	$(BIN)/python -m clearmark.asyncapi --check
	$(BIN)/python -m clearmark.map --check
	$(BIN)/python deploy/prometheus/generate.py --check
	$(BIN)/python deploy/grafana/generate.py --check

bench: install
	$(BIN)/python load/bench.py

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

generate: install
	$(BIN)/python -m clearmark.schemas.generate
	$(BIN)/python -m clearmark.asyncapi
	$(BIN)/python -m clearmark.map
	$(BIN)/python deploy/prometheus/generate.py
	$(BIN)/python deploy/grafana/generate.py

lock:
	uv pip compile pyproject.toml --extra demo --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header -o requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build load/out
