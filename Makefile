# Verbs only; `make help` lists them. Everything is made below .venv and build/.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo test faults soak bench lint dashboards monitoring-test clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## make the virtual environment with all that demo and test need

$(STAMP): pyproject.toml constraints.txt
	@echo "installing sardana-redis into $(VENV) (about a minute)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "sardana-redis needs Python 3.11 or later: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[local,test]'
	@touch $@

demo: install ## scan for real in a beamline of its own and read every value back
	@$(BIN)/sardana-redis demo

test: install lint ## all tests, on real parts, with coverage
	@mkdir -p build
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered --cov-report=xml:build/coverage.xml

faults: install ## faults on purpose: SEEDS=20 runs of each kind, ONLY=letters, SEED=one of them
	@$(BIN)/python -m tests.faults --seeds $(or $(SEEDS),20) $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED))

soak: install ## MINUTES=30 of scanning: MacroServer stays flat; GIGABYTES=30: so does a small Redis
	@$(BIN)/python -m tests.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(GIGABYTES),--gigabytes $(GIGABYTES))

monitoring-test: install ## alerts, dashboards and a real Prometheus on a real beamline
	@tests/monitoring/install-prometheus
	$(BIN)/python -m pytest tests/rules tests/monitoring

bench: install ## speed and memory beside what a user would take instead; ONLY=word
	@$(BIN)/python -m tests.bench $(if $(ONLY),--only $(ONLY))

dashboards: install ## write the chart's Grafana dashboards from dashboards/
	@$(BIN)/python -m dashboards

lint: install ## ruff, mypy --strict, import-linter
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

clean: ## remove what these verbs made
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*
