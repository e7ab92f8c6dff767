# make demo    the built-in demo corpora, all the way to the printed table
# make test    lint, type check and tests
# make test-cluster   the workflow on a SLURM cluster of its own, and what happens to clusters
# Both create .venv when it is missing or the lock has changed. Also: bench, docs, environment, lint, lock, clean.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := demo
LINTERS := mypy snakemake-lint snakefmt ruff-format ruff-check lint-imports
.PHONY: demo test test-cluster lint $(LINTERS) bench docs environment lock clean

# Cores of the demo's workflow, processes of the tests.
CORES ?= all
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

TABLE := results/tables/noxi_ccc
# Holds the folder it was made in: an environment that was moved or copied does not run and is made anew.
STAMP := .venv/made_in
ifneq ($(file <$(STAMP)),$(CURDIR))
.PHONY: $(STAMP)
endif

# Snakemake's jobs find the environment's programs first, and nobody else's packages.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
unexport PYTHONPATH PYTHONHOME

demo: $(STAMP)
	snakemake --cores $(CORES) $(TABLE).csv
	@echo && cat $(TABLE).md

test: lint
	pytest --numprocesses $(JOBS) --maxprocesses 8 --dist loadfile --no-loadscope-reorder

# The workflow on a SLURM of its own, half an hour (CLUSTER_TESTS="not long": some minutes). Where it may (as root,
# with apt), it installs Debian's packages.
test-cluster: $(STAMP)
	bash tests/cluster/install.sh
	pytest --numprocesses 0 -rs -m "$(CLUSTER_TESTS)" tests/cluster

# Side by side, the longest first; the words of each come together, and one that fails stops no other.
lint: $(STAMP)
	@$(MAKE) --no-print-directory --jobs=$(JOBS) --keep-going --output-sync $(LINTERS)

mypy:
	mypy
snakemake-lint:
	snakemake --lint
snakefmt:
	snakefmt --check Snakefile workflow
ruff-format:
	ruff format --check
ruff-check:
	ruff check
lint-imports:
	lint-imports

bench: $(STAMP)
	python benchmarks/dry_run.py
	python benchmarks/extraction.py
	python benchmarks/scan.py
	python benchmarks/face_encoder.py
	python benchmarks/text_encoder.py
	python benchmarks/physio_step.py
	python benchmarks/store.py
	python benchmarks/full_size.py
	python benchmarks/affwild2_discovery.py
	python benchmarks/pickle_conversion.py
	python benchmarks/video_step.py
	python benchmarks/video_long.py
	python benchmarks/clip_efficiency.py
	python benchmarks/video_full_size.py
	python benchmarks/step.py
	python benchmarks/clip_step.py
	python benchmarks/clips_full_size.py
	if python -c "import torch; exit(not torch.cuda.is_available())"; then python benchmarks/gpu.py; fi

# The book as web pages; what makes them has an environment of its own, for it wants other versions.
docs: $(STAMP)
	test -x .venv-docs/bin/mkdocs || { python -m venv .venv-docs && .venv-docs/bin/pip install --quiet "mkdocs-material>=9.8,<10"; }
	.venv-docs/bin/mkdocs build --strict --quiet --config-file envs/docs.yml
	@echo "site/index.html"

environment: $(STAMP)

$(STAMP): envs/requirements.lock envs/overrides.txt envs/install.sh pyproject.toml
	@python=$$(bash envs/find_python.sh); \
	if [ "$$(cat $@ 2>/dev/null)" != "$$PWD" ]; then \
	    echo "creating .venv with $$python"; "$$python" -m venv --clear .venv; \
	fi; \
	echo "installing envs/requirements.lock"; \
	bash envs/install.sh .venv/bin/python; \
	printf '%s\n' "$$PWD" > $@

lock: $(STAMP)
	bash envs/lock.sh .venv/bin/python

clean:
	rm -rf .venv .venv-docs site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@echo "results/ and .snakemake (what made them) are kept: remove it yourself if you want it computed again"
