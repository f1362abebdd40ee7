# `make app` and `make test` are all that most people need; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PORT ?= 8501
# The first interpreter that starts; name another with PYTHON=/path/to/python3.11.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	"$$p" -c 'import sys' >/dev/null 2>&1 && echo "$$p" && break; done)
BIN := .venv/bin
ENVIRONMENT := $(if $(PYTHON),$(PYTHON) tools/environment.py,echo "falx: no Python found; install python3.11 and python3.11-venv" >&2; exit 1;)

# TensorFlow says nothing at start. (glibc's thresholds are raised by training itself; serving gains nothing by it, and
# gives back the memory of a huge upload only without.)
export TF_CPP_MIN_LOG_LEVEL ?= 3
export PYTHONUTF8 = 1

TASK ?= brain_tumor_type
MODEL ?= efficientnet
DATA ?= ../shared/data/brain_mri ../shared/data/brain_presence
WEIGHTS ?= imagenet
# `make app` is the demo unless DEMO=0 says otherwise.
DEMO ?= 1
# Processes that `make test` runs tests in; 0 for none but its own.
WORKERS ?= 2

.PHONY: help app test lint bench screens train docs gpu lock venv-app venv-training venv-test clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)$$/  make \1\t\2/' | expand -t 18

app: venv-app ## install what is missing, migrate, start the demo on http://localhost:8501 (PORT=… for another, DEMO=0 for no demo)
	@DEMO=$(DEMO) $(BIN)/python -m services.records migrate
ifneq ($(filter 1 true yes on,$(DEMO)),)
	@DEMO=$(DEMO) $(BIN)/python -m tools.demo_data || true
	@echo "falx: http://localhost:$(PORT) (the sign-in page has a button for each demo account; Ctrl+C stops)"
else
	@echo "falx: http://localhost:$(PORT) (Ctrl+C stops)"
endif
	@DEMO=$(DEMO) exec $(BIN)/python -m streamlit run app.py --server.port $(PORT) --server.headless true

test: venv-test ## install what the tests need, then ruff, mypy and pytest (ARGS="-k name" to choose)
	@$(PYTHON) tools/system_packages.py
	@$(MAKE) lint-only
	@$(BIN)/python -m pytest -n $(WORKERS) --durations=40 --durations-min=5 $(ARGS)

lint: venv-test ## ruff and mypy
	@$(MAKE) lint-only

.PHONY: lint-only
lint-only:
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: venv-test ## measure speed and memory against references and write docs/performance.md
	@$(BIN)/python -m benchmarks

screens: venv-test ## draw every page at 1440 and 390 pixels into docs/screens
	@$(PYTHON) tools/system_packages.py
	@$(BIN)/python -m tools.screens

train: venv-training ## train MODEL for TASK on the folders DATA from WEIGHTS, calibrate, register it live and evaluate it
	@$(BIN)/python -m training train --task $(TASK) --model $(MODEL) $(addprefix --data ,$(DATA)) --weights $(WEIGHTS)
	@$(BIN)/python -m training calibrate
	@$(BIN)/python -m training register --live
	@$(BIN)/python -m training evaluate --task $(TASK) --model $(MODEL) $(addprefix --data ,$(DATA))

docs: venv-test ## write the generated parts of docs/ and README.md again
	@$(BIN)/python -m tools.reference

gpu: ## put TensorFlow with CUDA in the place of the CPU build
	@$(ENVIRONMENT) training --gpu

lock: venv-test ## write the exact version of every package, indirect ones too, to constraints.txt
	@$(BIN)/python -m tools.lock

venv-app:
	@$(ENVIRONMENT) app

venv-training:
	@$(ENVIRONMENT) training

venv-test:
	@$(ENVIRONMENT) test

clean: ## remove the virtual environment and caches (data in var/ stays)
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
