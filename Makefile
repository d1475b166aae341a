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

.PHONY: help demo test label-studio test-label-studio vllm test-vllm ui docs curves lint clean bench-data bench-curation bench-dedup bench-marts bench-replay bench-rm

help:
	@echo "make demo   raw instructions to report on the embedded corpus (Gemma-3-270M, two cores, no network)"
	@echo "make test   linters, type checker and every test"
	@echo "make label-studio   Label Studio in an environment of its own; make test then drives a real one"
	@echo "make vllm   vLLM's own environment in .venv-vllm, for promedical serve (3.4 GB); make test-vllm tests with it"
	@echo "make ui     Dagster UI on 127.0.0.1:3000, with the history of your runs"
	@echo "make docs   the warehouse's tables and columns, on 127.0.0.1:8080"
	@echo "make curves   TensorBoard on 127.0.0.1:6006: losses and accuracies of reward models, also while they train"
	@echo "make bench-data   823,703 instructions from raw files to marts, with limits and peers (about half an hour)"
	@echo "make bench-rm   the reward model's speed against TRL's RewardTrainer, on Gemma-3-270M (about a quarter of an hour)"

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

# Label Studio pins much that the project does not want, so it has an environment of its own. With it, the tests drive a real one.
LABEL_STUDIO := .venv-label-studio

$(LABEL_STUDIO)/made:
	$(PYTHON) -m venv $(LABEL_STUDIO)
	$(LABEL_STUDIO)/bin/python -m pip install -q $(PIP_FLAGS) label-studio==1.23.2
	touch $@

label-studio: $(LABEL_STUDIO)/made

# Named, the environment has to be there: nothing is skipped.
test-label-studio: $(VENV)/dev label-studio
	PROMEDICAL_LABEL_STUDIO=$(CURDIR)/$(LABEL_STUDIO) $(BIN)/pytest -q tests/integration/test_label_studio.py

$(VENV)/bench: $(VENV)/dev
	$(BIN)/python -m pip install -q $(PIP_FLAGS) -c constraints.txt -e ".[bench]"
	touch $@

demo: $(VENV)/local
	$(BIN)/promedical run --profile local

ui: $(VENV)/local
	$(BIN)/promedical ui

DBT_DOCS = PROMEDICAL_WAREHOUSE=$(CURDIR)/.promedical/warehouse/promedical.duckdb \
	PROMEDICAL_RAW=$(CURDIR)/.promedical/warehouse/raw $(BIN)/dbt docs

docs: $(VENV)/local
	@test -f .promedical/warehouse/promedical.duckdb || { echo "no warehouse yet: run make demo first"; exit 1; }
	$(DBT_DOCS) generate --project-dir dbt_project --profiles-dir dbt_project
	$(DBT_DOCS) serve --project-dir dbt_project --profiles-dir dbt_project --host 127.0.0.1 --port 8080 --no-browser

curves: $(VENV)/local
	$(BIN)/tensorboard --logdir .promedical/store/curves --host 127.0.0.1

# Each prints a table with its limits, and goes on to the next if one does not hold: make -k bench-data.
bench-data: bench-curation bench-marts bench-dedup

bench-curation: $(VENV)/bench
	$(BIN)/python -m tests.benchmarks.bench_curation

bench-marts: $(VENV)/bench
	$(BIN)/python tests/benchmarks/bench_marts.py

bench-dedup: $(VENV)/bench
	$(BIN)/python -m tests.benchmarks.bench_dedup 205925 --systems ours semhash --repeat 1

bench-replay: $(VENV)/local
	$(BIN)/python -m tests.benchmarks.bench_replay

# Wants the machine to itself, and about 16 GB for whole sequences; BENCH_RM="--quick --only train" and the like for a part of it.
BENCH_RM ?=

bench-rm: $(VENV)/local
	$(BIN)/python -m tests.benchmarks.bench_rm $(BENCH_RM)

lint: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint
	$(BIN)/pytest -q -n 2

# Does nothing where it is there.
vllm: $(VENV)/local
	$(BIN)/promedical serve --install-only --env .venv-vllm --pip-args="$(PIP_FLAGS)"

# Named, the environment has to be there: nothing is skipped.
test-vllm: $(VENV)/dev vllm
	PROMEDICAL_VLLM=$(CURDIR)/.venv-vllm $(BIN)/pytest -q tests/integration/test_serve.py tests/integration/test_vllm_chain.py

clean:
	rm -rf .promedical dbt_project/target dbt_project/logs
