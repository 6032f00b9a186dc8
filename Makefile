# SPDX-FileCopyrightText: 2026 The Ombud authors
# SPDX-License-Identifier: Apache-2.0
# Everything a newcomer, a developer and CI run. Each target installs what it needs first.
PYTHON ?= python3
JOBS ?= auto
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv pip
GIT_FILES := git ls-files --cached --others --exclude-standard
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo demo-reports test check install lint format types arrows proto proto-check vectors bench lock wheel clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: install  ## run the main job on real data, leave a ledger in var/demo
	$(BIN)/ombud demo

demo-reports: install  ## the same, with the reports that take longer: explanations, more drift
	$(BIN)/ombud demo --reports

test: install  ## run the tests, side by side (JOBS=0: one after the other)
	$(BIN)/python -m pytest --numprocesses $(JOBS) --maxprocesses 8 --dist loadfile

check: lint types arrows proto-check test  ## everything CI runs

install: $(VENV)/installed  ## create .venv with the locked dependencies and Ombud, editable

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Ombud needs Python 3.11 or newer; name one: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "This Python cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@sed -n '/^uv==/,/# via/p' requirements.lock > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r $(VENV)/uv.lock

# The build backend is locked like everything else, so the editable install fetches nothing of its own.
$(VENV)/installed: pyproject.toml requirements.lock | $(BIN)/uv
	$(UV) install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(UV) install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

lint: install  ## ruff, and a note on modules that outgrew one idea
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(GIT_FILES) '*.py' | grep -v '_pb2' | xargs wc -l | \
	    awk '$$1 > 450 && $$2 != "total" { print "note: " $$2 " has " $$1 " lines; is it still one idea?" }'

format: install  ## let ruff format everything
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: install  ## mypy, strict, over code, tests and benchmarks
	$(BIN)/mypy

arrows: install  ## import linter: which room may import which
	$(BIN)/lint-imports --no-logo

PROTOC := $(BIN)/python -m grpc_tools.protoc -I proto
PROTOS = $(shell cd proto && find . -name '*.proto' | sort | sed 's|^\./||')

proto: install  ## generate the wire types into adapters/ombud/v1
	$(PROTOC) --python_out=adapters --pyi_out=adapters --grpc_python_out=adapters $(PROTOS)

proto-check: install  ## buf lint, buf breaking, and stubs that are not stale
	$(BIN)/buf lint
	./.ci/proto-breaking $(BIN)/buf
	@rm -rf build/proto && mkdir -p build/proto
	@$(PROTOC) --python_out=build/proto --pyi_out=build/proto --grpc_python_out=build/proto $(PROTOS)
	@diff -r -x __init__.py -x __pycache__ build/proto/ombud/v1 adapters/ombud/v1 || \
	    { echo "the generated wire types are stale: make proto" >&2; exit 1; }

vectors: install  ## make the ledger's test vectors again; a test refuses stale ones
	$(BIN)/python ledger/vectors/make_vectors.py

bench: install  ## run every benchmark, write benchmarks/results/*.json
	$(BIN)/python -m benchmarks.run

lock: | $(BIN)/uv  ## resolve pyproject.toml again into requirements.lock (UPGRADE=--upgrade for newer versions)
	$(UV) compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	    --python-version 3.11 --all-extras --group dev $(UPGRADE) -o requirements.lock pyproject.toml

wheel: install  ## build the wheel into dist/
	$(BIN)/uv build --quiet --wheel --no-build-isolation --python $(BIN)/python

clean:  ## remove everything that can be made again, except var/
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
