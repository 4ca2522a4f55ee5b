# Every command a developer needs. `make help` lists them. Each verb installs what it needs itself.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
UV ?= uv
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NODE_DIR := tests/simulator/node
NODE_READY := $(if $(wildcard $(NODE_DIR)/package.json),$(NODE_DIR)/node_modules/.ready)
ARGS ?=
# Tests of pure code share the cores test by test; those that start servers, file by file, one more
# at a time than there are cores, because they often wait. Exit code 5 is pytest's for a choice of
# nothing.
PURE := tests/machine tests/matrix tests/simulation
CHROMIUM = $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

# need FILE: stops with a clear word when the part that a verb runs is not in this checkout.
need = @test -f $(1) || { echo "make $@: $(1) is not part of this checkout yet." >&2; exit 1; }

.PHONY: help
help:  ## List the commands
	@grep -hE '^[a-z][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) \
		| awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

# --- Setting up ----------------------------------------------------------------------------------

$(READY): requirements.lock
	@command -v $(PYTHON) >/dev/null || { \
		echo "Handover needs Python 3.11 or newer; '$(PYTHON)' was not found." >&2; \
		echo "Install it, or name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Handover needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V)." >&2; \
		echo "Name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@echo "Building .venv (once; about a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes \
		-r requirements.lock
	@touch $@
	@echo "Building .venv ... done."

$(NODE_DIR)/node_modules/.ready: $(wildcard $(NODE_DIR)/package.json $(NODE_DIR)/package-lock.json)
	@command -v npm >/dev/null || { \
		echo "The simulator's Node SDK test needs node and npm; npm was not found." >&2; exit 1; }
	@echo "Installing the Node SDK for the simulator's test ..."
	@npm ci --prefix $(NODE_DIR) --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: install
install: $(READY)  ## Build .venv from the lock file

.PHONY: lock
lock:  ## Resolve pyproject.toml anew into both lock files (needs uv)
	@command -v $(UV) >/dev/null || { \
		echo "make lock needs uv (pip install uv), or name it: make lock UV=/path/to/uv" >&2; \
		exit 1; }
	$(UV) pip compile pyproject.toml --group dev --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --quiet -o requirements.lock
	$(UV) pip compile pyproject.toml --constraint requirements.lock --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet \
		-o requirements-runtime.lock

# --- Checking ------------------------------------------------------------------------------------

.PHONY: format
format: $(READY)  ## Rewrite the code in the project's format
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

.PHONY: check
check: $(READY)  ## Format, lint, types, import rules, generated docs fresh, lock files in step
	@echo "ruff format"; $(BIN)/ruff format --quiet --check . \
		|| { echo "Not in the project's format: run 'make format'." >&2; exit 1; }
	@echo "ruff check"; $(BIN)/ruff check --quiet .
	@echo "mypy"; $(BIN)/mypy --no-error-summary && $(BIN)/mypy --no-error-summary worker.py
	@echo "tidy"; $(BIN)/python -m pytest --quiet --no-header tests/tidy
	@echo "generated docs"; $(BIN)/python -m workflows.machine.render --check

.PHONY: browser
browser:  ## Install chromium where apt and root are at hand (without it its tests are skipped)
	@if [ -n "$(CHROMIUM)" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "No chromium here, and no right to install it: tests with a browser are skipped."; \
		exit 0; fi; \
	echo "Installing chromium ..."; \
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		apt-get install -qq -y --no-install-recommends chromium; } >/dev/null 2>&1 \
		|| echo "chromium could not be installed: tests with a browser are skipped."

.PHONY: clocks
clocks:  ## Install libfaketime where apt and root are at hand (without it one test is skipped)
	@if ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "No libfaketime here, and no right to install it: wrong clocks are not tried."; \
		exit 0; fi; \
	echo "Installing libfaketime ..."; \
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		apt-get install -qq -y --no-install-recommends libfaketime; } >/dev/null 2>&1 \
		|| echo "libfaketime could not be installed: wrong clocks are not tried."

.PHONY: test
test: $(READY) $(NODE_READY) browser clocks  ## All tests but the slow ones (ARGS="-k name" chooses)
	@$(BIN)/python -m pytest -m "not slow" -n 2 --dist worksteal $(PURE) $(ARGS) || [ $$? -eq 5 ]
	@$(BIN)/python -m pytest -m "not slow" -n 3 --dist loadfile \
		$(addprefix --ignore=,$(PURE)) $(ARGS) || [ $$? -eq 5 ]

.PHONY: test-machine
test-machine: $(READY)  ## The state machine's tests alone: seconds
	@$(BIN)/python -m pytest --quiet -n 2 --dist worksteal tests/machine $(ARGS)

.PHONY: e2e
e2e: $(READY)  ## The whole engine with simulated telephones
	@$(BIN)/python -m pytest tests/e2e $(ARGS)

.PHONY: simulate
simulate: $(READY)  ## Seeded bad days (SEED=7 replays one, RUNS=1000 plays many)
	$(call need,tests/simulation/simulate.py)
	@$(BIN)/python -m tests.simulation.simulate \
		$(if $(SEED),--seed $(SEED)) $(if $(RUNS),--runs $(RUNS)) $(ARGS)

.PHONY: cross-check
cross-check: $(READY)  ## The same seeds simulated and on real processes (ARGS="--seeds 20")
	@$(BIN)/python -m tests.simulation.cross_check $(ARGS)

.PHONY: chaos
chaos: $(READY)  ## Real processes killed, frozen and cut off in mid-transfer (ARGS=--short)
	$(call need,tests/chaos/__main__.py)
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: soak
soak: $(READY)  ## An hour of calls and random faults (MINUTES=2 for a short one)
	$(call need,tests/chaos/soak.py)
	@$(BIN)/python -m tests.chaos --soak $(or $(MINUTES),60) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: matrix
matrix: $(READY)  ## The fault matrix, cell by cell (ARGS="--cell FM-W4-F09" shows one)
	@$(BIN)/python -m tests.matrix.report $(ARGS)

.PHONY: races
races: $(READY)  ## Two people act in one moment, all pairs of acts (ARGS="--flow V --sample 500")
	@$(BIN)/python -m tests.simulation.races $(ARGS)

.PHONY: outages
outages: $(READY)  ## Something is away for long, and somebody acts (ARGS="--flow X --sample 500")
	@$(BIN)/python -m tests.simulation.outages $(ARGS)

.PHONY: pairs
pairs: $(READY)  ## Pairs of faults per flow, all: hours (ARGS="--flow W --sample 500 --seed 3")
	@$(BIN)/python -m tests.simulation.pairs $(ARGS)

.PHONY: bench
bench: $(READY)  ## Benchmarks beside the floor
	$(call need,benchmarks/__main__.py)
	@$(BIN)/python -m benchmarks $(ARGS)

# --- Trying it -----------------------------------------------------------------------------------

.PHONY: demo
demo: $(READY)  ## Play the stories on simulated phones with a real Temporal server
	$(call need,tests/e2e/demo.py)
	@$(BIN)/python -m tests.e2e.demo $(ARGS)

.PHONY: up
up: $(READY)  ## The same stack, staying up, with its pages; Ctrl-C stops it
	$(call need,tests/e2e/up.py)
	@$(BIN)/python -m tests.e2e.up $(ARGS)

.PHONY: clean
clean:  ## Remove .venv, caches and node modules
	@rm -rf $(VENV) $(NODE_DIR)/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
