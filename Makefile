# make run    serve the registry on port 8095 (root: ./registry_data unless set)
# make test   the tests; make lint, make bench, make demo, make soak
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := $(VENV)/demo
export OMNIBIOAI_MODEL_REGISTRY_ROOT ?= $(CURDIR)/registry_data
WORKERS ?= 2

.PHONY: run test lint bench demo soak clean

$(VENV)/.run: requirements.txt setup.cfg
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-dev.txt
	touch $@

run: $(VENV)/.run
	mkdir -p "$$OMNIBIOAI_MODEL_REGISTRY_ROOT"
	$(BIN)/gunicorn --config deploy/gunicorn.conf.py wsgi:application

test: $(VENV)/.dev
	tests/install-system-packages.sh
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow"

soak: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m slow

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

# The example's own requirements stay out of the service's environment; requirements-example.txt says why --no-deps.
$(DEMO)/.ready: requirements-example.txt | $(VENV)/.run
	test -x $(DEMO)/bin/python || $(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/python -m pip install -q --disable-pip-version-check --no-deps -r requirements-example.txt
	touch $@

demo: $(VENV)/.run $(DEMO)/.ready
	PYTHON=$(BIN)/python DEMO_PYTHON=$(DEMO)/bin/python examples/pbmc_celltype/demo.sh

clean:
	rm -rf $(VENV) build ./*.egg-info
