# Everything a newcomer, a developer and CI run. `make demo` and `make test` install what they need first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv pip
ROOMS := gateway policies ledger reports cli adapters
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install demo test check lint types arrows proto proto-check bench lock wheel clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

install: $(VENV)/installed  ## create .venv with the locked dependencies and Ombud, editable

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "uv>=0.9,<0.14"

$(VENV)/installed: pyproject.toml requirements.lock | $(BIN)/uv
	$(UV) install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(UV) install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

lock: | $(BIN)/uv  ## resolve pyproject.toml again into requirements.lock (hashes, no addresses)
	$(UV) compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	    --python-version 3.11 --all-extras --group dev -o requirements.lock pyproject.toml
