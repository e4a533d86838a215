# make demo    stamps samples/, damages copies as a social network would, and verifies both
# make test    everything that is checked before a change is accepted
#
# Both do all set-up themselves. They need Python 3.11 or later, with venv, and the network once.
# Another interpreter: make demo PYTHON=python3.13 (after `make clean`).

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
BIN := $(VENV)/bin
ON_POSTGRESQL := tests/cli/test_registry.py tests/cli/test_text_files.py tests/stamping/test_facts.py \
  tests/stamping/test_safety.py tests/batch/test_stamping.py tests/verification/test_recovery.py

.DEFAULT_GOAL := help
.PHONY: help demo test lint types imports unit test-postgresql format clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -5

demo: $(VENV)/.runtime
	@$(BIN)/python samples/demo.py

test: lint types imports unit test-postgresql

lint: $(VENV)/.development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.development
	$(BIN)/mypy

imports: $(VENV)/.development
	$(BIN)/lint-imports

unit: $(VENV)/.development
	$(BIN)/pytest -n $(JOBS)

# What goes through the registry once more, with every registry that no test names in PostgreSQL; the
# tests of the registry itself run on both databases in any case. Skipped where no server is installed.
test-postgresql: $(VENV)/.development
	LABELER_TESTS_ON=postgresql $(BIN)/pytest -n $(JOBS) $(ON_POSTGRESQL)

format: $(VENV)/.development
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV)

# What is installed follows pyproject.toml. The project itself is editable: changes need no set-up.

$(VENV)/.runtime: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'Python 3.11 or later is needed; say where it is with PYTHON=...'; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' \
	  || { echo 'Python lacks venv; on Debian and Ubuntu: apt-get install python3-venv'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[heic]'
	@touch $@

$(VENV)/.development: $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@
