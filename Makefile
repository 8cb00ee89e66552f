# Everything a developer runs. `make help` lists it.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
# Its version decides the oldest protobuf that the generated code runs on; generated/ is compared byte for byte.
PROTOC := grpcio-tools==1.74.0
# Where `make run` serves. Not from the environment, where the name has other meanings.
PORT = 50051
# What exists of the folders that hold Python.
PYTHON_FOLDERS := $(wildcard src client/src tests benchmarks examples protos)

.DEFAULT_GOAL := help
.PHONY: help install run test check lint format typecheck contract generate bench bench-scale constraints clean

help: ## Lists the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Makes the environment in .venv, when pyproject.toml or constraints.txt have changed.

# The constraints are passed by the environment, so that they hold for the isolated builds too. grpcio-tools brings the
# compiler only: without its dependencies, since the protobuf that it asks for is older than the one the server runs on.
$(INSTALLED): pyproject.toml client/pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ./client --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps '$(PROTOC)'
	@touch $@

run: install ## Starts a server on SQLite, loads the sample catalog and prints a grpcurl line to try (PORT=50051).
	@$(BIN)/python examples/run.py --port $(PORT)

test: install ## Runs all tests, on SQLite and on PostgreSQL.
	$(BIN)/python -m pytest

check: lint typecheck contract ## Runs all that CI runs: style, types, layers, contract, tests.
	@$(MAKE) --no-print-directory test

lint: install ## Checks style, format and the layers of the architecture.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo

format: install ## Formats the code and mends what can be mended by itself.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

typecheck: install ## Checks types.
	$(BIN)/mypy $(PYTHON_FOLDERS)

contract: install ## Checks the contract (buf lint, buf breaking) and that generated/ is what it gives.
	$(BIN)/python protos/lint.py
	$(BIN)/python protos/generate.py --check

generate: install ## Writes generated/ anew from the contract.
	$(BIN)/python protos/generate.py

bench: install ## Measures speed against the floors of this machine.
	$(BIN)/python -m benchmarks

bench-scale: install ## Loads a million dashboards into PostgreSQL and lists them by every filter (20 minutes, 8 GB).
	$(BIN)/python -m benchmarks.scale

constraints: ## Renews constraints.txt: the newest versions that pyproject.toml allows.
	rm -rf .venv-constraints
	$(PYTHON) -m venv .venv-constraints
	.venv-constraints/bin/python -m pip install --quiet --disable-pip-version-check --editable ./client --editable '.[dev]' hatchling
	.venv-constraints/bin/python -m pip freeze --all --exclude-editable --exclude pip > constraints.txt
	rm -rf .venv-constraints

clean: ## Removes what the other targets have made.
	rm -rf .venv .venv-constraints .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
