# make demo   the whole workflow on Trp-cage, both directions, then a table of the results
# make test   all tests
# make lint   ruff, snakefmt, snakemake --lint, config files against their JSON Schemas
# make venv   only the environment that the others use
# make bench, make bench-gpu   measurements; records in benchmarks/records/

PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1

.PHONY: venv demo test lint schemas bench bench-gpu test-slurm

venv: .venv/complete

.venv/complete: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$$($(PYTHON) --version) is too old: mdllm needs 3.11 or newer; set PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

demo: venv
	$(BIN)/snakemake --profile profiles/local --config only=trp_cage
	PYTHONPATH=src $(BIN)/python -m mdllm.analysis.table results/trp_cage

test: venv
	$(BIN)/python -m pytest

# Needs root, and the Debian packages slurm-wlm and munge: starts a SLURM of its own on this host.
test-slurm: venv
	$(BIN)/python -m pytest -m slurm tests/slurm

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	PYTHONPATH=src $(BIN)/python -m mdllm.core.schemas --check

schemas: venv
	PYTHONPATH=src $(BIN)/python -m mdllm.core.schemas

bench: venv
	PYTHONPATH=src $(BIN)/python benchmarks/tokenizer.py
	PYTHONPATH=src $(BIN)/python benchmarks/rollout.py
	PYTHONPATH=src $(BIN)/python benchmarks/workflow.py

bench-gpu: venv
	PYTHONPATH=src $(BIN)/python benchmarks/llm.py
