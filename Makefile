# Two commands for a newcomer: `make demo` and `make test`. Both set up .venv themselves.
# PIP_FLAGS passes options to pip: on a machine where PyPI's torch brings CUDA libraries you do not want, give PyTorch's
# CPU index, e.g.  make demo PIP_FLAGS="--extra-index-url <PyTorch's CPU wheel index>"
PYTHON ?= python3
PIP_FLAGS ?=
VENV := .venv
BIN := $(VENV)/bin
export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export HF_HUB_DISABLE_TELEMETRY := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: help demo test ui lint clean

help:
	@echo "make demo   raw instructions to report on the embedded corpus (Gemma-3-270M, two cores, no network)"
	@echo "make test   linters, type checker and every test"
	@echo "make ui     Dagster UI on 127.0.0.1:3000, with the history of your runs"

$(VENV)/made: 
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "promedical needs Python 3.11 or newer; set PYTHON=python3.11 (found %s)" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/local: $(VENV)/made pyproject.toml constraints.txt
	$(BIN)/python -m pip install -q $(PIP_FLAGS) -c constraints.txt -e ".[local]"
	touch $@

$(VENV)/dev: $(VENV)/made pyproject.toml constraints.txt
	$(BIN)/python -m pip install -q $(PIP_FLAGS) -c constraints.txt -e ".[local,dev]"
	touch $(VENV)/local $@

demo: $(VENV)/local
	$(BIN)/promedical run --profile local

ui: $(VENV)/local
	$(BIN)/promedical ui

lint: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint
	$(BIN)/pytest -q -n 2

clean:
	rm -rf .promedical dbt_project/target dbt_project/logs
