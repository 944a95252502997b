# make demo   the whole workflow on Trp-cage, both directions, then a table of the results
# make demo-kinetics   nano-GPT, LSTM and Markov model on a model potential and on alanine dipeptide
# make base   the base that comes with mdllm, anew, from its collection: 6 minutes on one H200 GPU, hours without
# make picture   the picture of a figure in the README, from the results of the demo
# make gallery   docs/gallery and the picture of a page in the README, after the runs that they show; needs Chromium
# make test   all tests
# make test-fast   those that take no more than a second or so each, and run no workflow: a minute and a half
# make docs   the site, in site/, without warnings
# make lint   ruff, snakefmt, snakemake --lint, config files against their JSON Schemas
# make venv   only the environment that the others use
# make bench, make bench-gpu, make bench-slurm   measurements; records in benchmarks/records/
# make test-slurm, make slurm-events   tests on a SLURM that they start; the latter renews the table in docs/cluster.md

PYTHON ?= python3
BIN := .venv/bin
SLURM_TESTS ?= slurm
export OMP_NUM_THREADS ?= 1
# Processes that follow each other compile what they import once.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: venv demo base picture gallery demo-kinetics test test-fast lint schemas bench bench-gpu bench-slurm test-slurm slurm-events

venv: .venv/complete

.venv/complete: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$$($(PYTHON) --version) is too old: mdllm needs 3.11 or newer; set PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	PYTHONPATH=tests $(BIN)/python -c 'import forked; forked.import_of_others()'  # compiles what is imported, no more
	$(BIN)/python -m compileall -q src
	touch $@

demo: venv
	$(BIN)/snakemake --profile profiles/local --config only=trp_cage
	$(BIN)/mdllm report results/trp_cage

base: venv
	$(BIN)/snakemake --profile profiles/local base_medium
	mkdir -p src/mdllm/bases/shipped/medium
	cp $(addprefix results/bases/medium/,base.safetensors base.json provenance.json) src/mdllm/bases/shipped/medium/

picture:
	$(BIN)/python docs/picture.py results/trp_cage/base/figures/novelty.png docs/images/demo.png

gallery: venv
	$(BIN)/snakemake --profile profiles/local --config only=trp_cage,trp_cage_verified,four_state
	$(BIN)/python docs/gallery.py

demo-kinetics: venv
	$(BIN)/snakemake --profile profiles/local --config only=four_state,alanine_psi
	$(BIN)/mdllm report results/four_state results/alanine_psi

# Files of tests are shared among as many processes as there are cores, in the order that tests/conftest.py gives.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --dist loadscope --no-loadscope-reorder

test: venv
	$(PYTEST)

test-fast: venv
	$(PYTEST) -m "not slow and not slurm"

# Needs root, and the Debian packages slurm-wlm and munge: starts a SLURM of its own on this host.
test-slurm: venv
	$(BIN)/python -m pytest -m "$(SLURM_TESTS)" tests/slurm

slurm-events: venv
	MDLLM_EVENTS_TABLE=docs/cluster.md $(BIN)/python -m pytest -m slurm tests/slurm/test_events.py

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/mdllm schemas --check

docs: venv
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

schemas: venv
	$(BIN)/mdllm schemas

bench: venv
	$(BIN)/python benchmarks/tokenizer.py
	$(BIN)/python benchmarks/rollout.py
	$(BIN)/python benchmarks/workflow.py
	$(BIN)/python benchmarks/kinetics.py
	$(BIN)/python benchmarks/dry_run.py
	$(BIN)/python benchmarks/collect.py
	$(BIN)/python benchmarks/proposals.py
	$(BIN)/python benchmarks/novelty.py
	$(BIN)/python benchmarks/page.py
	$(BIN)/python benchmarks/dynamics.py
	$(BIN)/python benchmarks/survey.py
	$(BIN)/python benchmarks/solvents.py

bench-gpu: venv
	$(BIN)/python benchmarks/llm.py

bench-slurm: venv
	$(BIN)/python benchmarks/slurm_overhead.py
