# Everything a checkout needs is Python 3.11 to 3.13 and make; every target sets itself up first.
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder
# Browser tests need Chromium; without it they are deselected, and pytest says how many.
BROWSER := $(if $(shell command -v chromium),,and not browser)
# uv installs no bytecode: where Python may not write it, every process compiles all that it imports, for seconds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := demo
.PHONY: setup demo check test acceptance compile emulator lock

setup: .venv/ready

# uv installs in seconds what pip takes a minute for; its own version and hashes come from the lock, too.
.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or sys.exit("found Python %d.%d, expected 3.11 to 3.13: run `make PYTHON=python3.12 …`" % v)'
	$(PYTHON) -m venv .venv
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement .venv/uv.lock
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

# The whole run on sample data, from nothing: raw files to a decision, on the local emulator.
demo: setup
	rm -rf .gemtune/demo
	GEMTUNE_STATE=.gemtune/demo GEMTUNE_EMULATOR_PORT=8086 $(BIN)/gemtune run samples/quickstart.yaml --target emulator

check: setup
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/gemtune compile --check

test: setup
	$(PYTEST) --numprocesses 2 -m "not acceptance $(BROWSER)"

# Journeys wait for the emulator now and then: three at a time keep two cores busy.
acceptance: setup
	$(PYTEST) --numprocesses 3 -m "acceptance $(BROWSER)"

compile: setup
	$(BIN)/gemtune compile

emulator: setup
	$(BIN)/gemtune emulator

# Resolve anew; then read the diff, compile and test.
lock: setup
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --group dev pyproject.toml --output-file requirements.lock
