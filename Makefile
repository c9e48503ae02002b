# All of it works on a machine with Python 3.11 or later and make, and stays inside this folder.

VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed

export UV_CACHE_DIR := $(CURDIR)/$(VENV)/.cache/uv
export UV_PYTHON_DOWNLOADS := never
export UV_SYSTEM_CERTS := true
export PIP_CACHE_DIR := $(CURDIR)/$(VENV)/.cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help env demo test fast check model bench fuzz clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

env: $(STAMP) ## create .venv and install into it, once

demo: $(STAMP) ## a minute of real work on four local clouds; leaves demo.jsonl
	@$(BIN)/broker demo

test: $(STAMP) ## all tests; those that need a missing server are skipped by name
	$(BIN)/pytest -n 2 --dist loadfile

fast: $(STAMP) ## the tests that need no server and no process
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow"

check: $(STAMP) ## ruff, mypy, import contracts, migrations in step with the tables
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m migrations.check

model: $(STAMP) ## every state of a small model of the protocol; needs spin and a C compiler
	@$(BIN)/python -m tests.model.check

bench: $(STAMP) ## the benchmarks, as a table; LONG=1 with the rows that take minutes
	$(BIN)/python -m tests.bench $(if $(LONG),--long)

fuzz: $(STAMP) ## 20,000 random histories of the real steps, audited; SEED=7 tells one of them
	@$(BIN)/python -m tests.fuzz $(if $(SEED),--seed $(SEED)) $(if $(HISTORIES),--histories $(HISTORIES))

clean: ## remove what the other targets left, but not .venv
	rm -rf .coverage .demo .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist demo.jsonl
	find broker migrations providers tests workers -type d -name __pycache__ -prune -exec rm -rf {} +

# A Python is looked for by name, newest last, because `python3` may be too old.
$(STAMP): pyproject.toml constraints.txt
	@echo "Installing the tested set into $(VENV), once: a minute with a slow network, seconds with a fast one."
	@test -x $(BIN)/python || { \
	    for python in "$(PYTHON)" python3 python3.11 python3.12 python3.13 python3.14; do \
	        test -n "$$python" || continue; \
	        "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	        exec "$$python" -m venv $(VENV); \
	    done; \
	    echo "No Python 3.11 or later was found; name one with: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt uv \
	    && $(BIN)/uv pip install --quiet --python $(BIN)/python --editable '.[dev]' --constraint constraints.txt \
	    || { echo "uv cannot do it here; installing with pip."; \
	         $(BIN)/python -m pip install --quiet --no-compile --editable '.[dev]' --constraint constraints.txt; }
	@touch $@
