# Two commands for everybody: `make demo` and `make test`. Everything lives in .venv; nothing else is touched.
.PHONY: demo test check lint types contracts house clients accept bench bench-quick bench-ledger bench-ledger-big soak lock clean
.DELETE_ON_ERROR:

# A process that may not keep what it compiled spends a second on it at each start, and the tests start many.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= python3
BIN := .venv/bin
SOAK_KILLS ?= 1000

# The demo needs the sandbox's packages, the rest the developers' too; each stamp is one installed set.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ...")'
	@echo "making .venv"
	@$(PYTHON) -m venv .venv

NOT_INSTALLED := { echo "The packages could not be installed: see that a package index is reachable; PIP_INDEX_URL names another one." >&2; exit 1; }

.venv/bin/uv: .venv/bin/python lock/installer.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement lock/installer.txt \
		|| $(NOT_INSTALLED)
	@touch $@

# The installer reads no pip configuration: where it cannot reach an index, pip itself does the same.
define install
	@echo "installing lock/$(1).txt"
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --system-certs --require-hashes --requirement lock/$(1).txt \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement lock/$(1).txt \
		|| $(NOT_INSTALLED)
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --offline --editable . \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
endef

.venv/demo: .venv/bin/uv lock/demo.txt pyproject.toml
	$(call install,demo)

.venv/dev: .venv/bin/uv lock/dev.txt pyproject.toml
	$(call install,dev)
	@touch .venv/demo

demo: .venv/demo
	@$(BIN)/sidecar demo --once

# Every worker has its own servers and folders, and a file is one worker's: its tests share what they bought.
# `pytest` by itself runs them all in one process.
WORKERS ?= --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder
test: .venv/dev
	@$(BIN)/pytest $(WORKERS)

check: lint types contracts house

lint: .venv/dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .venv/dev
	@$(BIN)/mypy

contracts: .venv/dev
	@$(BIN)/lint-imports

house: .venv/dev
	@$(BIN)/pytest -q tests/test_house.py

# npm writes this file last.
NPM := tests/accept/node_modules/.package-lock.json
$(NPM): tests/accept/package-lock.json tests/accept/package.json
	@echo "installing tests/accept/package-lock.json"
	@cd tests/accept && npm ci --silent --no-audit --no-fund
	@touch $@

clients: $(NPM)

accept: .venv/dev clients
	@$(BIN)/pytest tests/accept --override-ini=addopts="-ra --strict-markers --strict-config --import-mode=importlib"

.venv/bench: .venv/dev lock/bench.txt
	$(call install,bench)

bench: .venv/bench
	@command -v npm >/dev/null && cd benchmarks && npm ci --silent --no-audit --no-fund || echo "no npm: without the Express middleware"
	@$(BIN)/python -m benchmarks

bench-quick: .venv/bench
	@$(BIN)/python -m benchmarks --quick

# The books by themselves: the embedded store and the shared one, in one run.
bench-ledger: .venv/dev
	@$(BIN)/python -m benchmarks.ledger

# Whether a book of five million transfers is written as fast as an empty one, and how long a margin table takes over
# a million calls. Half an hour, and 2 GiB of disk.
bench-ledger-big: .venv/dev
	@$(BIN)/python -m benchmarks.large_books
	@$(BIN)/python -m benchmarks.large_margins

soak: .venv/dev
	@SIDECAR_SOAK_KILLS=$(SOAK_KILLS) $(BIN)/pytest --numprocesses=auto --maxprocesses=4 tests/scenarios/test_kill.py

lock: .venv/bin/uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header pyproject.toml -o lock/runtime.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header pyproject.toml lock/build.in --extra sandbox -o lock/demo.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header pyproject.toml lock/build.in --extra sandbox --extra dev --extra postgres -o lock/dev.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header pyproject.toml lock/build.in --extra sandbox --extra dev --extra postgres --extra bench -o lock/bench.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header pyproject.toml lock/build.in --extra sqlite --extra postgres -o lock/image.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header lock/installer.in -o lock/installer.txt

clean:
	@rm -rf .venv tests/accept/node_modules
