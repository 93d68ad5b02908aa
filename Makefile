# Everything a checkout needs is Python 3.11 to 3.13 and make; every target sets itself up first.
PYTHON ?= python3
BIN := .venv/bin
SHELL := /bin/bash

.PHONY: setup demo check test acceptance compile emulator lock
.DEFAULT_GOAL := demo

setup: .venv/ready

# uv installs in seconds what pip takes a minute for; its own version and hash come from the lock, too.
.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	@grep -A 99 '^uv==' requirements.lock | sed '/^uv==/!{/^[^ ]/,$$d}' > .venv/uv.lock
	$(BIN)/python -m pip install --quiet --require-hashes --requirement .venv/uv.lock
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

# Resolve anew; then review the diff, compile and test.
lock: setup
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --group dev pyproject.toml -o requirements.lock
