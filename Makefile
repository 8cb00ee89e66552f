# Everything a developer runs. `make help` lists it.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Its version decides the oldest protobuf that the generated code runs on; generated/ is compared byte by byte.
PROTOC := grpcio-tools==1.74.0
# Ports of `make run`. Not taken from the environment, where the names have other meanings.
PORT = 50051
HTTP_PORT = 8585
# The database of `make acceptance`.
DATABASE_URL =
# What has Python in it, as far as it exists.
PYTHON_FOLDERS := $(wildcard hatch_build.py src client/src tests benchmarks examples protos)

# Tests start many processes, and each of them would compile the code again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install run test acceptance check lint format typecheck contract generate examples dist dist-check bench bench-scale bench-search restarts watching fuzz upgrades constraints clean

help: ## Lists the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Creates or updates the environment in .venv.

# An environment variable passes the constraints, so that they hold for isolated builds too. grpcio-tools is installed
# without its dependencies, since it asks for an older protobuf than the server runs on.
$(INSTALLED): pyproject.toml hatch_build.py client/pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	@echo 'Creating the environment in .venv ...'
	@$(PYTHON) -m venv .venv
	@echo 'Installing the packages of pyproject.toml into .venv; at first this takes'
	@echo 'a minute or two ...'
	@PIP_CONSTRAINT=constraints.txt $(PIP_INSTALL) --editable ./client --editable '.[dev]'
	@echo 'Installing the protobuf compiler ...'
	@$(PIP_INSTALL) --no-deps '$(PROTOC)'
	@touch $@

run: install ## Starts a server, loads a sample, shows calls (PORT=50051, HTTP_PORT=8585).
	@$(BIN)/python examples/run.py --port $(PORT) --http-port $(HTTP_PORT)

test: install ## Runs all tests, on SQLite and on PostgreSQL.
	$(BIN)/python -m pytest

acceptance: install ## Runs the tests of the server on a PostgreSQL of yours, and deletes all that it holds (DATABASE_URL=...).
	@test -n '$(DATABASE_URL)' || { echo 'Which database? make acceptance DATABASE_URL=postgresql://...' >&2; exit 2; }
	DASHBOARD_CATALOG_TEST_DATABASE_URL='$(DATABASE_URL)' $(BIN)/python -m pytest -n 0 -k 'not sqlite' tests/service tests/http

check: lint typecheck contract ## Runs what CI runs: lint, typecheck, contract, test.
	@$(MAKE) --no-print-directory test

lint: install ## Checks style, format and the layers of the architecture.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo

format: install ## Formats the code and fixes what ruff can fix.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

typecheck: install ## Checks types.
	$(BIN)/mypy $(PYTHON_FOLDERS)

contract: install ## Checks the contract, and that generated/ is up to date.
	$(BIN)/python protos/lint.py
	$(BIN)/python protos/generate.py --check

generate: install ## Regenerates generated/ from the contract.
	$(BIN)/python protos/generate.py

examples: install ## Runs clients in other languages; needs Go, Node, Java.
	$(BIN)/python examples/clients/run.py

dist: install ## Builds wheels and source distributions of the server and the client in dist/.
	rm -rf dist
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m build --outdir dist client
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m build --outdir dist .

dist-check: dist ## Installs what is in dist/ into empty environments, and tries it there (3 min).
	$(BIN)/python -m tests.packaging dist

bench: install ## Measures speed against the limits of this machine (12 min).
	$(BIN)/python -m benchmarks

bench-scale: install ## Measures lists of a million dashboards (20 min, 8 GB).
	$(BIN)/python -m benchmarks.scale

bench-search: install ## Measures the search index of 4 million assets (1 h, 8 GB).
	$(BIN)/python -m benchmarks.searching --beside 100000

restarts: install ## Restarts servers under callers, and counts their errors.
	$(BIN)/python -m benchmarks.restarts

watching: install ## Kills servers under writers of both doors and watchers, and compares what they saw.
	$(BIN)/python -m benchmarks.watching

fuzz: install ## Sends 230,000 malformed calls and 10,000 HTTP requests to each database, and compares 2,000 sequences with a model (1 h).
	$(BIN)/python -m tests.fuzz
	$(BIN)/python -m tests.fuzz --door http --calls 10000
	$(BIN)/python -m tests.model

upgrades: install ## Runs the servers of all earlier schemas beside one of today, on upgraded databases (10 min).
	$(BIN)/python -m tests.upgrades

constraints: ## Updates constraints.txt to the newest allowed versions.
	rm -rf .venv-constraints
	$(PYTHON) -m venv .venv-constraints
	.venv-constraints/bin/python -m pip install --quiet --disable-pip-version-check --editable ./client --editable '.[dev]'
	.venv-constraints/bin/python -m pip freeze --all --exclude-editable --exclude pip --exclude setuptools > constraints.txt
	rm -rf .venv-constraints

clean: ## Removes what the other targets created.
	rm -rf .venv .venv-constraints .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
