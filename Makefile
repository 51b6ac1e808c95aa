# Everything a developer types. `make run` and `make test` do their own set-up.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# Tests start many processes: what is compiled once must not be compiled again by each, whatever the surroundings say.
unexport PYTHONDONTWRITEBYTECODE
PARALLEL := -n auto --maxprocesses 4

.PHONY: help install run test check lint types imports unit bench soak mutate clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 12

install: $(STAMP) ## create .venv and install driftwatch with its pinned dependencies

$(STAMP): pyproject.toml requirements/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("driftwatch needs Python 3.11 or later, this is " + sys.version) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements/constraints.txt --editable '.[dev]'
	@touch $@

run: install ## watch driftwatch catch an unauthorised change on a simulated AWS account
	@$(BIN)/driftwatch demo $(ARGS) || code=$$?; case "$${code:-0}" in 0|2|3) ;; *) exit $$code ;; esac

check: lint types imports unit ## the quick loop: lint, types, layers, unit tests

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

imports: install
	$(BIN)/lint-imports

unit: install
	$(BIN)/pytest -q $(PARALLEL) --hypothesis-profile quick -m "not slow" tests/unit tests/test_house.py

test: lint types imports ## the whole suite
	$(BIN)/pytest -q $(PARALLEL) tests/unit tests/test_house.py
	$(BIN)/pytest -q $(PARALLEL) --dist loadfile tests --ignore tests/unit --ignore tests/benchmarks
	PGSERVER_POSTGRES_VERSION=16 $(BIN)/pytest -q $(PARALLEL) --dist loadfile -m postgres tests/contract/store # the newest runs above

bench: install ## measure: calls, CPU, wall time, memory, as ratios in one run
	$(BIN)/python -m tests.benchmarks

soak: install ## the faults in full: 10,000 scans, 10,000 changes, 200 worlds, 10,000 attacks on the ledger (hours)
	DRIFTWATCH_TEST_SCANS=10000 DRIFTWATCH_TEST_CHANGES=10000 DRIFTWATCH_TEST_EXAMPLES=200 $(BIN)/pytest -q -n 2 tests/faults
	$(BIN)/pytest -q --hypothesis-profile soak tests/unit/domain/test_ledger_check.py

mutate: install ## flip every comparison of the decision core, one at a time, and list what no test notices
	$(BIN)/python -m tests.mutation $(ARGS)

clean: ## remove the environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
