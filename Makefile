# make reproduce   environment, then the default experiment
# make test        environment, then the tests
# make lint        what CI checks besides the tests
# make record      commit the results of a plain Snakemake run to DVC
# make lock        resolve requirements.in anew

PYTHON ?= python3
BIN := .venv/bin
# Rules call `python`; this is the environment's, also without activation.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export VIRTUAL_ENV := $(CURDIR)/.venv

.PHONY: environment reproduce test lint record lock

reproduce: environment
	snakemake --cores all

test: environment 
	python -m pytest -n 2 --dist loadfile tests

lint: environment
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile rules
	snakemake --lint

record: environment
	dvc commit --force
	git add dvc.lock summary

environment: .venv/.installed $(BIN)/sparebits

# Installed as locked, to the hash; the marker appears only when everything is there.
.venv/.installed: requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	touch $@

# The command `sparebits`, of this folder as it is; setuptools came with the locked packages.
$(BIN)/sparebits: .venv/.installed pyproject.toml
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-index --editable .
	touch $@

lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv
	.venv-lock/bin/uv pip compile requirements.in --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --upgrade --output-file requirements.lock
	rm -rf .venv-lock
